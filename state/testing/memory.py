"""A namespace in this process's memory, for the simplest tests: the real store, no socket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..client import timeline
from ..client.attempts import Asset, Attempt, Task, Workers
from ..client.events import Event
from ..client.timeline import MOST, table
from ..errors import NotFound
from ..model.scopes import (
    RUN_ID,
    AssetScope,
    AssetStateStoreWriterKind,
    StoreScope,
    TaskScope,
    Writer,
)
from ..store import fixtures
from ..store.explain.explain import explain
from ..store.namespace import Namespace
from ..store.store import Store
from ..store.tables import assets, scopes, task_instances
from ..worker.accessors import AssetStateStoreAccessors, Keyspace
from ..worker.context import asset_scope


class Memory(Workers):
    """One namespace, with the workers that keep their state in it.

    :param name: the namespace's, which is made.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.namespace = name
        self._namespace = store.create_namespace(name)
        super().__init__(_Clock(self._namespace))

    def begin(self, scope: TaskScope) -> Attempt:
        made = task_instances.create_task_instance(self._namespace, scope)
        return Attempt(made["id"], scope, made["try_number"])

    def report(self, attempt: Attempt, state: str, facts: Mapping[str, Any]) -> None:
        clear = bool(self._namespace.config.get("clear_on_success"))
        delay = facts.get("retry_delay_seconds")
        task_instances.set_state(
            self._namespace, attempt.id, state, clear, _writer(attempt), retry_delay=delay
        )

    def keyspace(self, attempt: Attempt) -> Keyspace:
        return scopes.task_instance(self._namespace, attempt.id, _writer(attempt))

    def asset(self, scope: AssetScope, attempt: Attempt | None) -> Keyspace:
        writer = Writer(AssetStateStoreWriterKind.API, api="execution")
        if attempt:
            writer = _writer(attempt)
        if scope.name is not None:
            assets.create_asset(self._namespace, scope.name, scope.uri)
            return scopes.asset(self._namespace, name=scope.name, writer=writer)
        try:
            assets.asset_by(self._namespace, "uri", str(scope.uri))
        except NotFound:
            assets.create_asset(self._namespace, str(scope.uri), scope.uri)
        return scopes.asset(self._namespace, uri=scope.uri, writer=writer)

    def task(self, dag_id: str = "dag", task_id: str = "task") -> Task:
        """The accessor of the first attempt of a task instance."""
        return Task(self, self.begin(TaskScope(dag_id, RUN_ID, task_id)))

    def timeline(self, most: int = MOST) -> str:
        """What happened here, as a table for people."""
        events = [Event.read(row) for row in self._namespace.journal.events()]
        held = fixtures.export(self._namespace)
        told = timeline.sentences(
            timeline.worth_telling(events, held, self.clock.now()), self._sentence
        )
        return "\n\n".join(filter(None, (table(events, self.failures, most), told)))

    def _sentence(self, scope: StoreScope, key: str) -> str:
        return str(explain(self._namespace, scope, key)["sentence"])

    def drop(self) -> None:
        """Drop the namespace with all that it holds."""
        self._store.drop_namespace(self.namespace)

    def close(self) -> None:
        """Do nothing: the store is whose it was."""


class _Clock:
    """The clock that the namespace has at any moment: setting it makes another."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def now(self) -> datetime:
        return self._namespace.clock.now()


def _writer(attempt: Attempt) -> Writer:
    return Writer(AssetStateStoreWriterKind.TASK, attempt.id, "execution")


class Assets(AssetStateStoreAccessors):
    """``context["asset_state_store"]`` of a task whose inlets and outlets are whatever it asks for.

    Called directly it is the only asset's, as in Airflow; if none was asked for before, one named
    ``asset``.

    :param task: who writes.
    """

    def __init__(self, workers: Memory, task: Task) -> None:
        super().__init__([])
        self._workers = workers
        self._task = task

    def __getitem__(self, asset: Any) -> Any:
        scope = asset_scope(asset)
        if not (scope.name in self._by_name or (scope.name is None and scope.uri in self._by_uri)):
            self._add(scope)
        return super().__getitem__(asset)

    def __getattr__(self, verb: str) -> Any:
        if not verb.startswith("_") and not self._all:
            self._add(AssetScope(name="asset"))
        return super().__getattr__(verb)

    def _add(self, scope: AssetScope) -> None:
        made = Asset(self._workers, scope, self._task.attempt)
        self._all.append(made)
        if scope.name is not None:
            self._by_name[scope.name] = made
        if scope.uri is not None:
            self._by_uri[scope.uri] = made
