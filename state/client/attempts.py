"""Attempts of task instances and their accessors: the worker's side of a test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..backends.hooks import Hooks
from ..backends.wrappers import Failure, Watched
from ..model.clock import Timepiece
from ..model.scopes import AssetScope, TaskScope, asset_scope, label
from ..worker.accessors import AssetStateStoreAccessor, Keyspace, TaskStateStoreAccessor
from ..worker.context import context


@dataclass(frozen=True)
class Attempt:
    """An attempt of a task instance.

    :param id: its UUID.
    :param token: the token of its worker; None if the service has no secret.
    """

    id: str
    scope: TaskScope
    try_number: int
    token: str | None = None


class Workers(ABC):
    """Creates attempts and their keyspaces.

    :param clock: the clock from which retention is counted.
    """

    def __init__(self, clock: Timepiece) -> None:
        self.clock = clock
        self.hooks: Hooks | None = None
        self.default_retention_days = 30
        self.failures: list[Failure] = []

    @abstractmethod
    def begin(self, scope: TaskScope) -> Attempt:
        """Create the next attempt; the previous one's id is not found from now on."""

    @abstractmethod
    def report(self, attempt: Attempt, state: str, facts: Mapping[str, Any]) -> None:
        """Report an attempt's new state to the service, as its worker does."""

    @abstractmethod
    def keyspace(self, attempt: Attempt) -> Keyspace: ...

    @abstractmethod
    def asset(self, scope: AssetScope, attempt: Attempt | None) -> Keyspace:
        """The keyspace of an asset, which is created if it is missing.

        An asset without a name gets its uri as its name, as in Airflow.

        :param attempt: the attempt that is recorded as the writer; None for the API.
        """

    def faulty(self, hooks: Hooks) -> Hooks:
        """The hooks, with the faults of the namespace in between; here without."""
        return hooks

    def watched(self, attempt: Attempt | None) -> Hooks | None:
        """The hooks of the worker's backend; their errors are added to :attr:`failures`."""
        if self.hooks is None:
            return None
        try_number = None
        if attempt is not None:
            try_number = attempt.try_number
        return Watched(self.faulty(self.hooks), try_number, self.failures.append)


class Task(TaskStateStoreAccessor):
    """The accessor of one attempt: Airflow's ``get``, ``set``, ``delete``, ``clear``.

    :param on_begin: called with the task of this attempt, and of each that :meth:`retry` begins.
    """

    def __init__(
        self,
        workers: Workers,
        attempt: Attempt,
        on_begin: Callable[[Task], None] = lambda task: None,
    ) -> None:
        super().__init__(
            workers.keyspace(attempt),
            attempt.scope,
            workers.watched(attempt),
            attempt.id,
            clock=workers.clock,
            default_retention_days=workers.default_retention_days,
        )
        self._workers = workers
        self.attempt = attempt
        self._on_begin = on_begin
        on_begin(self)

    @property
    def ti_id(self) -> str:
        """The attempt's UUID."""
        return self.attempt.id

    @property
    def try_number(self) -> int:
        return self.attempt.try_number

    @property
    def token(self) -> str | None:
        """The token of the attempt's worker; None if the service has no secret."""
        return self.attempt.token

    @property
    def scope(self) -> TaskScope:
        return self.attempt.scope

    def retry(self, delay: timedelta | None = None) -> Task:
        """Begin the next attempt, with a new id and the same state, and return its accessor.

        This attempt's id is not found from now on, as after a crash.

        :param delay: report this attempt as ``up_for_retry`` with this delay first; None reports
            nothing.
        :raises TypeError: for a delay that is no timedelta.
        """
        if delay is not None:
            if not isinstance(delay, timedelta):
                raise TypeError(f"delay is {delay!r}; write retry(timedelta(seconds=…))")
            self.report("up_for_retry", retry_delay_seconds=delay.total_seconds())
        return Task(self._workers, self._workers.begin(self.scope), self._on_begin)

    def report(self, state: str, **facts: Any) -> None:
        """Report this attempt's new state, such as ``success`` or ``failed``, as a worker does.

        :param facts: further members of the report, such as ``retry_delay_seconds``.
        """
        self._workers.report(self.attempt, state, facts)

    def context(
        self,
        *,
        assets: Iterable[Any] = (),
        params: Mapping[str, Any] | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The context of a ``@task`` function: ``my_task.function(**task.context(…))``.

        :param assets: inlets and outlets, each an object with a ``name`` or a ``uri``, or a name;
            missing ones are created.
        :param params: the ``params`` of the context.
        :param conf: the configuration of the dag run.
        """
        members = context(
            self._keyspace,
            self.scope,
            self.ti_id,
            assets=[
                (asset, self._workers.asset(asset_scope(asset), self.attempt)) for asset in assets
            ],
            hooks=self._workers.watched(self.attempt),
            try_number=self.try_number,
            params=params,
            conf=conf,
        )
        return {**members, "task_state_store": self, "task_state": self}

    def __repr__(self) -> str:
        return f"<Task {label(self.scope)} attempt {self.try_number}>"


class Asset(AssetStateStoreAccessor):
    """The accessor of one asset, with Airflow's methods.

    :param attempt: the attempt that is recorded as the writer; None for the API.
    """

    def __init__(self, workers: Workers, scope: AssetScope, attempt: Attempt | None = None) -> None:
        super().__init__(workers.asset(scope, attempt), scope, workers.watched(attempt))
        self.scope = scope

    def __repr__(self) -> str:
        return f"<{label(self.scope)}>"
