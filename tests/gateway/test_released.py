"""The objects that a worker's delete or clear releases, and what the ledger keeps of them."""

import os

import pytest

from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.client.http import StateroomClient
from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.worker.accessors import TaskStateStoreAccessor

SCOPE = TaskScope("etl", "r1", "load")


class Counting(FileBackend):
    """Counts the objects that it is told to remove."""

    removals = 0

    def remove_ref(self, ref):
        self.removals += 1
        super().remove_ref(ref)


class Worker:
    """A worker of a served process, with the file backend."""

    def __init__(self, process, base):
        self.base = base
        self.client = StateroomClient(process.url)
        realm = self.client.ask("GET", "/_stateroom/health")["realm"]
        body = {"dag_id": SCOPE.dag_id, "run_id": SCOPE.run_id, "task_id": SCOPE.task_id}
        ti_id = self.client.ask("POST", "/_stateroom/task-instances", json=body)["id"]
        self.keyspace = self.client.task(ti_id)
        self.backend = Counting(base, realm)
        hooks = Hooks(self.backend, "file")
        self.state = TaskStateStoreAccessor(self.keyspace, SCOPE, hooks, ti_id)

    def objects(self):
        return [ref for ref, _, _ in self.backend.iter_refs()]


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    arguments = ["--db", str(folder / "a.db"), "--backend", "file"]
    base = str(folder / "objects")
    environ = {**os.environ, "STATEROOM_BACKEND_BASE": base}
    with ServerProcess(arguments, environ) as process:
        process.base = base
        yield process


@pytest.fixture
def worker(process):
    StateroomClient(process.url).call("POST", "/_stateroom/reset")
    worker = Worker(process, process.base)
    worker.state.clear()
    for ref in worker.objects():
        worker.backend.remove_ref(ref)
    worker.backend.removals = 0
    return worker


def test_clear_removes_a_live_object_behind_many_dead_ones(worker):
    worker.state.set("cfg", "c")
    for number in range(60):
        worker.state.set("progress", number % 2)
    worker.state.clear()
    assert worker.objects() == []


def test_delete_removes_a_restored_object_behind_many_dead_ones(worker):
    worker.state.set("k", "first")
    (first,) = worker.objects()
    worker.client.call("PUT", "/_stateroom/snapshots/s")
    for number in range(60):
        worker.state.set("k", number)
    worker.client.call("POST", "/_stateroom/snapshots/s/restore")
    worker.client.call("DELETE", "/_stateroom/snapshots/s")
    worker.state.delete("k")
    assert first not in worker.objects()


def test_delete_removes_only_the_object_that_it_released(worker):
    for number in range(60):
        worker.state.set("k", number)
    worker.backend.removals = 0
    worker.state.delete("k")
    assert worker.backend.removals == 1
    assert worker.objects() == []


@pytest.mark.slow
def test_clear_removes_more_objects_than_a_header_holds(worker):
    for number in range(120):
        worker.state.set(f"key {number}", number)
    worker.state.clear()
    assert worker.objects() == []


@pytest.mark.parametrize(
    ("prefer", "status"),
    [("return=representation", 200), pytest.param("", 204, marks=pytest.mark.slow)],
)
def test_the_journal_has_the_status_of_a_clear(worker, prefer, status):
    for number in range(120):
        worker.state.set(f"key {number}", number)
    path = worker.keyspace.locate("")[0].rstrip("/")
    assert worker.client.call("DELETE", path, headers={"Prefer": prefer}).status_code == status
    newest = "/_stateroom/journal?op=clear&newest=1&limit=1"
    assert worker.client.ask("GET", newest)["events"][0]["status"] == status


@pytest.mark.slow
def test_a_long_list_is_cut_for_a_client_that_takes_no_body(worker):
    for number in range(120):
        worker.state.set(f"key {number}", number)
    answer = worker.client.call("DELETE", worker.keyspace.locate("")[0].rstrip("/"))
    assert answer.status_code == 204
    assert answer.content == b""
    assert 0 < len(answer.headers["Stateroom-Released"]) <= 8192


def test_delete_of_one_key_has_no_body_even_if_preferred(worker):
    worker.state.set("k", 1)
    path, _ = worker.keyspace.locate("k")
    answer = worker.client.call("DELETE", path, headers={"Prefer": "return=representation"})
    assert answer.status_code == 204
