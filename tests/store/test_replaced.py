"""A database file that is removed, replaced, linked or inherited while it is served."""

import os
import shutil
import stat
import sys

import pytest

from state.client.http import StateroomClient
from state.errors import DatabaseOwned, DatabaseReplaced
from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.store.store import Store
from state.store.tables import scopes, task_instances
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
    task = scopes.task(store.namespace(), SCOPE)
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
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
