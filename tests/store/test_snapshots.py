"""A snapshot copies a whole namespace; a restore brings it back and is in the journal."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from state.errors import InvalidName, SnapshotNotFound
from state.model import envelope
from state.model.scopes import API_WRITER, AssetStateStoreWriterKind, TaskScope, Writer
from state.store import copies, fixtures, keyspaces, snapshots
from state.store.store import Store
from state.store.tables import assets, references, task_instances, xcoms
from state.store.views.history import history
from tests.support.world import CORE_TASK, TASK_KEY, TI, WORLD

pytestmark = pytest.mark.usefixtures("sizes")
SCOPE = TaskScope("d", "r", "t")


@pytest.fixture
def namespace(store):
    """A namespace whose task instance wrote a key of its own and one of an asset."""
    task_instance = task_instances.create_task_instance(store.namespace(), SCOPE)
    assets.create_asset(store.namespace(), "orders")
    by = Writer(AssetStateStoreWriterKind.TASK, task_instance["id"], "execution")
    keyspaces.task_instance(store.namespace(), task_instance["id"], by).set("k", "old")
    keyspaces.asset(store.namespace(), name="orders", writer=by).set("watermark", 1)
    return store.namespace()


@pytest.fixture
def task(namespace):
    return keyspaces.task(namespace, SCOPE)


def changes(namespace):
    """Functions that change something a snapshot has to restore, by name."""
    return {
        "a value": lambda: keyspaces.task(namespace, SCOPE).set("k", "new"),
        "a new key": lambda: keyspaces.task(namespace, SCOPE).set("more", 1),
        "a deleted key": lambda: keyspaces.task(namespace, SCOPE).delete("k"),
        "a key deleted and set again": lambda: (
            keyspaces.task(namespace, SCOPE).delete("k"),
            keyspaces.task(namespace, SCOPE).set("k", 0),
        ),
        "everything cleared": lambda: (
            keyspaces.task(namespace, SCOPE).clear(),
            keyspaces.asset(namespace, name="orders").clear(),
        ),
        "the next attempt": lambda: task_instances.create_task_instance(namespace, SCOPE),
        "another run": lambda: task_instances.create_task_instance(
            namespace, TaskScope("d", "r2", "t")
        ),
        "another asset": lambda: assets.create_asset(namespace, "customers"),
        "a reset": lambda: fixtures.apply(namespace, {}, forget=True),
        "a reset, and the same again": lambda: (
            fixtures.apply(namespace, {}, forget=True),
            task_instances.create_task_instance(namespace, SCOPE),
            assets.create_asset(namespace, "orders"),
            keyspaces.task(namespace, SCOPE).set("k", "again"),
        ),
        "the configuration": lambda: fixtures.apply(
            namespace, {"config": {"clear_on_success": True}}
        ),
        "nothing": lambda: None,
    }


NAMES = list(changes(None))


@pytest.mark.parametrize("change", NAMES)
def test_a_restore_brings_everything_back(namespace, change):
    before = fixtures.export(namespace)
    snapshots.take(namespace, "s")
    changes(namespace)[change]()
    snapshots.restore(namespace, "s")
    assert fixtures.export(namespace) == before


@pytest.mark.parametrize("change", NAMES)
def test_a_restored_namespace_can_be_used_as_before(namespace, change):
    """The attempt's id is valid, its key can be set, the asset key's writer is still known."""
    ti_id = fixtures.export(namespace)["task_instances"][0]["id"]
    snapshots.take(namespace, "s")
    changes(namespace)[change]()
    snapshots.restore(namespace, "s")
    keyspaces.task_instance(namespace, ti_id).set("k", "on")
    assert keyspaces.asset(namespace, name="orders").entry("watermark").task_id == "t"
    snapshots.restore(namespace, "s")
    assert keyspaces.task(namespace, SCOPE).get("k") == "old"


@pytest.mark.parametrize("change", NAMES)
def test_the_journal_records_a_restore_per_key(namespace, change):
    snapshots.take(namespace, "s")
    changes(namespace)[change]()
    now = {
        (r["task_id"], r["key"]): r["value"] for r in fixtures.export(namespace)["task_state_store"]
    }
    snapshots.restore(namespace, "s")
    (event,) = namespace.journal.events(op="restore")
    assert event["note"] == "s"
    for item in namespace.journal.events(parent=event["seq"]):
        if item["scope"] == {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}:
            now.pop(("t", item["key"]), None)
            now |= {("t", item["key"]): item["value"]} if item["op"] == "set" else {}
    assert now == {("t", "k"): "old"}


def test_assets_that_exchanged_their_names_get_them_back(namespace):
    assets.create_asset(namespace, "customers")
    snapshots.take(namespace, "s")
    before = fixtures.export(namespace)
    with namespace.database.transaction() as db:
        db.execute("UPDATE assets SET active = 0")
        db.execute("UPDATE assets SET name = uri, uri = name || id")
        db.execute("UPDATE assets SET name = 'orders', uri = 'orders', active = 1 WHERE id = 2")
    snapshots.restore(namespace, "s")
    assert fixtures.export(namespace) == before


def test_clock_and_faults_come_back(world):
    fault = {"op": "get", "status": 503, "times": 1}
    world.patch("/_stateroom/clock", json={"now": "2030-01-01T00:00:00Z", "frozen": True})
    world.post("/_stateroom/faults", json=fault)
    assert world.put("/_stateroom/snapshots/s").status_code == 201
    world.delete("/_stateroom/clock")
    assert world.get(TASK_KEY).status_code == 503
    world.delete("/_stateroom/faults")
    assert world.post("/_stateroom/snapshots/s/restore").status_code == 204
    assert world.get("/_stateroom/clock").json["now"] == "2030-01-01T00:00:00Z"
    assert [world.get(TASK_KEY).status_code for _ in range(2)] == [503, 200]


def test_a_snapshot_of_the_same_name_replaces_the_first(namespace, task):
    snapshots.take(namespace, "s")
    task.set("k", "newer")
    assert snapshots.take(namespace, "s")["keys"] == 2
    task.set("k", "newest")
    snapshots.restore(namespace, "s")
    assert task.get("k") == "newer"
    assert [row["name"] for row in snapshots.listed(namespace)] == ["s"]


def test_snapshots_of_two_namespaces_are_apart(namespace, store):
    other = store.create_namespace("other")
    snapshots.take(namespace, "s")
    snapshots.take(other, "s")
    snapshots.restore(other, "s")
    assert keyspaces.task(namespace, SCOPE).get("k") == "old"
    store.drop_namespace("other")
    assert [row["name"] for row in snapshots.listed(namespace)] == ["s"]


def differences(*arguments):
    """The lists of a comparison, as they are sent."""
    return {name: [*items] for name, items in snapshots.diff(*arguments)}


@pytest.mark.parametrize("act", [snapshots.restore, snapshots.drop, differences])
def test_an_unknown_snapshot_is_refused_with_the_known_ones(namespace, act):
    snapshots.take(namespace, "good")
    with pytest.raises(SnapshotNotFound, match="'bad' not found; existing: 'good'"):
        act(namespace, "bad")


def test_an_invalid_name_is_refused(namespace):
    with pytest.raises(InvalidName):
        snapshots.take(namespace, "a/b")


def test_without_a_journal_a_restore_works_too(tmp_path):
    store = Store(str(tmp_path / "s.db"), journal_limit=0)
    task_instances.create_task_instance(store.namespace(), SCOPE)
    keyspaces.task(store.namespace(), SCOPE).set("k", 1)
    snapshots.take(store.namespace(), "s")
    keyspaces.task(store.namespace(), SCOPE).set("k", 2)
    snapshots.restore(store.namespace(), "s")
    assert keyspaces.task(store.namespace(), SCOPE).get("k") == 1
    store.close()


# ---------------------------------------------------------------- references


def test_reference_held_by_a_snapshot_is_kept_and_restored(namespace, task):
    task.set("k", envelope.wrap("s3://bucket/a"))
    snapshots.take(namespace, "s")
    task.delete("k")
    assert references.released(namespace) == []
    assert not references.remove(
        namespace.database, "s3://bucket/a", lambda db: True, lambda ref: None
    )
    snapshots.restore(namespace, "s")
    (row,), _ = references.page(namespace, None, None, 10, 0)
    assert row["released_at"] is None
    assert row["task_id"] == "t"
    snapshots.drop(namespace, "s")
    task.delete("k")
    assert [row["ref"] for row in references.released(namespace)] == ["s3://bucket/a"]


# ---------------------------------------------------------------- diff and reset


def test_a_diff_says_what_was_added_removed_and_changed(namespace, task):
    task.set("deleted", 1)
    snapshots.take(namespace, "a")
    task.set("k", "new")
    task.set("more", [2])
    task.delete("deleted")
    scope = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
    expected = {
        "added": [{"scope": scope, "key": "more", "value": [2]}],
        "removed": [{"scope": scope, "key": "deleted", "value": 1}],
        "changed": [{"scope": scope, "key": "k", "before": "old", "after": "new"}],
    }
    assert differences(namespace, "a") == expected
    snapshots.take(namespace, "b")
    assert differences(namespace, "a", "b") == expected
    assert differences(namespace, "b") == {"added": [], "removed": [], "changed": []}


def test_a_diff_compares_an_overwritten_value(namespace, task):
    snapshots.take(namespace, "a")
    task.set("k", "old")
    assert differences(namespace, "a") == {"added": [], "removed": [], "changed": []}


def test_a_diff_finds_assets_by_their_names(namespace):
    """Another asset of the same name is the same to it."""
    snapshots.take(namespace, "a")
    document = fixtures.export(namespace)
    asset = {"id": 7, "name": "orders", "uri": "other", "active": True}
    entry = {"asset": "orders", "key": "watermark", "value": 2}
    document |= {"assets": [asset], "asset_state_store": [entry]}
    fixtures.apply(namespace, document, forget=True)
    (changed,) = differences(namespace, "a")["changed"]
    assert changed["scope"] == {"asset": "orders"}
    assert changed["before"] == 1
    assert changed["after"] == 2


PLACE = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}


def push(namespace, key, value):
    xcoms.set_xcom(namespace, SCOPE, key, json.dumps(value), API_WRITER)


def test_a_diff_says_which_xcoms_came_went_and_changed(namespace):
    for key in ("kept", "again", "changed", "deleted"):
        push(namespace, key, [1])
    snapshots.take(namespace, "a")
    push(namespace, "again", [1])
    push(namespace, "changed", [2])
    push(namespace, "new", None)
    xcoms.delete_xcom(namespace, SCOPE, "deleted", API_WRITER)
    expected = [
        {"scope": PLACE, "key": "new", "after": None},
        {"scope": PLACE, "key": "deleted", "before": [1]},
        {"scope": PLACE, "key": "changed", "before": [1], "after": [2]},
    ]
    assert differences(namespace, "a")["xcoms"] == expected
    snapshots.take(namespace, "b")
    assert differences(namespace, "a", "b")["xcoms"] == expected
    assert "xcoms" not in differences(namespace, "b")


def test_a_diff_says_which_task_instances_changed(namespace):
    attempt = task_instances.current_task_instance(namespace, SCOPE)
    other = TaskScope("d", "r", "other")
    snapshots.take(namespace, "a")
    task_instances.set_state(namespace, attempt["id"], task_instances.Report("success"), False)
    ti_id = task_instances.create_task_instance(namespace, other)["id"]
    before = {"id": attempt["id"], "state": "running", "try_number": 1}
    expected = [
        {
            "scope": {**PLACE, "task_id": "other"},
            "after": {"id": ti_id, "state": "running", "try_number": 1},
        },
        {"scope": PLACE, "before": before, "after": {**before, "state": "success"}},
    ]
    assert differences(namespace, "a")["task_instances"] == expected
    snapshots.take(namespace, "b")
    assert differences(namespace, "a", "b")["task_instances"] == expected
    assert "task_instances" not in differences(namespace, "b")


def test_a_diff_over_http(world):
    world.put("/_stateroom/snapshots/a")
    world.put(TASK_KEY, json={"value": "new"})
    (changed,) = world.get("/_stateroom/snapshots/diff?a=a").json["changed"]
    assert changed["before"] == "job-42"
    assert changed["after"] == "new"
    assert world.get("/_stateroom/snapshots/diff?a=x").status_code == 404
    assert world.get("/_stateroom/snapshots/diff").status_code == 422
    assert world.delete("/_stateroom/snapshots/a").status_code == 204


def test_a_reset_of_a_file_can_be_undone(start, tmp_path):
    client = start(db=str(tmp_path / "s.db")).test_client()
    client.put("/_stateroom/fixture", json=WORLD)
    client.put(TASK_KEY, json={"value": "precious"})
    assert client.post("/_stateroom/reset").status_code == 204
    assert client.post("/_stateroom/reset").status_code == 204, "a second one has nothing to keep"
    assert client.post("/_stateroom/snapshots/before-reset/restore").status_code == 204
    assert client.get(TASK_KEY).json == {"value": "precious"}


def test_a_reset_in_memory_takes_none(start):
    client = start().test_client()
    client.put("/_stateroom/fixture", json=WORLD)
    assert client.post("/_stateroom/reset").status_code == 204
    assert client.get("/_stateroom/snapshots").json["snapshots"] == []


# ---------------------------------------------------------------- history

QUERY = {
    "dag_id": "etl",
    "run_id": WORLD["dag_runs"][0]["run_id"],
    "task_id": "extract",
    "key": "job_id",
}


def story(client, **more):
    return client.get("/_stateroom/history", query_string={**QUERY, **more}).json


def test_a_key_has_a_history_over_restore_and_reset(start):
    client = start().test_client()
    client.put("/_stateroom/fixture", json=WORLD)
    client.put("/_stateroom/snapshots/s")
    client.put(TASK_KEY, json={"value": 2})
    client.post("/_stateroom/snapshots/s/restore")
    client.delete(TASK_KEY)
    client.delete(TASK_KEY)
    client.put(TASK_KEY, json={"value": None})
    client.post("/_stateroom/snapshots/s/restore")
    client.post("/_stateroom/reset")
    events = [(event["op"], event.get("value")) for event in story(client)["history"]]
    assert events == [
        ("set", "job-42"),
        ("set", 2),
        ("set", "job-42"),
        ("delete", None),
        ("set", "job-42"),
        ("delete", None),
    ]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2029-12-31T00:00:00Z", {"found": False}),
        ("2030-01-01T00:00:00Z", {"found": True, "value": "first"}),
        ("2030-01-02T12:00:00Z", {"found": True, "value": "second"}),
        ("2030-01-03", {"found": False}),
    ],
)
def test_what_a_key_was_at_a_moment(start, at, expected):
    client = start().test_client()
    client.patch("/_stateroom/clock", json={"now": "2030-01-01T00:00:00Z", "frozen": True})
    client.put(
        "/_stateroom/fixture", json={name: WORLD[name] for name in ("dag_runs", "task_instances")}
    )
    client.put(TASK_KEY, json={"value": "first"})
    client.patch("/_stateroom/clock", json={"advance": 86400})
    client.put(TASK_KEY, json={"value": "second"})
    client.patch("/_stateroom/clock", json={"advance": 86400})
    client.delete(TASK_KEY)
    explanation = story(client, at=at)
    assert {
        name: explanation[name] for name in ("found", "value") if name in explanation
    } == expected


def test_what_a_key_was_after_an_event(world):
    seqs = []
    for number in range(3):
        world.put(TASK_KEY, json={"value": number})
        seqs.append(world.get("/_stateroom/journal?limit=1").json["last"])
    assert [story(world, at=seq)["value"] for seq in seqs] == [0, 1, 2]


@pytest.mark.parametrize(
    "query",
    [
        {"key": "k"},
        {"asset": "a"},
        {"asset": "a", "key": "k", "at": "soon"},
        {"asset": "a", "key": "k", "at": "0001-01-01T00:00:00+12:00"},
    ],
)
def test_an_invalid_query_is_refused(world, query):
    assert world.get("/_stateroom/history", query_string=query).status_code == 422


# ---------------------------------------------------------------- lost updates

OTHER = "019b0000-0000-7000-8000-000000000009"


@pytest.fixture
def two(namespace):
    """Keyspaces of one asset for two task instances."""
    attempts = [
        task_instances.create_task_instance(namespace, TaskScope("d", "r", name))
        for name in ("one", "two")
    ]
    writers = [
        Writer(AssetStateStoreWriterKind.TASK, attempt["id"], "execution") for attempt in attempts
    ]
    return [keyspaces.asset(namespace, name="orders", writer=writer) for writer in writers]


def lost(namespace):
    from state.model.scopes import AssetScope

    return [
        event["lost"] is not None
        for event in history(namespace, AssetScope(name="orders"), "watermark")
    ][1:]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("get1 get2 set1 set2", [False, True]),
        ("get1 set1 get2 set2", [False, False]),
        ("get1 set2 set1", [False, True]),
        ("set1 set2", [False, False]),
        ("get1 set1 set2 set1", [False, False, True]),
        ("get1 set1 set1", [False, False]),
        ("get1 set2 get1 set1", [False, False]),
        ("get1 delete2 set1", [False, True]),
    ],
)
def test_update_overwritten_without_being_read_is_marked_lost(namespace, two, steps, expected):
    for number, step in enumerate(steps.split()):
        keyspace = two[int(step[-1]) - 1]
        if step.startswith("set"):
            keyspace.set("watermark", number + 10)
        else:
            getattr(keyspace, step[:-1])("watermark")
    assert lost(namespace) == expected


def test_a_restore_is_not_a_lost_update(namespace, two):
    snapshots.take(namespace, "s")
    two[1].set("watermark", 5)
    two[0].get("watermark")
    snapshots.restore(namespace, "s")
    two[0].set("watermark", 6)
    assert not any(lost(namespace))


def test_a_history_over_http_marks_them(world):
    world.get(TASK_KEY)
    world.put(f"{CORE_TASK}/job_id", json={"value": "by a person"})
    world.put(TASK_KEY, json={"value": "by the task"})
    *_, person, task = story(world)["history"]
    assert task["actor"]["ti_id"] == TI
    assert task["lost"] == person["seq"]


@pytest.mark.parametrize("table", copies.TABLES)
def test_a_snapshot_copies_every_column_of_a_table(namespace, table):
    key, columns, _ = copies.TABLES[table]
    with namespace.database.reading() as db:
        names = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
    assert {key, *columns.split(", ")} == names


def test_a_snapshot_that_another_drops_at_once_is_returned(namespace):
    with ThreadPoolExecutor() as pool:
        taken = [pool.submit(snapshots.take, namespace, "s") for _ in range(200)]
        dropped = [pool.submit(snapshots.drop, namespace, "s") for _ in range(200)]
    assert {future.result()["name"] for future in taken} == {"s"}
    assert any(future.exception() is None for future in dropped)
