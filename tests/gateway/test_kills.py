"""Kills while values are written, removed, restored and cleaned up on the same keys.

By workers with the file backend, and through the gateway.
"""

import contextlib
import os
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.client.http import StateroomClient
from state.errors import BackendError, StateError
from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.worker.accessors import TaskStateStoreAccessor

KILLS = int(os.environ.get("STATEROOM_KILLS", "12"))  # 400 were run by hand, without a loss
KEYS = ("a", "b", "c")
VALUES = ("x" * 10, "y" * 500, "z" * 70_000)
SCOPE = {"dag_id": "etl", "run_id": "r1", "task_id": "load"}
SECONDS = (0.1, 0.6)  # of load before a kill
QUIET = "quiet"  # a namespace whose values are only overwritten, and its orphans removed


class Load:
    """Calls from several threads until the service is killed.

    :param process: the service.
    :param base: of the objects.
    :param ti_ids: of the task instance, by namespace.
    """

    def __init__(self, process, base, ti_ids):
        self.url = process.url
        self.ti_ids = ti_ids
        realm = StateroomClient(process.url).ask("GET", "/_stateroom/health")["realm"]
        self.hooks = Hooks(FileBackend(base, realm), "file")
        self.acknowledged = {}
        self.under_way = {}
        self.errors = []

    def run(self, process, seconds):
        calls = [self.change, self.change, self.remove, self.snapshot, self.clean_up, self.quiet]
        calls += [self.write_as_worker, self.write_as_worker, self.remove_as_worker]
        threads = [threading.Thread(target=self._repeat, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        process.kill()
        for thread in threads:
            thread.join()

    def _repeat(self, work):
        client = StateroomClient(self.url)
        with contextlib.suppress(StateError):
            while True:
                work(client)

    def _call(self, client, method, path, *also, **options):
        with self._noting(f"{method} {path}", *also):
            client.call(method, path, **options)

    @contextlib.contextmanager
    def _noting(self, what, *also):
        """Note errors, but not that of a key or scope that another has just removed."""
        try:
            yield
        except BackendError as error:
            self.errors.append(f"{what}: {error}")
        except StateError as error:
            status = getattr(error, "status", 404)
            if status is None or "service unreachable" in str(error) or "closed" in str(error):
                raise
            if status not in (404, 429, 503, *also):
                self.errors.append(f"{what}: {error}")

    def _path(self, namespace=""):
        prefix = f"/ns/{namespace}" if namespace else ""
        return f"{prefix}/_stateroom/values/ti/{self.ti_ids[namespace]}"

    def change(self, client):
        key = random.choice(KEYS)
        value = random.choice(VALUES)
        self._call(client, "PUT", self._path(), params={"key": key}, json={"value": value})
        self._call(client, "GET", self._path(), params={"key": key})

    def remove(self, client):
        if random.random() < 0.3:
            self._call(client, "DELETE", f"/execution/store/ti/{self.ti_ids['']}")
        self._call(client, "DELETE", self._path(), params={"key": random.choice(KEYS)})

    def _worker(self, client):
        ti_id = self.ti_ids[""]
        return TaskStateStoreAccessor(client.task(ti_id), TaskScope(**SCOPE), self.hooks, ti_id)

    def write_as_worker(self, client):
        key = random.choice(KEYS)
        with self._noting("a worker's set and get"):
            self._worker(client).set(key, random.choice(VALUES))
            self._worker(client).get(key)

    def remove_as_worker(self, client):
        with self._noting("a worker's delete or clear"):
            if random.random() < 0.3:
                self._worker(client).clear()
            self._worker(client).delete(random.choice(KEYS))

    def snapshot(self, client):
        self._call(client, "PUT", "/_stateroom/snapshots/s")
        self._call(client, "POST", "/_stateroom/snapshots/s/restore")

    def clean_up(self, client):
        for prefix in ("", f"/ns/{QUIET}"):
            path = f"{prefix}/_stateroom/references/orphans/remove"
            self._call(client, "POST", path, json={"older_than": 0, "confirm": True})

    def quiet(self, client):
        key = random.choice(KEYS)
        value = {"n": random.random(), "pad": random.choice(VALUES)}
        self.under_way = {key: value}
        client.call("PUT", self._path(QUIET), params={"key": key}, json={"value": value})
        self.acknowledged[key] = value
        self.under_way = {}


def rows_without_object(database):
    """The references that rows or snapshots point at, without a file."""
    sql = """SELECT DISTINCT ref FROM refs f WHERE
        EXISTS (SELECT 1 FROM entries e WHERE e.ref_id = f.ref_id)
        OR EXISTS (SELECT 1 FROM snapshot_entries e WHERE e.ref_id = f.ref_id)"""
    with contextlib.closing(sqlite3.connect(database)) as db:
        return [ref for (ref,) in db.execute(sql) if not Path(ref).exists()]


def task_instances(client):
    client.call("POST", "/_stateroom/namespaces", json={"name": QUIET})
    return {
        namespace: client.call("POST", f"{prefix}/_stateroom/task-instances", json=SCOPE).json()[
            "id"
        ]
        for namespace, prefix in (("", ""), (QUIET, f"/ns/{QUIET}"))
    }


@pytest.mark.slow
def test_no_kill_loses_a_value_or_the_object_of_a_row(tmp_path):
    database = tmp_path / "s.db"
    arguments = ["--db", str(database), "--backend", "file", "--log-level", "error"]
    environ = {**os.environ, "STATEROOM_BACKEND_BASE": str(tmp_path / "objects")}
    with ServerProcess(arguments, environ) as process:
        ti_ids = task_instances(StateroomClient(process.url))
    acknowledged = {}
    for _ in range(KILLS):
        process = ServerProcess(arguments, environ)
        load = Load(process, tmp_path / "objects", ti_ids)
        load.run(process, random.uniform(*SECONDS))
        acknowledged |= load.acknowledged
        assert load.errors == []
        assert rows_without_object(database) == []
        with ServerProcess(arguments, environ) as checked:
            client = StateroomClient(checked.url)
            for key, value in acknowledged.items():
                path = f"/ns/{QUIET}/_stateroom/values/ti/{ti_ids[QUIET]}"
                stored = client.ask("GET", path, params={"key": key})["value"]
                assert stored in (value, load.under_way.get(key))
                acknowledged[key] = stored
    assert acknowledged
