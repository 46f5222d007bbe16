"""Acknowledged writes survive kill -9, and a full disk damages nothing."""

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from state.client.http import StateroomClient
from state.errors import DatabaseFull, DatabaseReplaced, ServiceError, StateError
from state.model.scopes import TaskScope
from state.process import ServerProcess, StartFailed
from state.store import fixtures, keyspaces, snapshots
from state.store.database import checkpoints, opening
from state.store.database.checkpoints import Checkpoints
from state.store.store import Store
from state.store.tables import assets, task_instances
from tests.support.small_disk import small_disk

KILLS = 12
WRITERS = 4
AT_LEAST = 40  # acknowledged writes before each kill


def load_until_killed(process, ti_id, round_number):
    """PUT from several threads and kill the service; return the acknowledged keys and values."""
    acknowledged = {}
    enough = threading.Event()

    def write(number):
        keyspace = StateroomClient(process.url).task(ti_id)
        count = 0
        with contextlib.suppress(StateError):
            while True:
                key = f"{round_number}/{number}/{count}"
                value = {"n": [round_number, number, count], "pad": "x" * 300}
                keyspace.set(key, value)
                acknowledged[key] = value
                count += 1
                if len(acknowledged) >= AT_LEAST:
                    enough.set()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    process.kill()
    for thread in threads:
        thread.join()
    return acknowledged


def stored(process, task_instance):
    """Read all keys of a task instance over HTTP, page by page."""
    path = "/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/state-store".format(
        **task_instance
    )
    entries = {}
    client = StateroomClient(process.url)
    while True:
        page = client.call("GET", path, params={"limit": "100", "offset": str(len(entries))}).json()
        entries |= {entry["key"]: entry["value"] for entry in page["task_state_store"]}
        if len(entries) >= page["total_entries"]:
            return entries


@pytest.mark.slow
def test_every_acknowledged_write_survives_kill_9(tmp_path):
    arguments = ["--db", str(tmp_path / "s.db"), "--log-level", "error"]
    with ServerProcess(arguments) as process:
        scope = {"dag_id": "d", "run_id": "r", "task_id": "t"}
        task_instance = (
            StateroomClient(process.url)
            .call("POST", "/_stateroom/task-instances", json=scope)
            .json()
        )
    acknowledged = {}
    for round_number in range(KILLS):
        acknowledged |= load_until_killed(
            ServerProcess(arguments), task_instance["id"], round_number
        )
    with ServerProcess(arguments) as process:
        entries = stored(process, task_instance)
    lost = {key: value for key, value in acknowledged.items() if entries.get(key) != value}
    assert lost == {}
    assert len(acknowledged) >= KILLS * AT_LEAST
    assert len(entries) - len(acknowledged) <= KILLS * WRITERS, (
        "more than the writes that were under way"
    )


LARGE = 40  # keys, each of 100 KB: enough to be restored and deleted in slices


def reset_and_restore_until_killed(process, round_number):
    """Kill the service while one thread resets and restores, and another writes elsewhere; return
    the keys that the other wrote.
    """
    client = StateroomClient(process.url)
    other = StateroomClient(f"{process.url}/ns/other").asset(name="a")
    acknowledged = []

    def swap():
        with contextlib.suppress(StateError):
            while True:
                client.call("POST", "/_stateroom/reset?to=empty")
                client.call("POST", "/_stateroom/snapshots/s/restore")

    def write():
        with contextlib.suppress(StateError):
            while True:
                key = f"{round_number}/{len(acknowledged)}"
                other.set(key, 1)
                acknowledged.append(key)

    threads = [threading.Thread(target=act) for act in (swap, write)]
    for thread in threads:
        thread.start()
    time.sleep(0.1 + 0.07 * round_number)
    process.kill()
    for thread in threads:
        thread.join()
    return acknowledged


@pytest.mark.slow
def test_a_kill_leaves_all_of_a_restore_or_nothing(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    keyspace = a_keyspace(store)
    assets.create_asset(store.create_namespace("other"), "a")
    for number in range(LARGE):
        keyspace.set(f"k{number}", "x" * 100_000)
    snapshots.take(store.namespace(), "s")
    whole = fixtures.export(store.namespace())
    store.close()
    acknowledged = set()
    for round_number in range(KILLS):
        process = ServerProcess(["--db", str(tmp_path / "s.db"), "--log-level", "error"])
        acknowledged |= {*reset_and_restore_until_killed(process, round_number)}
        store = Store(str(tmp_path / "s.db"))
        left = fixtures.export(store.namespace())
        assert left == whole or not any(left.values())
        others = keyspaces.asset(store.namespace("other"), name="a").list()[0]
        assert acknowledged <= {entry.key for entry in others}
        snapshots.restore(store.namespace(), "s")
        assert fixtures.export(store.namespace()) == whole
        store.close()
    assert acknowledged


# ---------------------------------------------------------------- a full disk


def a_keyspace(store):
    return keyspaces.asset(store.namespace(), assets.create_asset(store.namespace(), "a")["id"])


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path, "4m", "another test uses max_page_count instead") as disk:
        yield disk


@pytest.fixture
def full(disk):
    """A store of 50 keys on a disk that has just been filled up."""
    store = Store(str(disk.folder / "s.db"))
    keyspace = a_keyspace(store)
    for number in range(50):
        keyspace.set(f"key {number}", number)
    disk.fill()
    yield store
    store.close()


def is_whole(store):
    """Whether SQLite's integrity check passes and the 50 keys are unchanged."""
    with store.reading() as db:
        (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
    values = {
        entry.key: entry.value for entry in keyspaces.asset(store.namespace(), name="a").list()[0]
    }
    return verdict == "ok" and all(values[f"key {number}"] == number for number in range(50))


def write_until_full(keyspace):
    for number in range(1000):
        keyspace.set(f"more {number}", "x" * 5000)
    raise AssertionError("the disk is not full")


def test_a_full_disk_refuses_the_write_and_keeps_its_rows(full, disk):
    keyspace = keyspaces.asset(full.namespace(), name="a")
    with pytest.raises(DatabaseFull, match="has no room left; nothing was changed"):
        write_until_full(keyspace)
    assert is_whole(full)
    disk.make_room()
    keyspace.set("after", 1)
    assert keyspace.get("after") == 1


def test_a_full_disk_keeps_every_key_for_the_next_start(full, disk):
    with pytest.raises(DatabaseFull):
        write_until_full(keyspaces.asset(full.namespace(), name="a"))
    full.close()
    disk.make_room()
    again = Store(full.path)
    assert is_whole(again)
    again.close()


def test_a_fixture_that_does_not_fit_changes_nothing(full, disk):
    before = fixtures.export(full.namespace())
    assets = [
        {"id": number, "name": "n" * 500 + str(number), "uri": str(number), "active": True}
        for number in range(2, 500)
    ]
    with pytest.raises(DatabaseFull):
        fixtures.apply(full.namespace(), {"config": {"clear_on_success": True}, "assets": assets})
    assert fixtures.export(full.namespace()) == before
    disk.make_room()
    disk.fill(but=600_000)
    fixtures.apply(full.namespace(), {"assets": assets[:20]})
    assert len(fixtures.export(full.namespace())["assets"]) == 21


def test_a_migration_that_does_not_fit_leaves_the_file_as_it_was(full, disk, monkeypatch):
    def upgrade(connection):
        with connection:
            connection.execute("BEGIN")
            connection.execute("CREATE TABLE later AS SELECT randomblob(100000) FROM entries")

    disk.make_room()
    full.close()
    before = Path(full.path).read_bytes()
    disk.fill(but=120_000)
    monkeypatch.setattr(opening, "upgrade", upgrade)
    with pytest.raises(DatabaseFull):
        Store(full.path)
    monkeypatch.undo()
    assert Path(full.path).read_bytes() == before
    disk.make_room()
    again = Store(full.path)
    assert is_whole(again)
    again.close()


@pytest.mark.parametrize("room", range(0, 160_000, 20_000))
def test_start_on_a_full_disk_fails_and_later_succeeds(disk, room):
    path = str(disk.folder / "s.db")
    disk.fill(but=room)
    try:
        Store(path).close()
    except StateError as error:
        assert type(error) is DatabaseFull
    disk.make_room()
    Store(path).close()


def test_a_process_that_finds_no_room_ends_with_exit_status_8(disk):
    disk.fill()
    with pytest.raises(StartFailed, match="No space left on device") as caught:
        ServerProcess(["--db", str(disk.folder / "s.db")])
    assert caught.value.exit_status == 8


def test_over_http_a_full_disk_is_507_until_there_is_room(disk):
    with ServerProcess(["--db", str(disk.folder / "s.db"), "--log-level", "error"]) as process:
        client = StateroomClient(process.url)
        task_instance = client.call(
            "POST", "/_stateroom/task-instances", json={"dag_id": "d", "task_id": "t"}
        ).json()
        keyspace = client.task(task_instance["id"])
        keyspace.set("before", 1)
        disk.fill()
        with pytest.raises(ServiceError, match="has no room left") as caught:
            write_until_full(keyspace)
        assert caught.value.status == 507
        assert caught.value.reason == "database_full"
        assert keyspace.get("before") == 1
        disk.make_room()
        keyspace.set("after", 2)
        assert keyspace.get("before") == 1
        assert keyspace.get("after") == 2


def test_full_database_refuses_the_write_and_keeps_its_rows(tmp_path):
    """Simulate a full disk where a small one cannot be mounted."""
    store = Store(str(tmp_path / "s.db"))
    keyspace = keyspaces.asset(store.namespace(), assets.create_asset(store.namespace(), "a")["id"])
    for number in range(50):
        keyspace.set(f"key {number}", number)
    with store.transaction() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DatabaseFull, match="has no room left; nothing was changed"):
        write_until_full(keyspace)
    assert is_whole(store)
    with store.transaction() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    keyspace.set("after", "x" * 10_000)
    assert is_whole(store)
    store.close()


def test_a_failed_write_keeps_the_old_value(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    task_instances.create_task_instance(store.namespace(), TaskScope("d", "r", "t"))
    keyspace = keyspaces.task(store.namespace(), TaskScope("d", "r", "t"))
    keyspace.set("k", "old")
    with store.transaction() as db:
        db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(DatabaseFull):
        keyspace.set("k", "x" * 100_000)
    assert keyspace.get("k") == "old"
    store.close()


# ---------------------------------------------------------------- checkpoints


def log_number(path):
    """How often the write-ahead log was begun anew, from its header (sqlite.org/walformat)."""
    with Path(f"{path}-wal").open("rb") as log:
        return int.from_bytes(log.read(16)[12:], "big")


def entries_without_the_log(path):
    """The entries in the database file alone; 0 before a checkpoint, and in the midst of one."""
    with (
        contextlib.closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db,
        contextlib.suppress(sqlite3.DatabaseError),
    ):
        return db.execute("SELECT count(*) FROM entries").fetchone()[0]
    return 0


def test_the_log_is_copied_beside_the_writes(tmp_path):
    path = tmp_path / "s.db"
    store = Store(str(path))
    keyspace = a_keyspace(store)
    for number in range(checkpoints.COMMITS):
        keyspace.set(f"k{number}", number)
    deadline = time.monotonic() + 20
    while not entries_without_the_log(path) and time.monotonic() < deadline:
        time.sleep(0.02)
    copied = entries_without_the_log(path)
    store.close()
    assert copied > 0


def test_a_long_log_begins_anew_while_others_write(tmp_path):
    path = tmp_path / "s.db"
    store = Store(str(path))
    keyspace = a_keyspace(store)
    keyspace.set("k", 0)
    first = log_number(path)
    writes = 0
    while log_number(path) == first and writes < checkpoints.LIMIT // 5:
        keyspace.set(f"k{writes}", writes)
        writes += 1
        time.sleep(0.005)
    begun = log_number(path) - first
    store.close()
    assert begun == 1


def test_a_checkpoint_that_fails_is_made_later(tmp_path):
    path = tmp_path / "s.db"
    store = Store(str(path))
    a_keyspace(store).set("k", 0)
    attempts = threading.Semaphore(0)
    failures = [DatabaseReplaced("removed"), sqlite3.OperationalError("disk I/O error")]

    def connect():
        attempts.release()
        if failures:
            raise failures.pop()
        return sqlite3.connect(path)

    thread = Checkpoints(connect, threading.Lock(), lambda: True, lambda: None)
    for _ in range(3):
        assert entries_without_the_log(path) == 0
        for _ in range(checkpoints.COMMITS):
            thread.committed()
        assert attempts.acquire(timeout=20)
    thread.close()
    copied = entries_without_the_log(path)
    store.close()
    assert copied == 1
