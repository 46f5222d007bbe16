"""Long writes go in slices: others write in between, and readers see all of it or nothing."""

import contextlib
import sqlite3
import threading

import pytest

from state.errors import SnapshotNotFound
from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.store import fixtures, snapshots
from state.store.database import slices
from state.store.store import Store
from state.store.tables import copies, scopes, task_instances
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
        scopes.task(namespace, TASK).set(f"key {number:02}", number)
    return namespace


@pytest.fixture
def between(monkeypatch):
    """Calls a function in another thread after the second slice, and waits until it has ended."""

    def between(act):
        take_some = copies.take_some
        calls = []
        ended = threading.Event()

        def call():
            act()
            ended.set()

        def watched(db, ns, snapshot, most):
            calls.append(most)
            if len(calls) == 3:
                threading.Thread(target=call).start()
            return take_some(db, ns, snapshot, most)

        def pause(seconds):
            if len(calls) == 3:
                assert ended.wait(20)

        monkeypatch.setattr(slices, "_MOST", 10)
        monkeypatch.setattr(copies, "take_some", watched)
        monkeypatch.setattr("state.store.database.slices.time.sleep", pause)
        return ended

    return between


def change(namespace):
    keyspace = scopes.task(namespace, TASK)
    keyspace.set("key 00", "overwritten")
    keyspace.delete("key 01")
    keyspace.set("key 59", "overwritten too")
    keyspace.set("key 60", "added")


def values(namespace):
    return {entry.key: entry.value for entry in scopes.task(namespace, TASK).list()[0]}


def test_others_write_while_a_snapshot_is_taken(namespace, between):
    ended = between(lambda: change(namespace))
    assert snapshots.take(namespace, "s")["keys"] == KEYS
    assert ended.is_set()
    now = values(namespace)
    assert now["key 00"] == "overwritten"
    scopes.task(namespace, TASK).clear()
    snapshots.restore(namespace, "s")
    assert values(namespace) == now


def test_the_snapshot_of_a_reset_has_what_was_written_meanwhile(namespace, between):
    ended = between(lambda: change(namespace))
    fixtures.apply(namespace, {}, forget=True)
    assert ended.is_set()
    snapshots.restore(namespace, snapshots.BEFORE_RESET)
    assert values(namespace)["key 60"] == "added"
    assert "key 01" not in values(namespace)


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
    scopes.task(store.namespace(), TASK).set("k", 1)
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
    scopes.task(other, TASK).set("key", 1)
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
        scopes.task(namespace, TASK).set(f"key {number:02}", "x" * 500)
    snapshots.take(namespace, "s")
    scopes.task(namespace, TASK).clear()
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
