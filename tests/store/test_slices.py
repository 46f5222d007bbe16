"""Long writes go in slices: others write in between, and readers see all of it or nothing."""

import contextlib
import json
import sqlite3
import threading
from functools import partial

import pytest

from state.errors import NamespaceNotFound, SnapshotNotFound
from state.model.scopes import API_WRITER, AssetStateStoreWriterKind, TaskScope, Writer
from state.process import ServerProcess
from state.store import copies, fixtures, keyspaces, snapshots
from state.store.database import opening, slices
from state.store.database.migrations import migrations
from state.store.store import Store
from state.store.tables import assets, hidden, namespaces, task_instances, xcoms
from tests.support.waiting import wait_for

TASK = TaskScope("d", "r", "t")
KEYS = 60


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "_FEW", 0)
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


@pytest.fixture
def namespace(store):
    namespace = store.namespace()
    task_instances.create_task_instance(namespace, TASK)
    for number in range(KEYS):
        keyspaces.task(namespace, TASK).set(f"key {number:02}", number)
    return namespace


@pytest.fixture
def between(monkeypatch):
    """Calls a function in another thread after the second slice, and waits until it has ended."""

    def between(act, module=copies, name="take_some"):
        write_slice = getattr(module, name)
        calls = []
        ended = threading.Event()

        def call():
            act()
            ended.set()

        def watched(*arguments):
            calls.append(arguments)
            if len(calls) == 3:
                threading.Thread(target=call).start()
            return write_slice(*arguments)

        def pause(seconds):
            if len(calls) == 3:
                assert ended.wait(20)

        monkeypatch.setattr(slices, "_MOST", 10)
        monkeypatch.setattr(module, name, watched)
        monkeypatch.setattr("state.store.database.slices.time.sleep", pause)
        return ended

    return between


def change(namespace):
    keyspace = keyspaces.task(namespace, TASK)
    keyspace.set("key 00", "overwritten")
    keyspace.delete("key 01")
    keyspace.set("key 59", "overwritten too")
    keyspace.set("key 60", "added")


def values(namespace):
    return {entry.key: entry.value for entry in keyspaces.task(namespace, TASK).list()[0]}


def test_others_write_while_a_snapshot_is_taken(namespace, between):
    ended = between(lambda: change(namespace))
    assert snapshots.take(namespace, "s")["keys"] == KEYS
    assert ended.is_set()
    now = values(namespace)
    assert now["key 00"] == "overwritten"
    keyspaces.task(namespace, TASK).clear()
    snapshots.restore(namespace, "s")
    assert values(namespace) == now


def test_the_snapshot_of_a_reset_has_what_was_written_meanwhile(namespace, between):
    ended = between(lambda: change(namespace))
    fixtures.apply(namespace, {}, forget=True)
    assert ended.is_set()
    snapshots.restore(namespace, snapshots.BEFORE_RESET)
    assert values(namespace)["key 60"] == "added"
    assert "key 01" not in values(namespace)


def reset(namespace):
    fixtures.apply(namespace, {}, forget=True)


@pytest.fixture
def other(store):
    """A keyspace of another namespace."""
    namespace = store.create_namespace("other")
    task_instances.create_task_instance(namespace, TASK)
    return keyspaces.task(namespace, TASK)


def test_others_write_while_a_snapshot_is_restored(namespace, other, between):
    before = values(namespace)
    snapshots.take(namespace, "s")
    reset(namespace)
    ended = between(lambda: other.set("k", "kept"), copies, "prepare_some")
    snapshots.restore(namespace, "s")
    assert ended.is_set()
    assert values(namespace) == before
    assert other.get("k") == "kept"


def test_nothing_of_a_restore_is_seen_before_its_end(store, namespace, between):
    seen = []

    def look():
        seen.append(fixtures.counts(namespace))
        seen.append([row["name"] for row in store.namespaces()])
        with store.reading() as db:
            seen.append(db.execute("SELECT count(*) FROM task_state_store").fetchone()[0])
        with pytest.raises(NamespaceNotFound, match="'default'"):
            store.namespace(hidden.owner(namespace.ns))

    snapshots.take(namespace, "s")
    reset(namespace)
    ended = between(look, copies, "prepare_some")
    snapshots.restore(namespace, "s")
    assert ended.is_set()
    counts, names, rows = seen
    assert set(counts.values()) == {0}
    assert names == ["default"]
    assert rows == 0


def test_a_task_made_while_its_keys_are_restored(namespace, between):
    def make():
        task_instances.create_task_instance(namespace, TASK)
        change(namespace)

    before = fixtures.export(namespace)
    snapshots.take(namespace, "s")
    reset(namespace)
    ended = between(make, copies, "prepare_some")
    snapshots.restore(namespace, "s")
    assert ended.is_set()
    assert fixtures.export(namespace) == before


def test_a_task_made_while_its_former_keys_are_deleted(store, namespace, between):
    seen = []

    def make():
        seen.append(namespace.journal.events(op="set", limit=1)[0]["scope"]["task_id"])
        task_instances.create_task_instance(namespace, TASK)
        keyspaces.task(namespace, TASK).set("new", 1)
        seen.append(values(namespace))

    ended = between(make, hidden, "_delete_some")
    reset(namespace)
    assert ended.is_set()
    assert seen == ["t", {"new": 1}]
    assert values(namespace) == {"new": 1}
    assert rows_of_entries(store) == 1


def test_a_restored_key_keeps_its_writer(store, between):
    """Also where the row of the writer was deleted while the keys were copied."""
    namespace = store.create_namespace("written")
    task_instances.create_task_instance(namespace, TASK)
    ti_id = task_instances.create_task_instance(namespace, TASK)["id"]
    assets.create_asset(namespace, "a")
    writer = Writer(AssetStateStoreWriterKind.TASK, ti_id)
    keyspaces.asset(namespace, name="a", writer=writer).set("k", 1)
    for number in range(KEYS):
        keyspaces.task_instance(namespace, ti_id, writer).set(f"key {number}", number)
    before = fixtures.export(namespace)
    snapshots.take(namespace, "s")
    reset(namespace)
    make = partial(task_instances.create_task_instance, namespace, TASK)
    ended = between(make, copies, "prepare_some")
    snapshots.restore(namespace, "s")
    assert ended.is_set()
    assert fixtures.export(namespace) == before
    assert before["asset_state_store"][0]["last_updated_by"]["kind"] == "task"


def test_a_reset_to_the_same_tasks_and_assets(store, namespace):
    assets.create_asset(namespace, "a")
    keyspaces.asset(namespace, name="a").set("k", 1)
    document = fixtures.export(namespace)
    keyspaces.asset(namespace, name="a").set("later", 1)
    keyspaces.task(namespace, TASK).set("later", 1)
    scope_ids = [
        keyspaces.task(namespace, TASK).scope_id(),
        keyspaces.asset(namespace, 1).scope_id(),
    ]
    fixtures.apply(namespace, document, forget=True)
    assert fixtures.export(namespace) == document
    assert keyspaces.task(namespace, TASK).scope_id() == scope_ids[0]
    assert keyspaces.asset(namespace, 1).scope_id() == scope_ids[1]
    assert rows_of_entries(store) == KEYS + 1


def rows_of_entries(store):
    with store.reading() as db:
        return db.execute("SELECT count(*) FROM entries").fetchone()[0]


def changes_of(monkeypatch, module, name):
    """How many rows a function writes in each of its calls."""
    written = []
    function = getattr(module, name)

    def counted(db, *arguments, **options):
        before = db.total_changes
        function(db, *arguments, **options)
        written.append(db.total_changes - before)

    monkeypatch.setattr(module, name, counted)
    return written


def test_no_entry_is_written_in_the_transaction_itself(store, namespace, monkeypatch):
    snapshots.take(namespace, "s")
    emptied = changes_of(monkeypatch, namespaces, "empty")
    reset(namespace)
    restored = changes_of(monkeypatch, copies, "restore")
    snapshots.restore(namespace, "s")
    task_instances.create_task_instance(namespace, TaskScope("d", "r", "another"))
    for number in range(KEYS):
        keyspaces.task(namespace, TaskScope("d", "r", "another")).set(f"k{number}", 1)
    snapshots.restore(namespace, "s")
    assert all(0 < rows < 10 for rows in emptied + restored)
    assert len(emptied + restored) == 3
    assert rows_of_entries(store) == KEYS


def test_what_a_killed_reset_left_does_not_come_back(tmp_path, store, namespace, monkeypatch):
    before = values(namespace)
    snapshots.take(namespace, "s")
    keyspaces.task(namespace, TASK).set("later", 1)
    with monkeypatch.context() as killed:
        killed.setattr(hidden, "delete", lambda database, ns: None)
        reset(namespace)
    assert rows_of_entries(store) == KEYS + 1
    store.close()
    opened = Store(str(tmp_path / "s.db"))
    assert values(opened.namespace()) == {}
    snapshots.restore(opened.namespace(), "s")
    assert values(opened.namespace()) == before
    opened.close()


def test_a_start_deletes_what_a_killed_reset_left(store, namespace, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(hidden, "delete", lambda database, ns: None)
        reset(namespace)
    assert rows_of_entries(store) == KEYS
    snapshots.delete_leftovers(store)
    assert rows_of_entries(store) == 0


def test_a_dropped_namespace_leaves_no_hidden_scope(store, other, monkeypatch):
    other.set("k", 1)
    with monkeypatch.context() as killed:
        killed.setattr(hidden, "delete", lambda database, ns: None)
        reset(other.namespace)
    store.drop_namespace("other")
    assert rows_of_entries(store) == 0


def test_an_unfinished_snapshot_is_not_seen(namespace, between):
    seen = []

    def look():
        seen.extend(snapshots.listed(namespace))
        with pytest.raises(SnapshotNotFound, match="s"):
            snapshots.restore(namespace, "s")

    assert between(look) is not None
    snapshots.take(namespace, "s")
    assert seen == []


def test_a_replaced_snapshot_in_memory_leaves_no_row():
    store = Store()
    task_instances.create_task_instance(store.namespace(), TASK)
    keyspaces.task(store.namespace(), TASK).set("k", 1)
    snapshots.take(store.namespace(), "s")
    snapshots.take(store.namespace(), "s")
    assert rows_of_snapshots(store) == 1
    store.close()


def rows_of_snapshots(store):
    with store.reading() as db:
        return db.execute("SELECT count(*) FROM snapshot_entries").fetchone()[0]


def leave_hidden(store, namespace):
    """Leave what a process leaves that is killed while it takes a snapshot."""
    with store.transaction() as db:
        hidden = snapshots._insert(db, namespace)
        copies.take_some(db, namespace.ns, hidden, 20)


def test_what_a_killed_process_left_of_a_snapshot_is_deleted(store, namespace):
    leave_hidden(store, namespace)
    assert snapshots.listed(namespace) == []
    snapshots.take(namespace, "s")
    assert rows_of_snapshots(store) == KEYS


def test_what_killed_processes_left_of_snapshots_is_deleted(store, namespace):
    other = store.create_namespace("other")
    task_instances.create_task_instance(other, TASK)
    keyspaces.task(other, TASK).set("key", 1)
    snapshots.take(other, "s")
    leave_hidden(store, namespace)
    leave_hidden(store, other)
    snapshots.delete_leftovers(store)
    assert rows_of_snapshots(store) == 1
    assert [row["name"] for row in snapshots.listed(other)] == ["s"]


def test_leftovers_wait_until_a_snapshot_has_been_taken(store, namespace, between):
    leave_hidden(store, namespace)
    threads = []

    def begin():
        threads.append(threading.Thread(target=snapshots.delete_leftovers, args=(store,)))
        threads[0].start()

    between(begin)
    assert snapshots.take(namespace, "s")["keys"] == KEYS
    threads[0].join(20)
    assert rows_of_snapshots(store) == KEYS


def test_closing_the_store_ends_the_deletion_of_leftovers(store, namespace, caplog, monkeypatch):
    leave_hidden(store, namespace)
    monkeypatch.setattr("state.store.database.slices.time.sleep", lambda seconds: store.close())
    snapshots.delete_leftovers(store)
    assert caplog.messages == []
    again = Store(store.path)
    assert rows_of_snapshots(again) == 10
    snapshots.delete_leftovers(again)
    assert rows_of_snapshots(again) == 0
    again.close()


def test_a_start_deletes_leftovers_in_the_background(store, namespace):
    leave_hidden(store, namespace)
    store.close()

    def hidden():
        with contextlib.closing(sqlite3.connect(store.path)) as db:
            return db.execute("SELECT count(*) FROM snapshots").fetchone()[0]

    assert hidden() == 1
    with ServerProcess(["--db", store.path]):
        wait_for(lambda: not hidden())


def test_leftovers_that_cannot_be_deleted_are_logged(store, namespace, caplog):
    leave_hidden(store, namespace)
    with store.transaction() as db:
        db.execute(
            """CREATE TEMP TRIGGER refuse BEFORE DELETE ON snapshot_entries
            BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"""
        )
    snapshots.delete_leftovers(store)
    (message,) = caplog.messages
    assert "the next start or the next snapshot" in message


def test_a_replaced_or_dropped_snapshot_leaves_no_row(store, namespace):
    snapshots.take(namespace, "s")
    snapshots.take(namespace, "s")
    assert rows_of_snapshots(store) == KEYS
    snapshots.drop(namespace, "s")
    assert rows_of_snapshots(store) == 0


# ---------------------------------------------------------------- XComs


@pytest.fixture
def pushed(store):
    """A namespace whose task has pushed many XComs, and has no key."""
    namespace = store.create_namespace("pushed")
    task_instances.create_task_instance(namespace, TASK)
    for number in range(KEYS):
        push(namespace, f"key {number:02}", number)
    return namespace


def push(namespace, key, value):
    xcoms.set_xcom(namespace, TASK, key, json.dumps(value), API_WRITER)


def push_more(namespace):
    push(namespace, "key 00", "overwritten")
    xcoms.delete_xcom(namespace, TASK, "key 01", API_WRITER)
    push(namespace, "key 59", "overwritten too")
    push(namespace, "key 60", "added")


def pushed_values(namespace):
    document = fixtures.export(namespace)
    return {row["key"]: row["value"] for row in document.get("xcoms", [])}


def count_of(store, table):
    with store.reading() as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_others_push_while_a_snapshot_is_taken(pushed, between):
    ended = between(lambda: push_more(pushed))
    snapshots.take(pushed, "s")
    assert ended.is_set()
    now = pushed_values(pushed)
    assert now["key 00"] == "overwritten"
    assert "key 01" not in now
    reset(pushed)
    snapshots.restore(pushed, "s")
    assert pushed_values(pushed) == now


def test_others_write_while_xcoms_are_restored(pushed, other, between):
    before = pushed_values(pushed)
    snapshots.take(pushed, "s")
    reset(pushed)
    ended = between(lambda: other.set("k", "kept"), copies, "prepare_some")
    snapshots.restore(pushed, "s")
    assert ended.is_set()
    assert pushed_values(pushed) == before


def test_others_write_while_a_reset_deletes_xcoms(store, pushed, other, between):
    ended = between(lambda: other.set("k", "kept"), hidden, "_delete_some")
    reset(pushed)
    assert ended.is_set()
    assert pushed_values(pushed) == {}
    assert count_of(store, "xcoms") == 0


def test_others_write_while_the_xcoms_of_a_snapshot_are_dropped(store, pushed, other, between):
    snapshots.take(pushed, "s")
    ended = between(lambda: other.set("k", "kept"), copies, "drop_some")
    snapshots.drop(pushed, "s")
    assert ended.is_set()
    assert count_of(store, "snapshot_xcoms") == 0


def test_no_xcom_is_written_in_the_transaction_itself(store, pushed, monkeypatch):
    taken = changes_of(monkeypatch, copies, "take")
    snapshots.take(pushed, "s")
    emptied = changes_of(monkeypatch, namespaces, "empty")
    reset(pushed)
    restored = changes_of(monkeypatch, copies, "restore")
    snapshots.restore(pushed, "s")
    assert all(0 < rows < 10 for rows in taken + emptied + restored)
    assert count_of(store, "xcoms") == KEYS


def test_a_replaced_snapshot_leaves_no_xcom(store, pushed):
    snapshots.take(pushed, "s")
    snapshots.take(pushed, "s")
    assert count_of(store, "snapshot_xcoms") == KEYS


@pytest.mark.parametrize("value", ["x", "x" * 2**20], ids=["many", "large"])
def test_a_namespace_of_xcoms_is_large(tmp_path, monkeypatch, value):
    """It is copied in slices, although it has no keys."""
    monkeypatch.setattr(snapshots, "_FEW", 40)
    store = Store(str(tmp_path / "large.db"))
    task_instances.create_task_instance(store.namespace(), TASK)
    for number in range(50 if len(value) == 1 else 3):
        push(store.namespace(), f"key {number}", value)
    taken = changes_of(monkeypatch, copies, "take")
    snapshots.take(store.namespace(), "s")
    assert taken[0] < 10
    reset(store.namespace())
    restored = changes_of(monkeypatch, copies, "restore")
    snapshots.restore(store.namespace(), "s")
    assert restored[0] < 10
    store.close()


def test_the_size_of_a_snapshot_counts_its_xcoms(pushed):
    push(pushed, "large", "x" * 998)
    assert snapshots.take(pushed, "s")["size"] == 1000 + len("".join(map(str, range(KEYS))))


def test_an_older_file_has_the_sizes_of_its_xcoms(tmp_path, monkeypatch):
    path = str(tmp_path / "older.db")
    steps = [step for step in migrations._migrations if step.name != "sizes_of_xcoms"]
    with monkeypatch.context() as older:
        older.setattr(migrations, "_migrations", steps)
        older.setattr(opening, "_new", opening._new.__wrapped__)  # not the one of this release
        Store(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        run = "'d', 'r', '', ''"
        db.execute(f"INSERT INTO dag_runs (ns, dag_id, run_id, run_after, state) VALUES (1, {run})")
        db.execute("INSERT INTO scopes (run_pk, task_id, map_index) VALUES (1, 't', -1)")
        db.execute(
            "INSERT INTO xcoms (scope_id, key, value, timestamp, seq) VALUES (1, 'k', '[1]', '', 1)"
        )
    store = Store(path)
    with store.reading() as db:
        assert db.execute("SELECT size FROM xcoms").fetchall() == [(3,)]
    store.close()


# ---------------------------------------------------------------- slices themselves


def test_a_slice_ends_with_the_row_that_is_too_large():
    rows = iter([(1, 10), (2, slices.BYTES), (3, 10)])
    assert slices.end_of_slice(rows) == 2
    assert list(rows) == [(3, 10)]


def test_slices_grow_while_they_are_short(monkeypatch):
    left = [10_000]
    sizes = []

    def act(rows):
        sizes.append(rows)
        count = min(rows, left[0])
        left[0] -= count
        return count

    slices.in_slices(act)
    assert left == [0]
    assert sizes[:3] == [10, 20, 40]


def test_the_journal_gets_no_more_effects_than_it_keeps(tmp_path):
    store = Store(str(tmp_path / "s.db"), journal_limit=10_000)
    namespace = store.namespace()
    task_instances.create_task_instance(namespace, TASK)
    for number in range(KEYS):
        keyspaces.task(namespace, TASK).set(f"key {number:02}", "x" * 500)
    snapshots.take(namespace, "s")
    keyspaces.task(namespace, TASK).clear()
    store.log.limit = 2**30  # nothing is deleted from now on
    monkey = store.log.kept
    store.log.kept = lambda sizes: min(5, monkey(sizes))
    before = namespace.journal.bounds()[1]
    snapshots.restore(namespace, "s")
    effects = [event for event in namespace.journal.events(before) if event["op"] == "set"]
    assert [event["key"] for event in effects] == [f"key {number}" for number in range(55, 60)]
    assert effects[-1]["seq"] == before + 1 + KEYS
    assert effects[0]["value"] == "x" * 500
    store.close()


def test_the_events_that_have_room_are_counted_from_the_newest(tmp_path):
    store = Store(str(tmp_path / "s.db"), journal_limit=1000)
    assert store.log.kept([100, 100, 100, 100]) == 3
    assert store.log.kept([2000, 0]) == 0
    store.close()
