"""Runs of real tasks: one attempt at a time, by Airflow's own supervisor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from ..backends import loading
from ..model.scopes import TaskScope, label
from ..run import register
from ..run.errors import NotRetried
from ..run.outcome import Outcome, headline
from ..run.run import run
from ..run.task import Options, Task
from .accesses import Accesses, Stream
from .attempts import Task as Accessor
from .events import Event
from .http import StateroomClient
from .journal import Journal
from .timeline import value_summary
from .workers import HttpWorkers

_RETRIED = ("up_for_retry", "restarting")


@dataclass(frozen=True, repr=False)
class Result(Outcome):
    """What came of an attempt that was run.

    :param accesses: what it read, wrote and deleted, as events of the journal: keys of tasks and
        assets, XComs, and variables that it changed.
    """

    accesses: list[Event]
    _runs: Runs
    _request: Task
    _options: Options

    @property
    def task(self) -> Accessor:
        """The accessor of the task instance's state, as ``stateroom.task(…)`` gives it."""
        return self._runs.accessor(self.scope)

    def retry(self) -> Result:
        """Run the next attempt, as a scheduler does after ``up_for_retry``.

        It has a new task instance id, and the task's state; the worker clears what the attempts
        before have pushed as XComs. The delay (``retry_delay``) is not waited for, and the Dag file
        is read anew.

        :raises NotRetried: if the scheduler would not run another attempt; it says why.
        :raises RunError: as for ``run``.
        """
        self._check_state()
        following = replace(self._request, try_number=None, xcoms={}, variables={}, connections={})
        return self._runs.run(following, self._options)

    def _check_state(self) -> None:
        name = f"attempt {self.try_number} of {label(self.scope)}"
        if self.state not in _RETRIED:
            raise NotRetried(f"{name} is not retried: it ended as {self.state}{self._reason()}")
        state = self._runs.state(self.scope)
        if state not in _RETRIED:
            raise NotRetried(
                f"{name} has ended as {self.state}, but the task instance is {state} now; call "
                "retry() of the result of its last attempt"
            )

    def _reason(self) -> str:
        """Why no retry comes after the state that this attempt has."""
        if self.state == "deferred":
            return ", and waits for its trigger"
        if self.state == "up_for_reschedule":
            return ", and waits to be rescheduled; run(…) lets it go on"
        if self.state != "failed":
            return ""
        if self.max_tries == 0:
            return ", and has no retries (retries=… in its Dag)"
        if self.try_number > self.max_tries:
            return f", and had {self.max_tries + 1} tries"
        return ", though it had tries left: what it raised forbids another"

    def __repr__(self) -> str:
        words = [f"{label(self.scope)} attempt {self.try_number}: {self.state}"]
        if self.error is not None:
            words.append(headline(self.log) or self.error.splitlines()[-1])
        if self.xcom is not None:
            words.append(f"returned {value_summary(self.xcom)}")
        for (_, key), (before, after) in self.changes.items():
            words.append(f"{key} {_summary(before)} → {_summary(after)}")
        return f"<Result {', '.join(words)}>"


def _summary(value: Any) -> str:
    if value is None:
        return "nothing"
    return value_summary(value)


class Runs:
    """Runs tasks against one namespace.

    :param client: of the namespace, as an admin.
    :param workers: of the namespace, which give the accessors of its state.
    :param on_attempt: called with a task instance that gets another attempt.
    """

    def __init__(
        self,
        client: StateroomClient,
        workers: HttpWorkers,
        on_attempt: Callable[[TaskScope], None] = lambda scope: None,
    ) -> None:
        self._client = client
        self._workers = workers
        self._on_attempt = on_attempt
        self._results: list[Result] = []

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The name of each attempt that raised something; the traceback, and what it missed."""
        return [
            (
                f"{label(result.scope)} attempt {result.try_number}",
                "\n".join([result.error, *result.missing]),
            )
            for result in self._results
            if result.error is not None
        ]

    def accessor(self, scope: TaskScope) -> Accessor:
        """The accessor of a task instance's current attempt."""
        attempt = self._workers.current(scope) or self._workers.begin(scope)
        return Accessor(self._workers, attempt)

    def state(self, scope: TaskScope) -> str | None:
        """The state of a task instance's current attempt; None without one."""
        return (register.current(self._client, scope) or {}).get("state")

    def with_backend(self, backend: Any, environ: Mapping[str, str]) -> dict[str, str]:
        """An environment that gives a backend to the task's process.

        :param backend: a built-in name, a dotted path or a class; ``metastore`` for none.
        :raises BadBackend: if a worker cannot have it.
        """
        realm = self._client.call("GET", "/_stateroom/health").json()["realm"]
        return loading.for_worker(backend, realm, environ)

    def run(self, task: Task, options: Options) -> Result:
        """Run the next attempt of a task.

        :param options: its ``on_record`` is called with the accesses too, between the records of
            the log, in the order of their times.
        :raises RunError: if it cannot be run.
        """
        journal = Journal(self._client)
        accesses = Accesses(journal, journal.last)

        def begin(scope: TaskScope, ti_id: str) -> None:
            self._on_attempt(scope)
            accesses.begin(scope, ti_id)
            options.on_attempt(scope, ti_id)

        stream: AbstractContextManager[Any] = nullcontext()
        observed = replace(options, on_attempt=begin)
        if options.on_record is not None:
            stream = Stream(accesses, options.on_record)
            observed = replace(observed, on_record=stream.add)
        with stream:
            outcome = run(self._client, None, task, observed)
        accesses.more()
        result = Result(
            **vars(outcome), accesses=accesses.events, _runs=self, _request=task, _options=options
        )
        self._results.append(result)
        return result
