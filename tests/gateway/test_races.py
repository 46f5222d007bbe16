"""A write beside a delete, clear or overwrite of the same key, with the same value, over HTTP.

A hook of the backend makes the race certain: it lets the other call happen when a row has been
changed and its object not yet removed, or when an object has been written and its row not yet.
"""

import asyncio
import os
import time
from pathlib import Path
from uuid import uuid4

import pytest

from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.client.http import StateroomClient
from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.worker.accessors import TaskStateStoreAccessor
from tests.support.space import Space

SCOPE = TaskScope("etl", "r1", "load")
VALUE = {"job": 42}


class Interrupted(FileBackend):
    """Lets a call of another worker happen before it removes an object, or after it wrote one."""

    before_removal = None
    after_write = None

    def remove_ref(self, ref):
        self._interrupt("before_removal")
        super().remove_ref(ref)

    def write(self, scope, key, encoded):
        ref = super().write(scope, key, encoded)
        self._interrupt("after_write")
        return ref

    def _interrupt(self, moment):
        act = getattr(self, moment)
        setattr(self, moment, None)  # once
        if act is not None:
            act()


class Service:
    """A namespace of a served process, and its workers, each with a file backend of its own."""

    def __init__(self, url, base):
        self.base = base
        self.client = StateroomClient(url)
        self.realm = self.client.ask("GET", "/_stateroom/health")["realm"]
        body = {"dag_id": SCOPE.dag_id, "run_id": SCOPE.run_id, "task_id": SCOPE.task_id}
        self.ti_id = self.client.ask("POST", "/_stateroom/task-instances", json=body)["id"]
        self.path = f"/_stateroom/values/ti/{self.ti_id}"

    def worker(self):
        """The backend and the accessor of another worker."""
        backend = Interrupted(self.base, self.realm)
        keyspace = self.client.task(self.ti_id)
        accessor = TaskStateStoreAccessor(keyspace, SCOPE, Hooks(backend, "file"), self.ti_id)
        return backend, accessor

    def get(self):
        return self.client.ask("GET", self.path, params={"key": "k"})["value"]

    def put(self, value=VALUE):
        self.client.call("PUT", self.path, params={"key": "k"}, json={"value": value})

    def delete(self):
        self.client.call("DELETE", self.path, params={"key": "k"})

    def remove_orphans(self):
        body = {"older_than": 0, "confirm": True}
        self.client.call("POST", "/_stateroom/references/orphans/remove", json=body)

    def objects(self):
        """The namespace's files below the base."""
        return [path for path in Path(self.base, self.realm).rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """A served process with the file backend; returns its address and the backend's base."""
    base = str(tmp_path_factory.mktemp("files"))
    environ = {**os.environ, "STATEROOM_BACKEND_BASE": base}
    with ServerProcess(["--db", ":memory:", "--backend", "file"], environ) as process:
        yield process.url, base


@pytest.fixture
def service(process):
    url, base = process
    space = Space(url, f"races-{uuid4()}")
    yield Service(space.url, base)
    space.drop()


REMOVALS = {
    "delete": lambda accessor: accessor.delete("k"),
    "clear": lambda accessor: accessor.clear(),
    "overwrite": lambda accessor: accessor.set("k", "another"),
    "adelete": lambda accessor: asyncio.run(accessor.adelete("k")),
    "aclear": lambda accessor: asyncio.run(accessor.aclear()),
    "aset": lambda accessor: asyncio.run(accessor.aset("k", "another")),
}


@pytest.mark.parametrize("writer", ["accessor", "gateway"])
@pytest.mark.parametrize("removal", REMOVALS)
def test_a_removal_spares_the_object_of_a_later_write(service, writer, removal):
    backend, remover = service.worker()
    _, accessor = service.worker()
    remover.set("k", VALUE)
    if writer == "accessor":
        backend.before_removal = lambda: accessor.set("k", VALUE)
    else:
        backend.before_removal = service.put
    REMOVALS[removal](remover)
    assert accessor.get("k") == VALUE
    assert service.get() == VALUE
    assert len(service.objects()) == 1


@pytest.mark.parametrize("removal", [*REMOVALS, "gateway's delete", "gateway's overwrite"])
def test_a_removal_spares_an_object_whose_row_follows(service, removal):
    backend, accessor = service.worker()
    _, remover = service.worker()
    remover.set("k", VALUE)
    removals = {
        **REMOVALS,
        "gateway's delete": lambda _: service.delete(),
        "gateway's overwrite": lambda _: service.put("another"),
    }
    backend.after_write = lambda: removals[removal](remover)
    accessor.set("k", VALUE)
    assert accessor.get("k") == VALUE
    assert service.get() == VALUE
    assert len(service.objects()) == 1


def test_an_object_whose_row_follows_is_no_orphan(service):
    backend, accessor = service.worker()
    counts = []

    def remove_orphans():
        service.remove_orphans()
        counts.append(len(service.objects()))

    backend.after_write = remove_orphans
    accessor.set("k", VALUE)
    assert counts == [1]
    assert accessor.get("k") == VALUE


def test_an_object_removed_as_an_orphan_is_written_again(service):
    """That of a worker that was suspended in the middle of its write."""
    backend, accessor = service.worker()
    counts = []

    def remove_orphans():
        hour_ago = time.time() - 3600
        for path in service.objects():
            os.utime(path, (hour_ago, hour_ago))
        service.remove_orphans()
        counts.append(len(service.objects()))

    backend.after_write = remove_orphans
    accessor.set("k", VALUE)
    assert counts == [0]
    assert accessor.get("k") == VALUE
    assert service.get() == VALUE


@pytest.mark.parametrize(
    ("removal", "objects"), [("delete", 0), ("clear", 0), ("overwrite", 1), ("aset", 1)]
)
def test_a_write_that_another_undid_leaves_no_object(service, removal, objects):
    _, accessor = service.worker()
    _, other = service.worker()
    keyspace = accessor._keyspace
    write = keyspace.set

    def followed_by_a_removal(*args):
        replaced = write(*args)
        REMOVALS[removal](other)
        return replaced

    keyspace.set = followed_by_a_removal
    accessor.set("k", VALUE)
    assert len(service.objects()) == objects
