"""A database file that is removed, replaced, linked or inherited while it is served."""

import fcntl
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from state.client.http import StateroomClient
from state.errors import CorruptDatabase, DatabaseOwned, DatabaseReplaced, WrongLog
from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.store import keyspaces
from state.store.database import identity, watch
from state.store.store import Store
from state.store.tables import task_instances
from tests.support.killing import kill
from tests.support.waiting import wait_for

SCOPE = TaskScope("etl", "r1", "load")
SCOPE_DOCUMENT = {"dag_id": "etl", "run_id": "r1", "task_id": "load"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def store(path):
    store = Store(str(path))
    yield store
    store.close()


@pytest.fixture
def task(store):
    task_instances.create_task_instance(store.namespace(), SCOPE)
    task = keyspaces.task(store.namespace(), SCOPE)
    task.set("k", 1)
    return task


def remove(path):
    path.unlink()


def replace(path):
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


@pytest.mark.parametrize("change", [remove, replace])
def test_a_write_is_refused_from_the_moment_the_file_is_another(path, store, task, change):
    change(path)
    with pytest.raises(DatabaseReplaced, match="removed or replaced while it was served"):
        task.set("k", 2)
    assert "removed or replaced" in store.problem()


def test_reading_makes_no_file(path, store, task):
    store._close_readers()  # so that the next read needs a new connection
    path.unlink()
    with pytest.raises(DatabaseReplaced):
        task.get("k")
    assert not path.exists()


def test_a_file_that_is_put_back_is_written_again(path, store, task):
    os.rename(path, path.with_name("elsewhere"))
    with pytest.raises(DatabaseReplaced):
        task.set("k", 2)
    os.rename(path.with_name("elsewhere"), path)
    task.set("k", 3)
    assert task.get("k") == 3


def test_the_service_answers_503_and_stops_in_order(start, path):
    app = start(db=str(path))
    client = app.test_client()
    path.unlink()
    answer = client.post("/_stateroom/assets", json={"name": "orders"})
    assert answer.status_code == 503
    assert answer.json["detail"]["reason"] == "database_replaced"
    health = client.get("/_stateroom/health")
    assert health.status_code == 503
    assert "removed or replaced" in health.json["problem"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("api", ["/execution/store/ti/{}/k", "/_stateroom/values/ti/{}?key=k"])
def test_calls_on_keys_of_an_overwritten_file_get_503(start, path, another, api, method):
    client = start(db=str(path)).test_client()
    ti = client.post("/_stateroom/task-instances", json=SCOPE_DOCUMENT).json
    overwrite(path, another)
    assert client.get("/_stateroom/health").status_code == 503
    address = api.format(ti["id"])
    answer = client.open(address, method=method, json={"value": 1})
    assert answer.status_code == 503
    assert answer.json["detail"]["reason"] == "database_replaced"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_a_process_without_the_file_locks_nobody_out(path):
    Store(str(path)).close()
    with closing(socket.socket(socket.AF_UNIX)) as mark:
        mark.bind(f"\0stateroom-{identity.of_file(str(path))}")
        Store(str(path)).close()


@pytest.mark.skipif(not hasattr(fcntl, "F_OFD_SETLK"), reason="the system has no such locks")
def test_a_hard_link_has_the_same_owner(path, store):
    link = path.with_name("link.db")
    os.link(path, link)
    with pytest.raises(DatabaseOwned, match="hard link"):
        Store(str(link))
    store.close()
    again = Store(str(link))
    again.close()


def test_files_are_readable_by_their_owner_only(path, store, task):
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_file_that_exists_keeps_its_permissions(path):
    Store(str(path)).close()
    path.chmod(0o640)
    Store(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


FORKING = """
import os, time
from state.backends.base import EncodedBackend

class Forking(EncodedBackend):
    '''Leaves a child behind, as a library may.'''

    def write(self, scope, key, encoded):
        child = os.fork()
        if child == 0:
            time.sleep(600)
            os._exit(0)
        with open(os.environ["CHILD"], "w") as file:
            file.write(str(child))
        return "forked://" + key

    def read(self, ref): ...
    def delete(self, scope, key, *, session=None): ...
    def clear(self, scope, *, all_map_indices=False, session=None): ...
"""


@pytest.mark.slow
def test_a_child_of_a_backend_keeps_neither_lock_nor_port(path, tmp_path):
    (tmp_path / "forking_backend.py").write_text(FORKING)
    child = tmp_path / "child"
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "CHILD": str(child)}
    arguments = ["--db", str(path), "--backend", "forking_backend.Forking"]
    with ServerProcess(arguments, environ) as service:
        port = service.url.rpartition(":")[2]
        client = StateroomClient(service.url)
        ti_id = client.call("POST", "/_stateroom/task-instances", json=SCOPE_DOCUMENT).json()["id"]
        path_of_value = f"/_stateroom/values/ti/{ti_id}"
        client.call("PUT", path_of_value, params={"key": "k"}, json={"value": 1})
        wait_for(child.exists)
        service.kill()
    try:
        with ServerProcess([*arguments, "--port", port], environ) as again:
            assert again.url.endswith(f":{port}")
    finally:
        os.kill(int(child.read_text()), 9)


def test_airflows_health_says_that_the_database_is_gone(start, path):
    client = start(db=str(path)).test_client()
    assert client.get("/api/v2/monitor/health").json["metadatabase"] == {"status": "healthy"}
    path.rename(path.with_name("elsewhere.db"))
    answer = client.get("/api/v2/monitor/health")
    assert answer.status_code == 200
    assert answer.json["metadatabase"] == {"status": "unhealthy"}


def beside(path, suffix):
    return path.with_name(path.name + suffix)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("change", [remove, replace])
def test_a_write_is_refused_once_the_log_is_another(path, store, task, change, suffix):
    change(beside(path, suffix))
    with pytest.raises(DatabaseReplaced, match=f"state.db{suffix} was removed or replaced"):
        task.set("k", 2)
    assert f"state.db{suffix} was removed or replaced" in store.problem()


def test_a_log_that_is_put_back_is_written_again(path, store, task):
    os.rename(beside(path, "-wal"), beside(path, "-elsewhere"))
    with pytest.raises(DatabaseReplaced):
        task.set("k", 2)
    os.rename(beside(path, "-elsewhere"), beside(path, "-wal"))
    task.set("k", 3)
    assert task.get("k") == 3


@pytest.mark.parametrize("notice", ["write", "health"])
def test_what_was_in_a_removed_log_is_kept(path, store, task, notice):
    task.set("last", "acknowledged")
    beside(path, "-wal").unlink()
    if notice == "health":
        assert store.problem()
    else:
        with pytest.raises(DatabaseReplaced):
            task.set("k", 2)
    copy = path.with_name("copy.db")  # as a kill now would leave it
    shutil.copy(path, copy)
    again = Store(str(copy))
    assert keyspaces.task(again.namespace(), SCOPE).get("last") == "acknowledged"
    again.close()


@pytest.fixture
def another(tmp_path):
    """The bytes of another database file."""
    path = tmp_path / "another.db"
    store = Store(str(path))
    task_instances.create_task_instance(store.namespace(), SCOPE)
    keyspaces.task(store.namespace(), SCOPE).set("k", "of the other file")
    store.close()
    return path.read_bytes()


@pytest.fixture
def backup(path):
    """The bytes of the same database file before it was served."""
    store = Store(str(path))
    task_instances.create_task_instance(store.namespace(), SCOPE)
    keyspaces.task(store.namespace(), SCOPE).set("k", "of the backup")
    store.close()
    return path.read_bytes()


def overwrite(path, content):
    """Write into a file as ``cp`` does."""
    with open(path, "r+b") as file:
        file.truncate()
        file.write(content)


@pytest.mark.parametrize("content", ["another", "backup"])
def test_a_write_is_refused_once_the_file_is_overwritten(request, path, content):
    content = request.getfixturevalue(content)
    store = Store(str(path))
    task_instances.create_task_instance(store.namespace(), SCOPE)
    task = keyspaces.task(store.namespace(), SCOPE)
    task.set("k", "of the service")
    overwrite(path, content)
    for _ in range(2):
        with pytest.raises(DatabaseReplaced, match="overwritten while it was served"):
            task.set("k", 2)
    with pytest.raises(DatabaseReplaced):
        task.get("k")
    assert "overwritten" in store.problem()
    store.close()
    assert path.read_bytes() == content
    again = Store(str(path))
    assert "of the service" not in str(keyspaces.task(again.namespace(), SCOPE).get("k"))
    again.close()


def test_the_log_of_an_overwritten_file_is_set_aside(path, store, task, another):
    task.set("last", "acknowledged")
    log = beside(path, "-wal").read_bytes()
    overwrite(path, another)
    with pytest.raises(DatabaseReplaced) as raised:
        task.set("k", 2)
    (aside,) = path.parent.glob("state.db-wal.*")
    assert aside.read_bytes() == log
    assert str(aside) in str(raised.value)
    assert beside(path, "-wal").stat().st_size == 0


def test_health_notices_an_overwritten_file(path, store, task, another):
    overwrite(path, another)
    wait_for(store.problem)  # a checkpoint that runs keeps a look from the file
    assert "overwritten" in store.problem()
    assert list(path.parent.glob("state.db-wal.*"))


def test_a_checkpoint_does_not_write_into_an_overwritten_file(path, store, task, another):
    overwrite(path, another)
    with pytest.raises(DatabaseReplaced):
        store._checkpoints._checkpoint()
    assert path.read_bytes() == another


def test_an_older_copy_of_the_served_file_is_noticed(path, store, task):
    store._checkpoints._checkpoint()
    older = path.read_bytes()
    for number in range(20):
        task.set(f"k{number}", number)
    store._checkpoints._checkpoint()
    overwrite(path, older)
    os.utime(path, (time.time() + 1,) * 2)  # not in the same tick as the checkpoint
    with pytest.raises(DatabaseReplaced, match="overwritten"):
        task.set("k", 2)


@pytest.mark.parametrize("kind", ["copy", "truncate"])
def test_a_checkpoint_compares_before_it_writes(path, store, task, kind):
    """As one does that begins before the first call that would notice."""
    store._checkpoints._checkpoint()
    older = path.read_bytes()
    for number in range(20):
        task.set(f"k{number}", number)
    store._checkpoints._checkpoint()
    task.set("k", 2)
    overwrite(path, older)
    getattr(store._checkpoints, kind)(store._writer)
    assert path.read_bytes() == older
    with pytest.raises(DatabaseReplaced, match="overwritten"):
        task.set("k", 3)


def test_a_checkpoint_begins_only_with_a_whole_log(path, store, filled):
    content = path.read_bytes()
    log = beside(path, "-wal")
    os.truncate(log, log.stat().st_size // 2)
    store._checkpoints.copy(store._writer)
    assert path.read_bytes() == content


def test_an_older_copy_in_the_tick_of_a_comparison_is_noticed(monkeypatch, path, store, task):
    monkeypatch.setattr(watch, "_TICK", 3600 * 10**9)
    store._checkpoints._checkpoint()
    older = path.read_bytes()
    for number in range(20):
        task.set(f"k{number % 2}", number)
    store._checkpoints._checkpoint()
    status = path.stat()
    assert status.st_size == len(older)
    overwrite(path, older)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    monkeypatch.setattr(watch, "_TICK", 0)
    with pytest.raises(DatabaseReplaced, match="overwritten"):
        task.set("k", 2)


def test_a_file_of_something_else_is_refused_too(path, store, task):
    overwrite(path, b"not a database" * 1000)
    with pytest.raises(CorruptDatabase):
        task.set("k", 2)
    assert store.problem()


def test_the_services_own_checkpoints_are_no_overwriting(path, store, task):
    for number in range(30):
        task.set(f"k{number}", "x" * 2**20)  # the log exceeds its limit
        assert store.problem() is None
    store._checkpoints._checkpoint()
    task.set("k", 2)
    assert task.get("k") == 2


def test_another_programs_checkpoint_is_no_overwriting(path, store, task):
    task.set("k", 2)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    os.utime(path)
    task.set("k", 3)
    assert store.problem() is None


@pytest.mark.slow
def test_checks_beside_writers_find_nothing(path, store, task):
    """No check mistakes a checkpoint that is under way for an overwriting."""
    problems = []
    ended = threading.Event()

    def look():
        while not ended.is_set():
            problems.append(store.problem())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for number in range(1500):
            task.set(f"k{number % 40}", "x" * 2**15)
    finally:
        ended.set()
        thread.join()
    assert set(problems) == {None}


def test_a_file_overwritten_before_a_kill_is_refused(path, backup):
    """The log is not applied to what it does not belong to."""
    kill(path)
    log = beside(path, "-wal").read_bytes()
    overwrite(path, backup)
    with pytest.raises(WrongLog, match="was replaced"):
        Store(str(path))
    assert path.read_bytes() == backup
    assert beside(path, "-wal").read_bytes() == log


READS = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*) FROM entries").fetchone()[0])
db.close()
"""


def test_another_program_that_reads_leaves_the_log(path, store, task):
    """SQLite deletes the log with its last user, whom it knows by the locks on the file."""
    store._checkpoints._checkpoint()
    task.set("k", 2)  # compares the contents
    subprocess.run([sys.executable, "-c", READS, str(path)], check=True)
    assert beside(path, "-wal").exists()
    task.set("k", 3)


@pytest.fixture
def filled(store, task):
    """A task with values that are in the log only."""
    store._checkpoints._checkpoint()
    for number in range(30):
        task.set(f"k{number}", "x" * 3000)
    return task


@pytest.mark.parametrize("rest", [0, 0.5])
def test_a_write_is_refused_once_the_log_is_truncated(path, store, filled, rest):
    log = beside(path, "-wal")
    os.truncate(log, int(log.stat().st_size * rest))
    for _ in range(2):
        with pytest.raises(DatabaseReplaced, match="state.db-wal was truncated while it was"):
            filled.set("k", 2)
    with pytest.raises(DatabaseReplaced):
        filled.get("k")
    assert "was truncated" in store.problem()
    store.close()
    again = Store(str(path))
    assert keyspaces.task(again.namespace(), SCOPE).get("k") == 1
    again.close()


def test_a_log_truncated_after_one_long_write_is_noticed(path, store, task):
    task.set("k", "x" * 2**21)
    os.truncate(beside(path, "-wal"), 2**20)
    with pytest.raises(DatabaseReplaced, match="was truncated"):
        task.set("k", 2)


def test_a_log_truncated_twice_is_noticed(path, store, task):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert store.problem() is None
    task.set("k", 2)
    os.truncate(beside(path, "-wal"), 0)
    with pytest.raises(DatabaseReplaced, match="was truncated"):
        task.set("k", 3)


def test_a_read_names_the_truncated_log(path, store, filled):
    store._close_readers()
    os.truncate(beside(path, "-wal"), 0)
    with pytest.raises(DatabaseReplaced, match="was truncated"):
        filled.get("k7")


def test_what_is_left_of_a_truncated_log_is_kept(path, store, filled):
    log = beside(path, "-wal")
    os.truncate(log, log.stat().st_size // 2)
    rest = log.read_bytes()
    with pytest.raises(DatabaseReplaced) as raised:
        filled.set("k", 2)
    (aside,) = path.parent.glob("state.db-wal.*")
    assert aside.read_bytes() == rest
    assert str(aside) in str(raised.value)


def test_a_checkpoint_copies_nothing_of_a_truncated_log(path, store, filled):
    log = beside(path, "-wal")
    content = path.read_bytes()
    os.truncate(log, log.stat().st_size // 2)
    with pytest.raises(DatabaseReplaced):
        store._checkpoints._checkpoint()
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["RESTART", "TRUNCATE"])
def test_another_programs_truncation_is_none(path, store, filled, mode):
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA wal_checkpoint({mode})")
    filled.set("k", 2)
    assert store.problem() is None
    assert filled.get("k7") == "x" * 3000


def test_writes_are_refused_once_a_read_finds_damage(path, store, filled):
    store._checkpoints.truncate(store._writer)
    store._close_readers()
    with open(path, "r+b") as file:
        file.seek(store._watch._page.stop)
        file.write(b"x" * (path.stat().st_size - file.tell()))
    with pytest.raises(CorruptDatabase):
        filled.get("k7")
    with pytest.raises(CorruptDatabase, match="is damaged"):
        filled.set("k", 2)
    assert "is damaged" in store.problem()
