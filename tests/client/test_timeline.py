"""The handle's snapshots, and how it explains a key."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import requests

from state.client.timeline import keys_to_explain
from state.errors import NotFound, NotInTime
from state.model.scopes import TaskScope

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def task(stateroom):
    return stateroom.task("etl", "submit")


def test_a_snapshot_can_be_returned_to(stateroom, task):
    task.set("page", 1)
    stateroom.snapshot("before")
    task.retry().set("page", 2)
    stateroom.restore("before")
    assert stateroom.state == {"etl/submit": {"page": 1}}
    again = stateroom.task("etl", "submit")
    assert again.ti_id == task.ti_id
    assert again.get("page") == 1


def test_what_changed_since_a_snapshot(stateroom, task):
    task.set("page", 1)
    task.set("old", 1)
    stateroom.snapshot("before")
    task.set("page", 2)
    task.set("new", 3)
    task.delete("old")
    stateroom.snapshot("after")
    task.clear()
    diff = stateroom.diff("before", "after")
    assert [(row["key"], row["value"]) for row in diff["added"]] == [("new", 3)]
    assert [(row["key"], row["value"]) for row in diff["removed"]] == [("old", 1)]
    assert [(row["key"], row["before"], row["after"]) for row in diff["changed"]] == [
        ("page", 1, 2)
    ]
    assert len(stateroom.diff("before")["removed"]) == 2


def test_an_unknown_snapshot_is_an_error(stateroom):
    with pytest.raises(NotFound, match="unknown"):
        stateroom.restore("unknown")


def test_waiting_sees_what_a_restore_brought_back(stateroom, task):
    task.set("page", 1)
    stateroom.snapshot("before")
    task.delete("page")
    with pytest.raises(NotInTime):
        stateroom.wait_for("page", timeout=0.05)
    stateroom.restore("before")
    assert stateroom.wait_for("page", timeout=0.05) == 1


def test_the_history_of_a_key_has_what_changed_it(stateroom, task):
    task.set("page", 1)
    task.get("page")
    task.set("other", 1)
    task.retry().set("page", 2)
    task = stateroom.task("etl", "submit")
    task.clear()
    story = stateroom.history("page", of=task)
    assert [(event.op, event.value, event.try_number) for event in story] == [
        ("set", 1, 1),
        ("set", 2, 2),
        ("delete", None, 2),
    ]


def test_the_value_at_any_moment_is_known(stateroom, task):
    stateroom.clock.freeze(NOON)
    for page in (1, 2):
        task.set("page", page)
        stateroom.clock.advance(hours=1)
    numbers = [event.seq for event in stateroom.journal.calls("set")]
    assert [
        stateroom.value_at("page", at, of=task)
        for at in (NOON, NOON + timedelta(hours=1), *numbers)
    ] == [
        1,
        2,
        1,
        2,
    ]
    assert stateroom.value_at("page", NOON - timedelta(hours=1), of=task) is None


def test_a_key_that_one_scope_has_needs_no_scope(stateroom, task):
    task.set("page", 1)
    assert stateroom.value_at("page", 10**9) == 1
    stateroom.asset("orders").set("page", 2)
    with pytest.raises(
        ValueError, match="key 'page' exists in asset orders, etl/submit; choose one"
    ):
        stateroom.history("page")
    with pytest.raises(ValueError, match="no task and no asset has a key 'pages'"):
        stateroom.history("pages")


def test_a_lost_update_is_marked_in_the_history_too(stateroom):
    one, two = (
        stateroom.context("etl", task, assets=["orders"])["asset_state_store"]
        for task in ("one", "two")
    )
    one.get("total")
    two.get("total")
    one.set("total", 1)
    two.set("total", 2)
    first, second = stateroom.history("total")
    (lost,) = stateroom.journal.lost_updates()
    assert first.lost is None
    assert second.lost == first.seq
    assert lost.lost.seq == first.seq


# ---------------------------------------------------------------- explanations


def test_a_sentence_says_when_a_key_expires(stateroom, task):
    stateroom.clock.freeze(NOON)
    task.set("page", 1, retention=timedelta(days=1))
    assert "expires in 1 day, at 2030-01-02T12:00:00Z" in stateroom.explain("page")


def test_a_sentence_says_where_a_missing_key_is_instead(stateroom, task):
    stateroom.task("etl", "submit", map_index=3).set("page", 1)
    assert "the same task has it for map index 3" in stateroom.explain("page", of=task)


def explanations(stateroom):
    """The first words of each paragraph below the timeline."""
    paragraphs = [
        line
        for line in stateroom.timeline().rpartition("\n\n")[2].splitlines()
        if line[:4] != "    "
    ]
    return [" ".join(line.split()[:5]) for line in paragraphs]


def test_the_timeline_explains_missing_and_expired_keys(stateroom, task):
    stateroom.clock.freeze(NOON)
    task.set("page", 1, retention=timedelta(hours=1))
    task.set("kept", 1)
    stateroom.clock.advance(hours=2)
    task.get("pages")
    assert explanations(stateroom) == [
        "etl/submit: There is no 'pages'",
        "etl/submit: 'page' expired 1 hour",
    ]


def test_a_key_is_explained_until_the_awaited_retry_begins(stateroom, task):
    task.set("page", 1, retention=timedelta(minutes=1))
    task.report("up_for_retry", retry_delay_seconds=3600)
    assert explanations(stateroom)[0].startswith("etl/submit: 'page' expires in")
    task.retry()
    assert not stateroom.timeline().endswith(".")


def test_the_memory_fixtures_explain_too(task_state_store, request):
    task_state_store.set("page", 1)
    task_state_store.get("pages")
    memory = request.getfixturevalue("_stateroom_memory")
    assert explanations(memory) == ["dag/task: There is no 'pages'"]


@pytest.mark.parametrize(("late", "expired"), [(0, False), (1, True)])
def test_a_key_is_expired_only_after_its_moment(late, expired):
    scope = {"dag_id": "etl", "run_id": "run", "task_id": "submit", "map_index": -1}
    row = {**scope, "key": "page", "value": 1, "expires_at": "2030-01-01T12:00:00Z"}
    now = NOON + timedelta(microseconds=late)
    keys = keys_to_explain([], {"task_state_store": [row]}, now)
    assert keys == [(TaskScope("etl", "run", "submit"), "page")] * expired


def test_the_timeline_says_which_task_changed_a_variable(stateroom, task):
    place = {"dag_id": "etl", "run_id": task.scope.run_id, "task_id": "submit"}
    attempt = requests.get(f"{stateroom.url}/_stateroom/task-instances", params=place).json()
    headers = {"Authorization": f"Bearer {attempt['token']}"}
    path = f"{stateroom.execution_url}/variables"
    requests.put(f"{path}/limit", json={"val": "5"}, headers=headers).raise_for_status()
    requests.put(f"{path}/api_key", json={"val": "secret"}, headers=headers).raise_for_status()
    requests.delete(f"{path}/limit", headers=headers).raise_for_status()
    lines = [line.split(maxsplit=1)[1] for line in stateroom.timeline().splitlines()[-3:]]
    assert [" ".join(line.split()) for line in lines] == [
        'attempt 1 set variable limit "5"',
        'attempt 1 set variable api_key "***"',
        "attempt 1 delete variable limit",
    ]
