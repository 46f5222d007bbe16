"""The journal: each request and each effect on a row, in order, with its actor and its value."""

import threading
import time

import pytest

from state.errors import NamespaceDropped
from state.model import tokens
from state.model.scopes import AssetStateStoreWriterKind, TaskScope, Writer
from state.store import keyspaces
from state.store.store import Store
from state.store.tables import assets, task_instances
from tests.support.world import (
    ASSET_KEY,
    CORE_TASK,
    EXTRACT,
    MAPPED,
    RUN,
    SECRET,
    TASK_KEY,
    TI,
    WORLD,
    admin,
    bearer,
)

ODD = "019b0000-0000-7000-8000-00000000ffff"


@pytest.fixture
def journal(world):
    """The events of a query, or of the whole journal since the fixture was put."""
    last = world.get("/_stateroom/journal?limit=1").json["last"]
    return lambda query="": world.get(f"/_stateroom/journal?after={last}&{query}").json["events"]


def summaries(events):
    return [(event["op"], event["key"], event["status"]) for event in events]


def test_reads_and_writes_are_in_order_with_their_values(world, journal):
    world.put(TASK_KEY, json={"value": {"page": 1}})
    world.get(TASK_KEY)
    world.delete(TASK_KEY)
    world.get(TASK_KEY)
    events = journal()
    assert summaries(events) == [
        (op, "job_id", status)
        for op, status in [("set", 204), ("get", 200), ("delete", 204), ("get", 404)]
    ]
    assert events[0]["value"] == {"page": 1}
    assert events[1]["saw"] == events[0]["seq"]
    assert events[0]["scope"] == {**EXTRACT, "map_index": -1}
    assert [event["actor"] for event in events] == [
        {"kind": "task", "ti_id": TI, "try_number": 1}
    ] * 4


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("dag_id=etl", ["job_id", "k"]),
        ("task_id=mapped", ["k"]),
        (f"dag_id=etl&run_id={RUN[:18]}&task_id=extract", ["job_id"]),
        ("latest=1&map_index=0", ["k"]),
        ("dag_id=nope", []),
    ],
)
def test_events_of_all_task_instances_that_fit(world, journal, query, keys):
    world.put(TASK_KEY, json={"value": 1})
    world.put(f"/execution/store/ti/{MAPPED}/k", json={"value": 1})
    world.put(ASSET_KEY, json={"value": 1})
    assert [event["key"] for event in journal(f"fitting=1&{query}")] == keys


def test_without_fitting_coordinates_have_to_be_whole(world):
    assert world.get("/_stateroom/journal?dag_id=etl").status_code == 422


def test_numbers_grow_and_are_never_used_again(world, journal):
    world.put(TASK_KEY, json={"value": 1})
    before = journal()[-1]["seq"]
    world.post("/_stateroom/reset")
    world.put("/_stateroom/fixture", json=WORLD)
    world.put(TASK_KEY, json={"value": 2})
    after = [event["seq"] for event in journal()]
    assert after == sorted(set(after))
    assert after[-1] > before


REFUSED = [
    (
        lambda c: c.put(f"/execution/store/ti/{ODD}/k", json={"value": 1}),
        ("set", "k", 404),
        f"Task instance {ODD} not found",
    ),
    (
        lambda c: c.put(TASK_KEY, json={"value": None}),
        ("set", "job_id", 422),
        "body.value: Value error, value cannot be null",
    ),
    (
        lambda c: c.patch(f"{CORE_TASK}/missing", json={"value": 1}),
        ("set", "missing", 404),
        "Task state store key 'missing' not found",
    ),
    (lambda c: c.get(f"{CORE_TASK}/missing"), ("get", "missing", 404), None),
    (
        lambda c: c.get("/execution/store/asset/by-name/value?name=x&key=k"),
        ("get", "k", 404),
        "Asset with name='x' not found",
    ),
    (
        lambda c: c.delete("/api/v2/assets/77/state-store"),
        ("clear", None, 404),
        "Asset with id 77 not found",
    ),
    (
        lambda c: c.put("/api/v2/assets/x/state-store/k", json={"value": 1}),
        ("set", "k", 422),
        "path.asset_id: Input should be a valid integer, unable to parse string as an integer",
    ),
    (
        lambda c: c.put(f"{CORE_TASK}/k?map_index={10**30}", json={"value": None}),
        ("set", "k", 422),
        f"map_index must be between -2^63 and 2^63-1, got {10**30}",
    ),
]


@pytest.mark.parametrize(("call", "expected", "note"), REFUSED)
def test_a_refused_call_is_recorded_with_its_reason(world, journal, call, expected, note):
    answer = call(world)
    assert summaries(journal()) == [expected]
    assert answer.status_code == expected[2]
    assert journal()[0]["note"] == note


def test_a_read_of_a_missing_key_is_recorded_with_its_outcome(world, journal):
    world.get(f"{CORE_TASK}/missing")
    (event,) = journal()
    assert event["outcome"] == "key_not_found"


def test_a_clear_is_recorded_with_its_number_of_keys(world, journal):
    world.put(f"/execution/store/ti/{TI}/second", json={"value": 2})
    world.delete(f"/execution/store/ti/{TI}")
    clear = journal()[1]
    assert clear["op"] == "clear"
    assert clear["note"] == "2 keys"


def test_each_key_that_a_clear_deletes_is_an_effect_of_it(world, journal):
    world.put(f"/execution/store/ti/{TI}/second", json={"value": 2})
    world.delete(f"/execution/store/ti/{TI}")
    _, clear, *effects = journal()
    assert sorted(effect["key"] for effect in effects) == ["job_id", "second"]
    assert {effect["op"] for effect in effects} == {"delete"}
    assert {effect["parent"] for effect in effects} == {clear["seq"]}


@pytest.fixture
def success(world, journal):
    """The events of a success that clears the keys of its task: the report and its effect."""
    world.put("/_stateroom/fixture", json={"config": {"clear_on_success": True}})
    world.patch(
        f"/execution/task-instances/{TI}/state",
        json={"state": "success", "end_date": "2026-01-01T00:00:00Z"},
    )
    return journal()[1:]


def test_a_success_is_recorded_with_the_change_of_state(success):
    report = success[0]
    assert report["op"] == "state"
    assert report["note"] == "running → success"


def test_each_key_that_a_success_clears_is_an_effect_of_it(success):
    report, deletion = success
    assert deletion["op"] == "delete"
    assert deletion["key"] == "job_id"
    assert deletion["parent"] == report["seq"]


def test_a_list_is_recorded_with_how_much_was_read(world, journal):
    world.get(f"{CORE_TASK}?limit=1")
    (event,) = journal()
    assert event["op"] == "list"
    assert event["note"] == "1 of 1 keys"
    assert event["scope"]["task_id"] == "extract"


def test_clean_and_reset_are_recorded(world, journal):
    world.put(TASK_KEY, json={"value": 1, "expires_at": "2020-01-01T00:00:00Z"})
    world.post("/_stateroom/clean")
    world.post("/_stateroom/reset?to=empty")
    assert summaries(journal()) == [
        ("set", "job_id", 204),
        ("clean", None, 200),
        ("delete", "job_id", None),
        ("reset", None, 204),
        ("delete", "watermark", None),
    ]


def test_the_journal_of_a_scope_goes_on_after_a_reset(world, journal):
    world.put(TASK_KEY, json={"value": 1})
    world.post("/_stateroom/reset")
    world.put("/_stateroom/fixture", json=WORLD)
    world.put(TASK_KEY, json={"value": 2})
    query = f"dag_id=etl&run_id={RUN.replace('+', '%2B')}&task_id=extract&key=job_id"
    assert [event.get("value") for event in journal(query)] == [1, None, "job-42", 2]


@pytest.mark.parametrize(
    ("call", "kind", "api"),
    [
        (lambda c: c.put(f"{CORE_TASK}/k", json={"value": 1}), "api", "core"),
        (
            lambda c: c.put(f"/_stateroom/values/ti/{TI}?key=k", json={"value": 1}),
            "gateway",
            "gateway",
        ),
        (lambda c: c.put(ASSET_KEY, json={"value": 1}), "api", "execution"),
        (lambda c: c.post("/_stateroom/clean"), "stateroom", "control"),
    ],
)
def test_an_event_names_its_actor_and_api(world, journal, call, kind, api):
    call(world)
    event = journal()[-1]
    assert event["actor"]["kind"] == kind
    assert event["api"] == api


def test_the_token_names_the_writer_of_an_asset(guarded):
    last = guarded.get("/_stateroom/journal", headers=admin()).json["last"]
    guarded.put(ASSET_KEY, json={"value": 1}, headers=bearer(tokens.for_task_instance(SECRET, TI)))
    journal = guarded.get(f"/_stateroom/journal?after={last}", headers=admin()).json
    (event,) = journal["events"]
    assert event["actor"]["ti_id"] == TI
    assert event["scope"] == {"asset": "orders"}


@pytest.mark.parametrize(
    ("path", "headers", "body", "expected"),
    [
        (TASK_KEY, {}, {"value": 1, "expires_at": "2030-01-01T00:00:00Z"}, "worker"),
        (
            TASK_KEY,
            {"Stateroom-Clock": "namespace"},
            {"value": 1, "expires_at": "2030-01-01T00:00:00Z"},
            "namespace",
        ),
        (TASK_KEY, {}, {"value": 1}, None),
        (f"{CORE_TASK}/k", {}, {"value": 1, "expires_at": "default"}, "namespace"),
        (f"{CORE_TASK}/k", {}, {"value": 1, "expires_at": "2030-01-01T00:00:00Z"}, "caller"),
    ],
)
def test_a_set_names_the_clock_that_counted_its_expiry(
    world, journal, path, headers, body, expected
):
    world.put(path, json=body, headers=headers)
    assert journal()[-1]["expires_by"] == expected


def test_an_event_bears_the_namespaces_time_and_real_time(world, journal):
    world.patch("/_stateroom/clock", json={"now": "2031-01-01T00:00:00Z", "frozen": True})
    world.get(TASK_KEY)
    event = journal()[-1]
    assert event["at"] == "2031-01-01T00:00:00Z"
    assert abs(event["real_at"] - time.time()) < 60


def test_credentials_in_references_are_masked(world, journal):
    world.put(
        TASK_KEY, json={"value": {"__airflow_state_ref__": "s3://me:secret@bucket/key?token=abc"}}
    )
    (event,) = journal()
    assert "secret" not in str(event)
    assert "bucket/key" in str(event)
    assert "secret" in world.get(TASK_KEY).json["value"]["__airflow_state_ref__"]


# ---------------------------------------------------------------- waiting


def test_a_wait_ends_with_the_event_it_waits_for(world):
    last = world.get("/_stateroom/journal").json["last"]
    documents = []

    def wait():
        documents.append(
            world.application.test_client()
            .get(f"/_stateroom/journal?after={last}&wait=30&key=job_id")
            .json
        )

    waiting = threading.Thread(target=wait)
    waiting.start()
    world.put(f"/execution/store/ti/{TI}/other", json={"value": 1})
    world.put(TASK_KEY, json={"value": 2})
    waiting.join(30)
    assert summaries(documents[0]["events"]) == [("set", "job_id", 204)]


def test_a_wait_ends_when_its_namespace_is_dropped(store):
    journal = store.create_namespace("dropped").journal
    threading.Timer(0.1, store.drop_namespace, ["dropped"]).start()
    began = time.monotonic()
    with pytest.raises(NamespaceDropped):
        journal.wait(30, journal.bounds()[1])
    assert time.monotonic() - began < 5


def test_a_wait_without_an_event_ends_after_its_time(world):
    last = world.get("/_stateroom/journal").json["last"]
    assert world.get(f"/_stateroom/journal?after={last}&wait=0.05").json["events"] == []


@pytest.mark.parametrize(
    "query", ["wait=61", "wait=x", "wait=-1", "after=x", "dag_id=etl", "asset=a&dag_id=b"]
)
def test_an_invalid_query_is_refused(world, query):
    assert world.get(f"/_stateroom/journal?{query}").status_code == 422


def test_an_unknown_operation_is_refused_with_the_known_ones(world):
    answer = world.get("/_stateroom/journal?op=sett")
    assert answer.status_code == 422
    assert "query.op" in answer.json["detail"]["message"]
    assert "get, set, delete, clear, list, state" in answer.json["detail"]["message"]


# ---------------------------------------------------------------- the store


@pytest.fixture
def keyspace(store):
    namespace = store.namespace()
    task_instance = task_instances.create_task_instance(namespace, TaskScope("d", "r", "t"))
    writer = Writer(AssetStateStoreWriterKind.TASK, task_instance["id"], "execution")
    return keyspaces.task_instance(namespace, task_instance["id"], writer)


def test_a_rolled_back_write_leaves_no_event_and_loses_no_read(store, keyspace):
    keyspace.set("k", 1)
    keyspace.get("k")
    with pytest.raises(RuntimeError), store.transaction() as db:
        db.execute("DELETE FROM entries")
        raise RuntimeError
    assert [event["op"] for event in store.namespace().journal.events()] == ["create", "set", "get"]


def test_reads_reach_the_file_within_a_moment_by_themselves(store, keyspace):
    keyspace.set("k", 1)
    keyspace.get("k")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with store.reading() as db:
            if db.execute("SELECT count(*) FROM journal WHERE op = 'get'").fetchone() == (1,):
                return
    raise AssertionError("the read was not written")


def test_closing_writes_the_remaining_reads(tmp_path):
    path = str(tmp_path / "kept.db")
    first = Store(path)
    assets.create_asset(first.namespace(), "orders")
    keyspaces.asset(first.namespace(), name="orders").set("k", 1)
    keyspaces.asset(first.namespace(), name="orders").get("k")
    first.close()
    second = Store(path)
    events = second.namespace().journal.events()
    keyspaces.asset(second.namespace(), name="orders").set("k", 2)
    assert [event["op"] for event in events] == ["create", "set", "get"]
    assert second.namespace().journal.bounds()[1] > events[-1]["seq"]
    second.close()
    second.close()


def test_events_of_many_threads_are_a_sequence_without_gaps(store, keyspace):
    def work():
        for number in range(50):
            keyspace.set("k", number)
            keyspace.get("k")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [event["seq"] for event in store.namespace().journal.events()]
    assert numbers == list(range(numbers[0], numbers[0] + 401))


def test_a_reader_that_follows_the_numbers_misses_nothing(store, keyspace):
    """No event appears after one with a larger number was read."""
    numbers = []
    last = 0

    def work():
        for number in range(100):
            keyspace.set("k", number)
            keyspace.get("k")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    writing = True
    while writing:  # once more after the last write
        writing = any(thread.is_alive() for thread in threads)
        for event in store.namespace().journal.events(after=last):
            numbers.append(event["seq"])
            last = event["seq"]
    assert len(numbers) == 401


@pytest.mark.parametrize("size", [10, 2000])
def test_the_oldest_events_are_deleted_above_the_size_limit(size):
    store = Store(journal_limit=100_000)
    assets.create_asset(store.namespace(), "orders")
    keyspace = keyspaces.asset(store.namespace(), name="orders")
    for number in range(120_000 // (200 + size) + 50):
        keyspace.set("k", f"{number:0{size}}")
    deadline = time.monotonic() + 10
    while _held(store) > 100_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert 50_000 < _held(store) <= 100_000
    assert store.namespace().journal.events(newest=True, limit=1)[0]["value"].endswith(str(number))
    store.close()


def _held(store):
    with store.reading() as db:
        return db.execute("SELECT sum(200 + length(value) + length(key)) FROM journal").fetchone()[
            0
        ]


def test_without_a_journal_everything_else_works():
    store = Store(journal_limit=0)
    assets.create_asset(store.namespace(), "orders")
    keyspaces.asset(store.namespace(), name="orders").set("k", 1)
    assert keyspaces.asset(store.namespace(), name="orders").get("k") == 1
    assert store.namespace().journal.events() == []
    store.close()


def test_the_last_events_are_in_their_order_too(world, journal):
    for value in (1, 2, 3):
        world.put(TASK_KEY, json={"value": value})
    assert [event["value"] for event in journal("limit=2&newest=1")] == [2, 3]
    assert [event["value"] for event in journal("limit=2")] == [1, 2]


# ---------------------------------------------------------------- events of another journal


def another(**members):
    """An event of another journal."""
    event = {
        "seq": 7,
        "at": "2026-01-01T00:00:00Z",
        "real_at": 1_767_225_600.5,
        "actor": {"kind": "api"},
        "api": "core",
        "op": "set",
        "scope": {**EXTRACT, "map_index": -1},
        "key": "job_id",
        "status": 204,
        "value": "job-1",
        "kind": "value",
    }
    return {**event, **members}


def add(client, *events, **members):
    return client.post("/_stateroom/journal", json={"events": events, **members})


def test_events_of_another_journal_get_numbers_of_this_one(journal, world):
    read = another(seq=9, op="get", real_at=1_767_225_601.0, saw=7, parent=3)
    answer = add(world, another(), read, numbers={"3": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json["added"] == 2
    first, second = journal()[-2:]
    assert answer.json["numbers"] == {"7": first["seq"], "9": second["seq"]}
    assert first["value"] == "job-1"
    assert first["at"] == "2026-01-01T00:00:00Z"
    assert second["saw"] == first["seq"]
    assert second["parent"] == 1


def test_an_event_that_was_added_is_not_added_again(journal, world):
    numbers = add(world, another()).json["numbers"]
    again = add(world, another(seq=70)).json
    assert again == {"added": 0, "numbers": {"70": numbers["7"]}}


def test_an_event_of_an_unknown_scope_has_its_scope(journal, world):
    for scope in ({**EXTRACT, "task_id": "gone", "map_index": 3}, {"asset": "gone"}):
        add(world, another(scope=scope))
        assert journal()[-1]["scope"] == scope


@pytest.mark.parametrize(
    ("events", "where"),
    [
        ([another(op="nothing")], "events[0].op"),
        ([another(), another(scope={"dag_id": "etl"})], "events[1].scope"),
        ([another(scope={**EXTRACT, "asset": "orders"})], "events[0].scope"),
        ([another(seq=2**63)], "events[0].seq"),
        ([another()] * 1001, "events"),
    ],
)
def test_an_event_that_cannot_be_is_refused(events, where, world):
    answer = add(world, *events)
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == where


def test_no_event_is_added_where_no_journal_is_kept(start):
    client = start(journal_limit="0").test_client()
    assert add(client, another()).json == {"added": 0, "numbers": {}}


def test_notes_on_retries_can_be_left_out(world):
    world.post("/_stateroom/faults", json={"op": "get", "times": 1, "status": 503})
    for _ in range(2):
        world.get(TASK_KEY)
    notes = [
        [event["note"] or "" for event in world.get(f"/_stateroom/journal?{query}").json["events"]]
        for query in ("newest=1&limit=1", "newest=1&limit=1&as_written=1")
    ]
    assert "probably a retry" in notes[0][0]
    assert notes[1] == [""]


@pytest.mark.parametrize("numbers", [{"x": 2**63}, {"x": [1]}, {"1": 0}])
def test_bad_numbers_of_carried_events_are_named(world, numbers):
    answer = world.post("/_stateroom/journal", json={"events": [], "numbers": numbers})
    assert answer.status_code == 422
    (key,) = numbers
    assert f"numbers.{key}" in answer.json["detail"]["message"]
