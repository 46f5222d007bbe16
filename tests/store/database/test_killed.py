"""A database file whose service was killed, and the log that was beside it."""

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from state.errors import NotFound, WrongLog
from state.model.scopes import TaskScope
from state.process import ServerProcess, StartFailed
from state.store import keyspaces
from state.store.database.ownership import lock_path
from state.store.store import Store
from state.store.tables import task_instances
from tests.support.killing import kill

SCOPE = TaskScope("etl", "r1", "load")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def renamed(tmp_path):
    return tmp_path / "renamed.db"


def log_of(path):
    return path.with_name(path.name + "-wal")


def opened(path):
    """The acknowledged value, None if it is missing, and what was found at start."""
    store = Store(str(path))
    try:
        return keyspaces.task(store.namespace(), SCOPE).get("k"), ". ".join(store.notes) or None
    except NotFound:
        return None, ". ".join(store.notes) or None
    finally:
        store.close()


def test_a_killed_file_is_opened_with_its_log(path):
    kill(path)
    assert opened(path) == ("acknowledged", None)


@pytest.mark.slow
def test_a_file_killed_at_its_next_start_is_opened(path):
    kill(path)
    kill(path, "early")
    assert opened(path) == ("acknowledged", None)


def test_a_renamed_file_wants_its_log(path, renamed):
    kill(path)
    path.rename(renamed)
    before = renamed.read_bytes()
    with pytest.raises(WrongLog) as raised:
        Store(str(renamed))
    assert f"move {log_of(path)} to {log_of(renamed)}" in str(raised.value)
    assert renamed.read_bytes() == before
    log_of(path).rename(log_of(renamed))
    assert opened(renamed) == ("acknowledged", f"{renamed} was {path} before")


@pytest.mark.slow
def test_nothing_stays_at_the_former_name(path, renamed):
    kill(path)
    path.rename(renamed)
    log_of(path).rename(log_of(renamed))
    assert sorted(file.name for file in path.parent.glob("state*")) == [
        "state.db-reserve",
        "state.db-shm",
        "state.db.lock",
    ]
    opened(renamed)
    assert list(path.parent.glob("state*")) == []


@pytest.mark.slow
def test_an_empty_log_at_the_former_name_goes_too(path, renamed):
    kill(path, "copied")
    path.rename(renamed)
    opened(renamed)
    assert list(path.parent.glob("state*")) == []


@pytest.mark.slow
def test_the_files_of_another_service_at_the_former_name_stay(path, renamed):
    kill(path)
    path.rename(renamed)
    log_of(path).rename(log_of(renamed))
    with closing(Store(str(path))):
        before = sorted(path.parent.glob("state*"))
        opened(renamed)
        assert sorted(path.parent.glob("state*")) == before


@pytest.mark.slow
def test_a_service_that_starts_at_the_former_name_keeps_its_lock(path, renamed):
    kill(path)
    path.rename(renamed)
    log_of(path).rename(log_of(renamed))
    lock = lock_path(path)
    with open(lock, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        opened(renamed)
        assert lock.exists()


@pytest.mark.slow
def test_a_file_moved_to_another_disk_wants_its_log(path, renamed):
    kill(path)
    shutil.copy(path, renamed)
    path.unlink()
    with pytest.raises(WrongLog):
        Store(str(renamed))


@pytest.mark.slow
def test_a_hard_link_is_opened_by_its_other_name(path, renamed):
    kill(path)
    os.link(path, renamed)
    with pytest.raises(WrongLog, match=f"give --db {path}"):
        Store(str(renamed))
    assert opened(path) == ("acknowledged", None)
    assert opened(renamed)[0] == "acknowledged"


@pytest.mark.slow
def test_the_log_of_another_file_at_the_path_is_not_wanted(path, renamed):
    kill(path)
    path.rename(renamed)
    log_of(path).unlink()
    kill(path)
    _, found = opened(renamed)
    assert f"its log {log_of(path)} is not there any more" in found


@pytest.mark.slow
def test_a_log_that_was_deleted_is_missed(path):
    kill(path)
    log_of(path).unlink()
    value, found = opened(path)
    assert value is None
    assert f"its log {log_of(path)} is not there any more" in found
    assert opened(path) == (None, None)


@pytest.mark.slow
def test_a_log_that_was_emptied_is_missed(path):
    kill(path)
    os.truncate(log_of(path), 0)
    value, found = opened(path)
    assert value is None
    assert f"its log {log_of(path)} is not there any more or was emptied" in found
    assert opened(path) == (None, None)


@pytest.mark.slow
def test_a_missing_log_is_told_until_a_stop_in_order(path):
    kill(path)
    log_of(path).unlink()
    kill(path)
    for _ in range(2):
        kill(path, "early")
    assert f"its log {log_of(path)} is not there any more" in opened(path)[1]
    assert opened(path)[1] is None


@pytest.mark.slow
def test_an_empty_log_is_not_missed_at_a_new_name(path, renamed):
    kill(path, "copied")
    path.rename(renamed)
    assert log_of(path).stat().st_size == 0
    assert opened(renamed) == ("acknowledged", f"{renamed} was {path} before")


@pytest.mark.slow
def test_a_file_that_was_stopped_in_order_may_be_renamed(path, renamed):
    Store(str(path)).close()
    path.rename(renamed)
    assert opened(renamed) == (None, f"{renamed} was {path} before")


@pytest.mark.slow
def test_the_log_of_a_replaced_file_is_refused(path, renamed):
    Store(str(renamed)).close()
    kill(path)
    os.replace(renamed, path)
    for _ in range(2):
        with pytest.raises(WrongLog, match=f"move {log_of(path)} away"):
            Store(str(path))
    log_of(path).rename(path.with_name("away"))
    assert opened(path)[0] is None


@pytest.mark.slow
def test_a_pair_restored_over_a_later_session_is_opened(path):
    kill(path)
    pair = {file: file.read_bytes() for file in (path, log_of(path))}
    kill(path)
    for file, content in pair.items():
        file.unlink()
        file.write_bytes(content)
    lock = path.with_name(path.name + ".lock")
    with pytest.raises(WrongLog, match=f"restored both files together: then remove {lock};"):
        Store(str(path))
    lock.unlink()
    assert opened(path)[0] == "acknowledged"


@pytest.mark.slow
def test_a_copy_with_its_log_has_everything(path, renamed):
    kill(path)
    shutil.copy(path, renamed)
    shutil.copy(log_of(path), log_of(renamed))
    value, found = opened(renamed)
    assert value == "acknowledged"
    assert found.startswith(f"{renamed} is a copy of {path}: ")
    assert "missing" not in found


@pytest.mark.slow
def test_a_copy_without_the_log_is_one(path, renamed):
    kill(path)
    shutil.copy(path, renamed)
    value, found = opened(renamed)
    assert value is None
    assert "is a copy of" in found
    assert f"what was in {log_of(path)}" in found


@pytest.mark.slow
def test_a_copy_made_by_sqlite_has_everything(path, renamed):
    store = Store(str(path))
    task_instances.create_task_instance(store.namespace(), SCOPE)
    keyspaces.task(store.namespace(), SCOPE).set("k", "acknowledged")
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(renamed)) as to:
        db.backup(to)
    store.close()
    value, found = opened(renamed)
    assert value == "acknowledged"
    assert "unless SQLite made the copy" in found


@pytest.mark.slow
def test_the_service_says_which_file_to_move(path, renamed):
    kill(path)
    path.rename(renamed)
    with pytest.raises(StartFailed, match="move .*state.db-wal to .*renamed.db-wal") as failed:
        ServerProcess(["--db", str(renamed)], dict(os.environ)).__enter__()
    assert "Traceback" not in str(failed.value)
