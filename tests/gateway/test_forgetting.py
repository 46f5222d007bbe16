"""The ledger forgets, in the background, a released reference whose object is missing."""

import threading
import time
from datetime import timedelta

import pytest

from app import create_app
from state.backends.deadlines import Calls
from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.gateway import forgetting
from state.gateway.backend import Backend
from state.gateway.forgetting import forget_missing
from state.model.clock import Clock, to_text
from state.model.scopes import TaskScope
from state.store import keyspaces, snapshots
from state.store.tables import references, task_instances
from state.worker.accessors import TaskStateStoreAccessor
from tests.support.waiting import wait_for

SCOPE = TaskScope("etl", "r1", "load")


class Worker:
    """A worker, and the service's own backend over the same base."""

    def __init__(self, store, base):
        self.store = store
        self.namespace = store.namespace()
        self.files = FileBackend(str(base), f"{store.identity.database_id}/default")
        self.backend = Backend(Hooks(self.files, "file"), Calls(), 10)
        ti_id = task_instances.create_task_instance(self.namespace, SCOPE)["id"]
        task = keyspaces.task_instance(self.namespace, ti_id)
        self.state = TaskStateStoreAccessor(task, SCOPE, Hooks(self.files, "file"), ti_id)

    def ledger(self):
        return [row["ref"] for row in references.page(self.namespace, None, None, 1000, 0)[0]]

    def objects(self):
        return [ref for ref, _, _ in self.files.iter_refs()]

    def forget(self):
        return forget_missing(self.namespace, self.backend)

    def age(self, **span):
        """Let all releases and checks be older by a span of time."""
        moment = to_text(Clock().now() - timedelta(**span))
        with self.store.transaction() as db:
            db.execute("UPDATE refs SET released_at = ? WHERE released_at IS NOT NULL", (moment,))
            db.execute("UPDATE refs SET checked_at = ? WHERE checked_at IS NOT NULL", (moment,))


@pytest.fixture
def worker(store, tmp_path):
    return Worker(store, tmp_path / "objects")


def test_what_a_worker_removed_is_forgotten(worker):
    for number in range(120):
        worker.state.set("k", number)
    worker.age(minutes=6)
    assert worker.forget() == 119
    assert worker.ledger() == worker.objects()


def test_a_recent_release_is_not_forgotten_yet(worker):
    worker.state.set("k", 1)
    worker.state.set("k", 2)
    assert worker.forget() == 0
    assert len(worker.ledger()) == 2


def test_an_object_that_was_not_removed_stays_an_orphan(worker, monkeypatch):
    worker.state.set("k", 1)
    with monkeypatch.context() as patch:
        patch.setattr(worker.files, "remove_ref", lambda ref: 1 / 0)
        worker.state.set("k", 2)
    worker.age(minutes=6)
    assert worker.forget() == 0
    assert [row["ref"] for row in references.released(worker.namespace)] == worker.ledger()[:1]


def test_an_orphan_is_looked_for_once_a_day(worker, monkeypatch):
    monkeypatch.setattr(worker.files, "remove_ref", lambda ref: None)  # as real Airflow
    worker.state.set("k", 1)
    worker.state.set("k", 2)
    worker.age(minutes=6)
    worker.forget()
    worker.files.delete(SCOPE, "k")
    worker.age(hours=2)
    assert worker.forget() == 0
    worker.age(hours=25)
    assert worker.forget() == 1


def test_a_reference_in_a_snapshot_is_not_forgotten(worker):
    worker.state.set("k", 1)
    snapshots.take(worker.namespace, "s")
    worker.state.delete("k")
    worker.files.delete(SCOPE, "k")
    worker.age(minutes=6)
    assert worker.forget() == 0
    assert len(worker.ledger()) == 1


def test_a_failure_of_the_backend_forgets_nothing(worker, monkeypatch):
    worker.state.set("k", 1)
    worker.state.delete("k")
    worker.age(minutes=6)
    with monkeypatch.context() as patch:
        patch.setattr(FileBackend, "holds", lambda self, ref: 1 / 0)
        assert worker.forget() == 0
    assert len(worker.ledger()) == 1


def test_the_failing_reference_does_not_keep_the_others(worker, monkeypatch):
    monkeypatch.setattr(forgetting, "_CHUNK", 2)
    for number in range(5):
        worker.state.set("k", number)
    worker.age(minutes=6)
    failing = worker.ledger()[0]
    holds = FileBackend.holds

    def broken(self, ref):
        if ref == failing:
            raise OSError("no such device")
        return holds(self, ref)

    monkeypatch.setattr(FileBackend, "holds", broken)
    assert worker.forget() == 0
    assert worker.forget() == 2


class Ticking:
    """A clock that shows six seconds more each time."""

    def __init__(self):
        self.seconds = 0

    def monotonic(self):
        self.seconds += 6
        return self.seconds


def test_a_slow_backend_is_asked_in_more_calls(worker, monkeypatch):
    for number in range(4):
        worker.state.set("k", number)
    worker.age(minutes=6)
    calls = []
    run = Backend.run

    def counted(self, act):
        calls.append(act)
        return run(self, act)

    monkeypatch.setattr(Backend, "run", counted)
    monkeypatch.setattr(forgetting, "time", Ticking())
    assert worker.forget() == 3
    assert len(calls) == 3


def test_a_service_forgets_in_the_background(tmp_path, monkeypatch):
    monkeypatch.setattr(forgetting, "_PAUSE", 0.02)
    environ = {"STATEROOM_BACKEND_BASE": str(tmp_path / "objects")}
    app = create_app({"db": str(tmp_path / "s.db"), "backend": "file"}, environ)
    store = app.extensions["stateroom"].store
    worker = Worker(store, tmp_path / "objects")
    worker.state.set("k", 1)
    worker.state.set("k", 2)
    time.sleep(0.1)
    assert len(worker.ledger()) == 2
    worker.age(minutes=6)
    wait_for(lambda: worker.ledger() == worker.objects())
    store.close()
    wait_for(lambda: forgetting.THREAD not in [one.name for one in threading.enumerate()])
