"""The worker's side of a test: attempts of task instances, each with its accessor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..backends.hooks import Hooks
from ..backends.wrappers import Failure, Watched
from ..model.clock import Timepiece
from ..model.scopes import AssetScope, TaskScope, label
from ..worker.accessors import AssetStateStoreAccessor, Keyspace, TaskStateStoreAccessor
from ..worker.context import asset_scope, context


@dataclass(frozen=True)
class Attempt:
    """One attempt of a task instance.

    :param token: of its worker, where one is known.
    """

    id: str
    scope: TaskScope
    try_number: int
    token: str | None = None


class Workers(ABC):
    """Makes attempts, and gives their keyspaces.

    :param clock: what retentions are counted from.
    """

    def __init__(self, clock: Timepiece) -> None:
        self.clock = clock
        self.hooks: Hooks | None = None
        self.default_retention_days = 30
        self.failures: list[Failure] = []

    @abstractmethod
    def begin(self, scope: TaskScope) -> Attempt:
        """Make the next attempt; the one before is unknown from now on."""

    @abstractmethod
    def report(self, attempt: Attempt, state: str, facts: Mapping[str, Any]) -> None:
        """Tell the service an attempt's new state, as its worker does."""

    @abstractmethod
    def keyspace(self, attempt: Attempt) -> Keyspace: ...

    @abstractmethod
    def asset(self, scope: AssetScope, attempt: Attempt | None) -> Keyspace:
        """The keyspace of an asset, made if it is not there; one without a name is called as its
        uri, as in Airflow.

        :param attempt: who writes; without one, nobody in particular.
        """

    def faulty(self, hooks: Hooks) -> Hooks:
        """The hooks that fail where faults say so."""
        return hooks

    def watched(self, attempt: Attempt | None) -> Hooks | None:
        """The worker's backend, with an eye on what fails, on purpose or not."""
        if self.hooks is None:
            return None
        try_number = attempt.try_number if attempt else None
        return Watched(self.faulty(self.hooks), try_number, self.failures.append)


class Task(TaskStateStoreAccessor):
    """The accessor of one attempt: Airflow's ``get``, ``set``, ``delete``, ``clear``."""

    def __init__(
        self, workers: Workers, attempt: Attempt, begun: Callable[[Task], None] = lambda task: None
    ) -> None:
        super().__init__(
            workers.keyspace(attempt),
            attempt.scope,
            workers.watched(attempt),
            attempt.id,
            clock=workers.clock,
            default_retention_days=workers.default_retention_days,
        )
        self._workers, self.attempt, self._begun = workers, attempt, begun
        begun(self)

    @property
    def ti_id(self) -> str:
        """The attempt's UUID."""
        return self.attempt.id

    @property
    def try_number(self) -> int:
        return self.attempt.try_number

    @property
    def token(self) -> str | None:
        """The token of the attempt's worker, for clients that want one."""
        return self.attempt.token

    @property
    def scope(self) -> TaskScope:
        return self.attempt.scope

    def retry(self, delay: timedelta | None = None) -> Task:
        """The next attempt: a new id, the same state. This one's id is unknown from now on, as
        after a crash.

        :param delay: report this attempt ``up_for_retry`` with this delay first, instead of just
            vanishing.
        """
        if delay is not None:
            self.report("up_for_retry", retry_delay_seconds=delay.total_seconds())
        return Task(self._workers, self._workers.begin(self.scope), self._begun)

    def report(self, state: str, **facts: Any) -> None:
        """Tell the service this attempt's new state, ``success`` or ``failed`` say, as a worker
        does at the end.
        """
        self._workers.report(self.attempt, state, facts)

    def context(
        self,
        *,
        assets: Iterable[Any] = (),
        params: Mapping[str, Any] | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What a ``@task`` function finds in its context: ``my_task.function(**task.context(…))``.

        :param assets: inlets and outlets: anything with a ``name`` or a ``uri``, or a name; made if
            not there.
        :param conf: of the dag run.
        """
        workers, attempt = self._workers, self.attempt
        found = context(
            self._keyspace,
            self.scope,
            self.ti_id,
            assets=[(asset, workers.asset(asset_scope(asset), attempt)) for asset in assets],
            hooks=workers.watched(attempt),
            try_number=self.try_number,
            params=params,
            conf=conf,
        )
        return {**found, "task_state_store": self, "task_state": self}

    def __repr__(self) -> str:
        return f"<Task {label(self.scope)} try {self.try_number}>"


class Asset(AssetStateStoreAccessor):
    """The accessor of one asset, with Airflow's methods.

    :param attempt: who writes; without one, nobody in particular.
    """

    def __init__(self, workers: Workers, scope: AssetScope, attempt: Attempt | None = None) -> None:
        super().__init__(workers.asset(scope, attempt), scope, workers.watched(attempt))
        self.scope = scope

    def __repr__(self) -> str:
        return f"<{label(self.scope)}>"
