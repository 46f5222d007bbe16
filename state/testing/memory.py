"""A namespace in this process's memory, for the simplest tests: the real store, no socket."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any

from ..client import timeline
from ..client.attempts import Asset, Attempt, Task, Workers
from ..client.events import Event
from ..errors import NotFound
from ..model.scopes import (
    RUN_ID,
    AssetScope,
    AssetStateStoreWriterKind,
    StoreScope,
    TaskScope,
    Writer,
    asset_scope,
)
from ..store import fixtures, keyspaces
from ..store.explain.explain import explain
from ..store.namespace import Namespace
from ..store.store import Store
from ..store.tables import assets, task_instances
from ..store.tables.task_instances import Report
from ..worker.accessors import AssetStateStoreAccessors, Keyspace


class Memory(Workers):
    """A new namespace in a store of this process, and the workers that use it.

    :param name: the name of the namespace.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.namespace = name
        self._namespace = store.create_namespace(name)
        super().__init__(_Clock(self._namespace))
        self.errors: list[tuple[str, str]] = []  # of real tasks, which are not run here

    def begin(self, scope: TaskScope) -> Attempt:
        row = task_instances.create_task_instance(self._namespace, scope)
        return Attempt(row["id"], scope, row["try_number"])

    def report(self, attempt: Attempt, state: str, facts: Mapping[str, Any]) -> None:
        clear = bool(self._namespace.config.get("clear_on_success"))
        report = Report(state, retry_delay=facts.get("retry_delay_seconds"))
        task_instances.set_state(self._namespace, attempt.id, report, clear, _writer(attempt))

    def keyspace(self, attempt: Attempt) -> Keyspace:
        return keyspaces.task_instance(self._namespace, attempt.id, _writer(attempt))

    def asset(self, scope: AssetScope, attempt: Attempt | None) -> Keyspace:
        writer = Writer(AssetStateStoreWriterKind.API, api="execution")
        if attempt:
            writer = _writer(attempt)
        if scope.name is not None:
            assets.create_asset(self._namespace, scope.name, scope.uri)
            return keyspaces.asset(self._namespace, name=scope.name, writer=writer)
        try:
            assets.asset_by(self._namespace, "uri", str(scope.uri))
        except NotFound:
            assets.create_asset(self._namespace, str(scope.uri), scope.uri)
        return keyspaces.asset(self._namespace, uri=scope.uri, writer=writer)

    def task(self, dag_id: str = "dag", task_id: str = "task") -> Task:
        """The accessor of the first attempt of a task instance."""
        return Task(self, self.begin(TaskScope(dag_id, RUN_ID, task_id)))

    def timeline(
        self, most: int = timeline.MOST_LINES, keep: Container[tuple[str, str]] = ()
    ) -> str:
        """The events as a table for people, and explanations of missing and expired keys."""
        events = [Event.read(row) for row in self._namespace.journal.events()]
        table = timeline.table(events, self.failures, most, keep)
        document = fixtures.export(self._namespace)
        keys = timeline.keys_to_explain(events, document, self.clock.now())
        explanations = timeline.explanations(keys, self._explain)
        return "\n\n".join(filter(None, (table, explanations)))

    def _explain(self, scope: StoreScope, key: str) -> str:
        return str(explain(self._namespace, scope, key)["sentence"])

    def drop(self) -> None:
        """Drop the namespace with all its state."""
        self._store.drop_namespace(self.namespace)

    def close(self) -> None:
        """Do nothing: the store belongs to the caller."""


class _Clock:
    """The current clock of a namespace; setting it replaces the namespace's clock object."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def now(self) -> datetime:
        return self._namespace.clock.now()


def _writer(attempt: Attempt) -> Writer:
    return Writer(AssetStateStoreWriterKind.TASK, attempt.id, "execution")


class Assets(AssetStateStoreAccessors):
    """``context["asset_state_store"]`` of a task that has every asset as an inlet and outlet.

    An asset is created on first use. Methods called directly are those of the only asset, as in
    Airflow; before the first use of an asset, of one named ``asset``.

    :param task: the task that is recorded as the writer.
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
        asset = Asset(self._workers, scope, self._task.attempt)
        self._all.append(asset)
        if scope.name is not None:
            self._by_name[scope.name] = asset
        if scope.uri is not None:
            self._by_uri[scope.uri] = asset
