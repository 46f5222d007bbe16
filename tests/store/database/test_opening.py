"""An unusable file stops the start with a message and exit status, and is not changed."""

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from state.client.http import StateroomClient
from state.errors import CorruptDatabase, DatabaseOwned, NotADatabase, StoreError
from state.process import ServerProcess
from state.store import keyspaces
from state.store.database import opening
from state.store.database.ownership import lock_path, owner
from state.store.store import Store
from state.store.tables import assets
from tests.support.connections import refusal


@pytest.fixture
def path(tmp_path):
    """A valid, closed database with 300 keys."""
    path = tmp_path / "state.db"
    store = Store(str(path))
    asset = keyspaces.asset(store.namespace(), assets.create_asset(store.namespace(), "a")["id"])
    for number in range(300):
        asset.set(f"key {number}", "x" * 200)
    store.close()
    return path


def start(path):
    """Serve a file that is refused; return exit status and message."""
    return refusal("--db", str(path))


def contents(folder):
    """Every file of a folder but the locks, with the hash of its bytes."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix != ".lock")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def xor(path, at, count=4096):
    with open(path, "r+b") as file:
        file.seek(at)
        damaged = bytes(byte ^ 0xA5 for byte in file.read(count))
        file.seek(at)
        file.write(damaged)


def damage_a_page(path):
    xor(path, 4096 * 5)


def damage_the_middle(path):
    xor(path, path.stat().st_size // 2 // 4096 * 4096)


def damage_the_schema(path):
    xor(path, 100, 900)


def cut_in_half(path):
    os.truncate(path, path.stat().st_size // 2)


def cut_to_its_header(path):
    os.truncate(path, 100)


def apply_an_unknown_step(path):
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('stateroom', 'later', '')"
        )
    db.close()


def write_words(path):
    path.write_text("meeting notes\n" * 100)


def write_another_programs_tables(path):
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE bookmarks (url)")
    db.close()


REFUSALS = [
    (write_words, 4, "is not an SQLite database"),
    (write_another_programs_tables, 4, "is an SQLite database, but not one of Stateroom's"),
    (damage_a_page, 5, "is damaged"),
    (damage_the_middle, 5, "is damaged"),
    (damage_the_schema, 5, "is damaged"),
    (cut_in_half, 5, "is damaged"),
    (cut_to_its_header, 5, "is damaged"),
    (lambda path: path.chmod(0o444), 6, "is read-only"),
    (apply_an_unknown_step, 7, "was written by a newer Stateroom (it has later); upgrade"),
]


@pytest.mark.parametrize(
    ("spoil", "status", "words"), REFUSALS, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_file_that_cannot_be_used_is_left_as_it_was(path, spoil, status, words):
    spoil(path)
    before = contents(path.parent)
    exit_status, line = start(path)
    assert exit_status == status, line
    assert str(path) in line, line
    assert words in line, line
    assert contents(path.parent) == before


def test_a_folder_that_cannot_be_written_is_refused(path):
    path.parent.chmod(0o555)
    before = contents(path.parent)
    try:
        assert start(path) == (
            6,
            f"stateroom: {path.parent} is read-only; make it writable, or give another --db",
        )
    finally:
        path.parent.chmod(0o755)
    assert contents(path.parent) == before


def test_a_missing_folder_is_not_made(tmp_path):
    status, line = start(tmp_path / "no" / "such" / "x.db")
    assert status == 1
    assert "does not exist; make it, or give another --db" in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_a_database(tmp_path):
    assert start(tmp_path) == (1, f"stateroom: {tmp_path} is not a file; give another --db")


def test_a_second_process_names_the_first(path):
    with ServerProcess(["--db", str(path)]) as first:
        before = contents(path.parent)
        status, line = start(path)
        assert status == 3
        assert f"process {first.process.pid} at {first.url};" in line
        assert contents(path.parent) == before


def test_a_symbolic_link_has_the_same_owner(path, tmp_path):
    link = tmp_path / "link.db"
    link.symlink_to(path)
    store = Store(str(path))
    with pytest.raises(DatabaseOwned, match=f"process {os.getpid()}"):
        Store(str(link))
    store.close()


def test_file_is_unlocked_after_close_and_failed_start(path):
    Store(str(path)).close()
    assert owner(path) is None
    apply_an_unknown_step(path)
    with pytest.raises(StoreError):
        Store(str(path))
    assert owner(path) is None


def test_a_clean_stop_leaves_one_file_and_an_empty_lock(path):
    assert sorted(os.listdir(path.parent)) == ["state.db", "state.db.lock"]
    assert lock_path(path).read_bytes() == b""


def test_the_lock_holds_the_owners_process_and_address(path):
    store = Store(str(path))
    store.announce("http://127.0.0.1:1")
    assert owner(path) == {"pid": os.getpid(), "url": "http://127.0.0.1:1"}
    store.close()


def test_an_empty_file_counts_as_new(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    store = Store(str(path))
    assets.create_asset(store.namespace(), "a")
    store.close()
    assert path.read_bytes().startswith(opening.MAGIC)


@pytest.fixture
def killed(path):
    """A database whose last writes are still in the log of a process that was killed."""
    with ServerProcess(["--db", str(path)]) as process:
        StateroomClient(process.url).asset(name="a").set("late", "write")
        process.kill()
    log = path.with_name("state.db-wal")
    assert b"late" in log.read_bytes()
    return path


def test_the_log_of_a_killed_process_is_read(killed):
    store = Store(str(killed))
    assert keyspaces.asset(store.namespace(), name="a").get("late") == "write"
    store.close()
    assert sorted(os.listdir(killed.parent)) == ["state.db", "state.db.lock"]


def test_a_newer_releases_step_is_seen_while_only_the_log_has_it(path, tmp_path):
    (tmp_path / "copy").mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('stateroom', 'x', '')"
    )
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", tmp_path / "copy")
    connection.close()
    before = contents(tmp_path / "copy")
    assert start(tmp_path / "copy" / path.name)[0] == 7
    assert contents(tmp_path / "copy") == before


def test_the_log_is_found_behind_a_link(killed, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(killed)
    damage_a_page(killed)
    killed.with_name("state.db-shm").unlink()
    before = contents(tmp_path)
    assert start(link)[0] == 5
    assert contents(tmp_path) == before


def test_a_damaged_file_with_a_log_keeps_both(killed):
    damage_a_page(killed)
    killed.with_name("state.db-shm").unlink()
    before = contents(killed.parent)
    assert start(killed)[0] == 5
    assert contents(killed.parent) == before


def test_a_new_file_has_its_owners_mark_before_anything_else(tmp_path):
    """A file must be recognised even if its process was killed with all else in the log."""
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        opening.prepare(db, str(path), durable=False)
        assert path.stat().st_size == 4096
        opening.check_header(path)


def test_an_empty_foreign_database_is_refused(tmp_path):
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA application_id = 1")
    db.close()
    with pytest.raises(NotADatabase):
        Store(str(path))


def test_damage_found_while_serving_is_reported(path):
    store = Store(str(path))
    store.namespace()
    for at in range(1, path.stat().st_size // 4096):
        xor(path, at * 4096)
    with pytest.raises(CorruptDatabase, match="is damaged"):
        keyspaces.asset(store.namespace(), name="a").get("key 1")
    with pytest.raises(CorruptDatabase):
        keyspaces.asset(store.namespace(), name="a").set("key 1", 1)
    store.close()


def test_a_closed_store_does_not_open_the_file_again(path):
    store = Store(str(path))
    keyspace = keyspaces.asset(store.namespace(), name="a")
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        keyspace.get("key 1")


def test_relative_path_survives_a_change_of_directory(path, tmp_path, monkeypatch):
    monkeypatch.chdir(path.parent)
    store = Store("state.db")
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    assert keyspaces.asset(store.namespace(), name="a").get("key 1") == "x" * 200
    store.close()
    assert os.listdir(tmp_path / "away") == []


@pytest.mark.parametrize(
    "content", ["null", "[1]", '{"sessions": 5}', '{"sessions": [5]}', "[" * 9**4]
)
def test_a_lock_file_of_something_else_counts_as_empty(path, content):
    lock_path(path).write_text(content)
    Store(str(path)).close()
    assert lock_path(path).read_bytes() == b""


@pytest.mark.parametrize("content", [b"null", b"{", b"\xff"])
def test_the_owner_in_a_lock_file_of_something_else_is_unknown(path, content):
    with closing(Store(str(path))):
        lock_path(path).write_bytes(content)
        assert owner(path) == {"pid": None, "url": None}


def test_a_lock_file_that_cannot_be_created_is_reported(path):
    lock = lock_path(path)
    lock.unlink()
    lock.mkdir()
    status, line = start(path)
    assert status == 6
    assert "state.db.lock cannot be written" in line


def test_the_lock_is_json_for_scripts(path):
    with ServerProcess(["--db", str(path)]) as process:
        who = json.loads(lock_path(path).read_text())
        assert who["pid"] == process.process.pid
    assert who["url"] == process.url


def test_deleted_pages_are_not_written_over(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    with store.transaction() as db:
        assert db.execute("PRAGMA secure_delete").fetchone() == (0,)
    store.close()
