"""Lists for the pages: counts, search, sorting and paging, per namespace."""

from datetime import timedelta

import pytest

from state.model.clock import from_text
from state.model.scopes import API_WRITER, TaskScope
from state.store import keyspaces
from state.store.tables import assets, task_instances
from state.store.views import details, history, keys, lists
from state.store.views.lists import Search, order

RUN = "manual__1"
LATER = "manual__2"
EVERYTHING = Search()
SIZES = {"a": 1, "b": 20, "c": 3}


@pytest.fixture
def filled(store):
    """Two runs of a dag with three tasks in all, and an asset."""
    namespace = store.namespace()
    for run_id, task_id in ((RUN, "extract"), (RUN, "load"), (LATER, "extract")):
        task_instances.create_task_instance(namespace, TaskScope("etl", run_id, task_id))
    assets.create_asset(namespace, "orders", "s3://bucket/orders")
    extract = keyspaces.task(namespace, TaskScope("etl", RUN, "extract"), API_WRITER)
    for key, size in SIZES.items():
        extract.set(key, "x" * size)
    extract.set("ref", {"__airflow_state_ref__": "s3://bucket/1"})
    keyspaces.task(namespace, TaskScope("etl", RUN, "load")).set(
        "broken", {"__airflow_state_ref__": 1}
    )
    keyspaces.asset(namespace, name="orders").set("watermark", "2026")
    return namespace


def runs(namespace, search=EVERYTHING, sort="run", down=False, limit=50, offset=0):
    return lists.runs(namespace, search, order("runs", sort, down), limit, offset)


def key_names(namespace, search=EVERYTHING, sort="key", down=False, limit=50, offset=0):
    return [
        row["key"]
        for row in keys.matching(namespace, search, order("keys", sort, down), limit, offset)
    ]


def test_runs_are_counted_with_what_they_hold(filled):
    rows = {
        row["run_id"]: (row["tasks"], row["keys"], row["references"], row["malformed"])
        for row in runs(filled)
    }
    assert rows == {RUN: (2, 5, 1, 1), LATER: (1, 0, 0, 0)}


def test_totals_count_one_namespace(filled, store):
    other = store.create_namespace("other")
    assets.create_asset(other, "orders")
    assert lists.totals(other, Search())["keys"] == 0
    assert lists.totals(filled, Search()) == {
        "runs": 2,
        "tasks": 3,
        "assets": 1,
        "keys": 6,
        "references": 1,
        "expired": 0,
        "unhealthy": 0,
        "malformed": 1,
    }


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (Search(), ["a", "b", "broken", "c", "ref", "watermark"]),
        (Search(("LOAD",)), ["broken"]),
        (Search(("etl", "ref")), ["ref"]),
        (Search(("s3://bucket/ord",)), ["watermark"]),
        (Search(("%",)), []),
        (Search(only="references"), ["ref"]),
        (Search(only="malformed"), ["broken"]),
        (Search(only="unhealthy"), []),
        (Search(dag_id="etl"), ["a", "b", "broken", "c", "ref"]),
        (Search(dag_id="etl", run_id=LATER), []),
    ],
)
def test_keys_are_found_by_scope_and_name(filled, search, expected):
    assert key_names(filled, search) == expected
    assert lists.totals(filled, search)["keys"] == len(expected)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("JOB-4711", ["job"]),
        ("größe", ["job"]),
        ("2026", ["watermark"]),
        ("100%_", ["percent"]),
        ('"100', ["percent"]),
        ("xx", ["b", "c"]),
        ("s3://bucket/1", []),
        ("extract", ["a", "b", "c", "job", "large", "percent", "ref"]),
    ],
)
def test_keys_are_found_by_their_values(filled, word, expected):
    extract = keyspaces.task(filled, TaskScope("etl", RUN, "extract"))
    extract.set("job", {"id": "job-4711", "label": "Größe"})
    extract.set("percent", 'say "100%_"')
    extract.set("large", "x" * 65_535)
    search = lists.in_values(filled, Search((word,)))
    assert key_names(filled, search) == expected
    assert lists.totals(filled, search)["keys"] == len(expected)


def test_keys_sort_by_size_and_come_a_page_at_a_time(filled):
    assert key_names(filled, sort="size", limit=2) == ["a", "c"]
    assert key_names(filled, sort="size", down=True, limit=1, offset=1) == ["broken"]


@pytest.mark.parametrize("sort", ["keys", "references", "tasks", "run", "dag", "updated_at"])
def test_page_of_runs_is_the_same_before_and_after_counting(filled, sort):
    whole = [row["run_id"] for row in runs(filled, sort=sort)]
    parts = [
        row["run_id"]
        for offset in (0, 1)
        for row in runs(filled, sort=sort, limit=1, offset=offset)
    ]
    assert parts == whole
    assert len(whole) == 2


def test_an_unhealthy_reference_counts_once_it_was_checked(filled, store):
    with store.transaction() as db:
        db.execute("UPDATE refs SET health = 'missing'")
    assert key_names(filled, Search(only="unhealthy")) == ["ref"]
    assert runs(filled, Search(only="unhealthy"))[0]["unhealthy"] == 1


def test_a_large_value_is_not_read_for_a_list(filled):
    extract = keyspaces.task(filled, TaskScope("etl", RUN, "extract"))
    extract.set("large", "x" * 200_000)
    (row,) = keys.matching(filled, Search(("large",)), order("keys", "key", False), 50, 0)
    assert row["beginning"] == ""
    assert row["size"] == 200_002


def test_map_indices_near_one_are_shown_in_order(filled):
    for index in range(100):
        task_instances.create_task_instance(filled, TaskScope("etl", RUN, "many", index))
    task = details.task(filled, TaskScope("etl", RUN, "many", 50))
    indices = [row["map_index"] for row in details.siblings(filled, task)]
    assert indices == sorted(indices)
    assert 50 in indices
    assert len(indices) == 60


def test_the_current_attempt_stands_first(filled):
    task_instances.create_task_instance(filled, TaskScope("etl", RUN, "extract"))
    task = details.task(filled, TaskScope("etl", RUN, "extract"))
    assert [row["try_number"] for row in details.attempts(filled, task["scope_id"])] == [2, 1]


def test_history_leaves_out_what_changed_nothing(filled):
    extract = keyspaces.task(filled, TaskScope("etl", RUN, "extract"))
    extract.get("a")
    extract.delete("a")
    extract.delete("a")
    task = details.task(filled, TaskScope("etl", RUN, "extract"))
    assert [row["op"] for row in history.changes(filled, task["scope_id"], "a", 50)] == [
        "delete",
        "set",
    ]


def test_the_latest_writes_are_those_that_took_effect(filled):
    extract = keyspaces.task(filled, TaskScope("etl", RUN, "extract"))
    extract.delete("a")
    extract.delete("a")
    extract.clear()
    assert [row["op"] for row in history.latest(filled, 3)] == ["clear", "delete", "set"]


def test_a_change_is_found_by_the_moment_that_it_shows(filled):
    scope = TaskScope("etl", RUN, "extract")
    scope_id = details.task(filled, scope)["scope_id"]
    for number in range(20):
        keyspaces.task(filled, scope).set("n", number)
    events = history.history(filled, scope, "n")
    numbers = {event["at"]: event["seq"] for event in events}
    for at, seq in numbers.items():
        moment = from_text(at)
        assert history.last_before(filled, scope_id, "n", moment) == seq
        assert history.at(filled, scope, "n", moment)["seq"] == seq
    before = from_text(events[0]["at"]) - timedelta(microseconds=1)
    assert history.last_before(filled, scope_id, "n", before) is None
    assert history.at(filled, scope, "n", before) is None
