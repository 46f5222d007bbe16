"""A full disk: reading goes on, and what frees room works and frees it."""

import errno
import logging

import pytest
import requests

from state.backends.files import FileBackend
from state.client.http import StateroomClient
from state.errors import DatabaseFull, ServiceError
from state.gateway.place import Place
from state.process import ServerProcess
from state.store import fixtures, keyspaces, snapshots
from state.store.database import reserve
from state.store.store import Store
from state.store.tables import assets, expiry
from tests.store.database.test_durability import write_until_full
from tests.support.small_disk import small_disk

CHUNK = "x" * 5000


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path, "48m", "other tests use max_page_count instead") as disk:
        yield disk


@pytest.fixture
def store(disk):
    """A store with a namespace, a snapshot, and an asset whose keys fill the disk."""
    store = Store(str(disk.folder / "s.db"))
    other = store.create_namespace("other")
    for namespace in (other, store.namespace()):
        assets.create_asset(namespace, "a")
        for number in range(200):
            keyspaces.asset(namespace, name="a").set(f"key {number}", CHUNK)
    with store.transaction() as db:
        db.execute("UPDATE entries SET expires_at = '2000-01-01' WHERE key LIKE '% 1%'")
    snapshots.take(store.namespace(), "s")
    disk.fill()
    with pytest.raises(DatabaseFull, match="delete keys, snapshots"):
        write_until_full(keyspaces.asset(store.namespace(), name="a"))
    disk.fill()
    yield store
    store.close()


@pytest.fixture
def keyspace(store):
    return keyspaces.asset(store.namespace(), name="a")


def is_sound(store):
    with store.reading() as db:
        return db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


FREEING = {
    "delete": lambda store: keyspaces.asset(store.namespace(), name="a").delete("key 1"),
    "clear": lambda store: keyspaces.asset(store.namespace(), name="a").clear(),
    "reset": lambda store: fixtures.apply(store.namespace(), {}, forget=True),
    "drop snapshot": lambda store: snapshots.drop(store.namespace(), "s"),
    "drop namespace": lambda store: store.drop_namespace("other"),
    "clean": lambda store: expiry.clean(store.namespace(), False, 100),
}


@pytest.mark.parametrize("name", FREEING)
def test_what_frees_room_works_on_a_full_disk(store, name):
    FREEING[name](store)
    assert is_sound(store)
    other = store.create_namespace("new")
    assets.create_asset(other, "a")
    keyspaces.asset(other, name="a").set("k", "there is room again")


def test_a_place_for_objects_is_claimed_on_a_full_disk(store, tmp_path_factory):
    files = FileBackend(tmp_path_factory.mktemp("objects"), f"{store.identity.database_id}/default")
    Place(store).hold(files)
    before = files.owner()["claim"]
    Place(store).hold(files)
    assert files.owner()["claim"] != before
    assert files.realm.startswith(store.identity.database_id)


def test_every_key_can_be_deleted_one_by_one(store, keyspace, disk):
    for number in range(200):
        keyspace.delete(f"key {number}")
        disk.fill()
    assert not any(entry.key.startswith("key") for entry in keyspace.list()[0])
    assert is_sound(store)


def test_a_reset_on_a_full_disk_says_whether_it_took_no_snapshot(store, caplog):
    fixtures.apply(store.namespace(), {}, forget=True)
    is_told = "reset without the snapshot before-reset: the disk is full" in caplog.messages
    is_taken = "before-reset" in [row["name"] for row in snapshots.listed(store.namespace())]
    assert is_told != is_taken


def test_the_log_says_once_that_reads_are_not_noted(store, keyspace, disk, caplog):
    caplog.set_level(logging.ERROR)
    for number in range(200):
        assert keyspace.get(f"key {number}") == CHUNK
        if number % 50 == 0:
            store.namespace().journal.events(limit=1)
    told = [message for message in caplog.messages if "not written to the journal" in message]
    assert len(told) == 1
    disk.make_room()
    events = store.namespace().journal.events(op="get")
    assert len(events) == 200


NO_ROOM = """CREATE TEMP TRIGGER no_room BEFORE INSERT ON journal WHEN NEW.op = 'get'
    BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"""


def test_the_reads_that_wait_for_room_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("state.store.journal.writer._MOST_PENDING", 100)
    store = Store(str(tmp_path / "s.db"))
    assets.create_asset(store.namespace(), "a")
    keyspace = keyspaces.asset(store.namespace(), name="a")
    keyspace.set("key", 1)
    with store.transaction() as db:
        db.execute(NO_ROOM)
    with store.lock:  # the journal's thread writes them otherwise
        for _ in range(300):
            keyspace.get("key")
        store.log.flush()
        assert len(store.log._pending) == 100
    store.close()


def test_the_reserve_is_taken_again_and_given_back_at_the_end(tmp_path):
    path = tmp_path / "s.db"
    store = Store(str(path))
    kept = tmp_path / "s.db-reserve"
    assert kept.stat().st_size == reserve.SIZE
    with store._reserve.released():
        assert not kept.exists()
    assert kept.stat().st_size == reserve.SIZE
    store.close()
    assert not kept.exists()


@pytest.fixture
def full_at_start(disk):
    """A store that is opened while 64 KiB are free, on a disk that is full since."""
    path = str(disk.folder / "s.db")
    store = Store(path)
    assets.create_asset(store.namespace(), "a")
    keyspaces.asset(store.namespace(), name="a").set("k", CHUNK)
    store.close()
    disk.fill(but=64 * 1024)
    store = Store(path)
    disk.fill()
    yield store
    store.close()


def test_a_start_says_that_the_disk_has_no_room_for_the_reserve(full_at_start, caplog):
    (note,) = full_at_start.notes
    assert note.startswith(f"{full_at_start.path}-reserve could not be kept")
    assert "make room on the disk" in note
    assert note in [record.getMessage() for record in caplog.get_records("setup")]


def test_without_a_reserve_a_refused_delete_says_so(full_at_start):
    keyspace = keyspaces.asset(full_at_start.namespace(), name="a")
    with pytest.raises(DatabaseFull, match="-reserve could not be kept") as caught:
        keyspace.delete("k")
    assert "still works" not in str(caught.value)


def test_the_reserve_is_taken_when_there_is_room_again(full_at_start, disk, caplog):
    kept = disk.folder / "s.db-reserve"
    disk.make_room()
    full_at_start._reserve._next = 0.0  # a second later
    keyspace = keyspaces.asset(full_at_start.namespace(), name="a")
    keyspace.set("more", 1)
    assert kept.stat().st_size == reserve.SIZE
    assert full_at_start.notes == []
    assert caplog.messages[-1] == f"{kept} is kept again"
    disk.fill()
    keyspace.delete("k")


def test_the_reserve_is_not_tried_with_every_write(tmp_path, monkeypatch):
    takes = []

    def refuse(*_):
        takes.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    monkeypatch.setattr(reserve, "_AGAIN", 3600.0)
    store = Store(str(tmp_path / "s.db"))
    assets.create_asset(store.namespace(), "a")
    assert takes == [1]
    store._reserve._next = 0.0  # an hour later
    assets.create_asset(store.namespace(), "b")
    assets.create_asset(store.namespace(), "c")
    assert takes == [1, 1]
    store.close()


def test_where_files_cannot_reserve_room_the_log_says_so(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    store = Store(str(tmp_path / "s.db"))
    (note,) = store.notes
    assert "(Disk quota exceeded)" in note
    assert caplog.messages == [note]
    store.close()


def test_the_reserve_of_another_service_stays(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    kept = tmp_path / "s.db-reserve"
    kept.rename(tmp_path / "old")
    kept.write_bytes(b"of another service, after the folder was replaced")
    store.close()
    assert kept.exists()


@pytest.mark.parametrize("name", FREEING)
def test_a_log_of_few_large_values_leaves_room_to_free_some(disk, name):
    store = Store(str(disk.folder / "s.db"))
    other = store.create_namespace("other")
    for namespace in (other, store.namespace()):
        assets.create_asset(namespace, "a")
    snapshots.take(store.namespace(), "s")
    keyspace = keyspaces.asset(store.namespace(), name="a")
    for number in range(4):
        keyspace.set(f"key {number}", "v" * 1_000_000)
    disk.fill()
    FREEING[name](store)
    FREEING["reset"](store)
    assets.create_asset(store.namespace(), "b")
    keyspaces.asset(store.namespace(), name="b").set("key", "new")
    store.close()


def test_a_restore_without_room_leaves_nothing_behind(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    namespace = store.namespace()
    assets.create_asset(namespace, "a")
    for number in range(12):
        keyspaces.asset(namespace, name="a").set(f"key {number}", "v" * 500_000)
    before = fixtures.export(namespace)
    snapshots.take(namespace, "s")
    fixtures.apply(namespace, {}, forget=True)
    snapshots.drop(namespace, snapshots.BEFORE_RESET)
    with store.transaction() as db:
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        db.execute("CREATE TABLE filler (x)")
        db.execute("INSERT INTO filler VALUES (zeroblob(?))", ((free - 600) * 4096,))
    with pytest.raises(DatabaseFull):
        snapshots.restore(namespace, "s")
    assert fixtures.is_empty(namespace)
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM entries").fetchone()[0] == 0
    with store.transaction() as db:
        db.execute("DROP TABLE filler")
    snapshots.restore(namespace, "s")
    assert fixtures.export(namespace) == before
    store.close()


def test_a_namespace_that_cannot_be_dropped_keeps_its_journal(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    other = store.create_namespace("other")
    assets.create_asset(other, "a")
    keyspaces.asset(other, name="a").set("k", 1)
    with store.transaction() as db:
        db.execute(
            """CREATE TEMP TRIGGER refuse BEFORE DELETE ON namespaces
            BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"""
        )
    with pytest.raises(DatabaseFull):
        store.drop_namespace("other")
    keyspaces.asset(other, name="a").get("k")
    assert [event["key"] for event in other.journal.events(op="get")] == ["k"]
    store.close()


@pytest.mark.slow
def test_over_http_a_full_disk_is_read_and_emptied(disk):
    with ServerProcess(["--db", str(disk.folder / "s.db"), "--log-level", "error"]) as process:
        client = StateroomClient(process.url)
        ti_id = client.call(
            "POST", "/_stateroom/task-instances", json={"dag_id": "d", "task_id": "t"}
        ).json()["id"]
        keyspace = client.task(ti_id)
        keyspace.set("before", CHUNK)
        disk.fill()
        with pytest.raises(ServiceError) as caught:
            write_until_full(keyspace)
        assert caught.value.status == 507
        for page in ("/", "/_stateroom/journal", "/_stateroom/fixture", "/bench", "/references"):
            assert requests.get(process.url + page).status_code == 200, page
        assert keyspace.get("before") == CHUNK
        keyspace.delete("more 1")
        keyspace.set("instead", CHUNK)
        disk.fill()
        assert requests.post(f"{process.url}/_stateroom/reset").status_code == 204
        answer = requests.post(
            f"{process.url}/_stateroom/task-instances", json={"dag_id": "d", "task_id": "t"}
        )
        assert answer.status_code == 201


def test_a_full_database_is_read_and_emptied(tmp_path):
    """Simulate a full disk where a small one cannot be mounted."""
    store = Store(str(tmp_path / "s.db"))
    assets.create_asset(store.namespace(), "a")
    keyspace = keyspaces.asset(store.namespace(), name="a")
    keyspace.set("k", CHUNK)
    with store.transaction() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DatabaseFull):
        write_until_full(keyspace)
    for _ in range(1000):
        assert keyspace.get("k") == CHUNK
    store.namespace().journal.events(limit=1)
    keyspace.clear()
    keyspace.set("k", "new")
    assert is_sound(store)
    store.close()
