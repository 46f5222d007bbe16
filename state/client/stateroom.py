"""The handle of a namespace for tests and scripts: attempts, state, clock, faults and journal.

::

    stateroom = Stateroom("http://127.0.0.1:8103").create_namespace("mine")
    first = stateroom.task("etl", "submit")
    first.set("job_id", "job-42")
    assert first.retry().get("job_id") == "job-42"
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..backends import loading
from ..model import fixture_files
from ..model.clock import to_text
from ..model.names import check_name
from ..model.scopes import (
    RUN_ID,
    AssetScope,
    StoreScope,
    TaskScope,
    label,
    scope_document,
    scope_from,
)
from ..run import environment
from ..run.task import Options
from ..run.task import Task as RealTask
from . import timeline
from .attempts import Asset, Task
from .clock import NamespaceClock
from .connection import Connection
from .events import Event
from .faults import Faults
from .journal import Journal, Wait
from .runs import Result, Runs
from .state import State
from .workers import HttpWorkers

_FIXTURE = "/_stateroom/fixture"
_SNAPSHOTS = "/_stateroom/snapshots"
_HISTORY = "/_stateroom/history"
_EXPLAIN = "/_stateroom/explain"


class Stateroom(Connection):
    """The handle of one namespace of a running service.

    :param url: the address of the service.
    :param namespace: a name; None for ``default``.
    :param token: an admin token, if the service has a secret.
    :param over: another handle, whose connection pool is shared; None for a pool of its own.
    :raises InvalidName: for an invalid name of a namespace.
    :raises Unreachable: from any member, if the service does not respond.
    """

    def __init__(
        self,
        url: str,
        namespace: str | None = None,
        token: str | None = None,
        over: Connection | None = None,
    ) -> None:
        super().__init__(url, namespace, token, over)
        self._workers = HttpWorkers(self._client)
        self._named_backend: dict[str, str] = {}
        self._tasks: dict[TaskScope, Task] = {}
        self._runs = Runs(self._client, self._workers, self._forget)
        self.clock = NamespaceClock(self._client)
        self.faults = Faults(self._client)
        self.journal = Journal(self._client)

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that direct workers and the ``stateroom`` command to it."""
        days = self._workers.default_retention_days
        variables = {
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.execution_url}/",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS": str(days),
            "STATEROOM_URL": self.url,
            **self._named_backend,
        }
        if self._token:
            variables["STATEROOM_TOKEN"] = self._token
        return variables

    # ----------------------------------------------------------------- workers

    def task(self, dag_id: str, task_id: str, run_id: str = RUN_ID, map_index: int = -1) -> Task:
        """The accessor of a task instance's current attempt, which is created if it is missing.

        :raises TypeError: for a name that is no string, or a map index that is no number.
        """
        _check_strings(dag_id=dag_id, task_id=task_id, run_id=run_id)
        if not isinstance(map_index, int):
            raise TypeError(f"map_index is a number, not {map_index!r}")
        scope = TaskScope(dag_id, run_id, task_id, map_index)
        if scope not in self._tasks:
            attempt = self._workers.current(scope) or self._workers.begin(scope)
            Task(self._workers, attempt, self._remember)
        return self._tasks[scope]

    def _remember(self, task: Task) -> None:
        self._tasks[task.scope] = task

    def _forget(self, scope: TaskScope) -> None:
        self._tasks.pop(scope, None)

    def asset(self, name: str | None, uri: str | None = None) -> Asset:
        """The accessor of an asset, which is created if it is missing.

        Its writes are recorded as the API's. For those of a task use
        ``stateroom.context(…, assets=["orders"])["asset_state_store"]``.
        """
        if name is not None:  # an asset may be named by its uri alone
            _check_strings(name=name)
        return Asset(self._workers, AssetScope(name=name, uri=uri))

    def context(
        self,
        dag_id: str,
        task_id: str,
        run_id: str = RUN_ID,
        map_index: int = -1,
        *,
        assets: Iterable[Any] = (),
        params: Mapping[str, Any] | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The context of the current attempt; see :meth:`task` and :meth:`Task.context`."""
        return self.task(dag_id, task_id, run_id, map_index).context(
            assets=assets, params=params, conf=conf
        )

    def backend(self, spec: Any, **options: Any) -> Any:
        """Give a backend to the workers of later attempts; the service itself does not use it.

        :param spec: a built-in name (``file``, ``object``, ``memory``), a dotted path, a class or
            an instance; ``metastore`` for no backend.
        :param options: arguments of the class; a built-in backend uses this namespace's part of
            its base.
        :returns: the backend; None for ``metastore``.
        :raises BadBackend: if it cannot be a backend.
        """
        realm = self._client.call("GET", "/_stateroom/health").json()["realm"]
        self._workers.hooks = loading.hooks_of(spec, realm, options)
        self._named_backend = loading.variables(spec, realm, options)
        if self._workers.hooks is None:
            return None
        return self._workers.hooks.backend

    @property
    def default_retention_days(self) -> int:
        """``[state_store] default_retention_days`` of later attempts' workers; default: 30."""
        return self._workers.default_retention_days

    @default_retention_days.setter
    def default_retention_days(self, days: int) -> None:
        if not isinstance(days, int):
            raise TypeError(f"default_retention_days is {days!r}; write a whole number of days")
        self._workers.default_retention_days = days

    # -------------------------------------------------------------- real tasks

    def run(
        self,
        dag_file: str | Path,
        task_id: str,
        *,
        dag_id: str | None = None,
        run_id: str = RUN_ID,
        map_index: int = -1,
        try_number: int | None = None,
        conf: Mapping[str, Any] | None = None,
        xcoms: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
        backend: Any = None,
        trigger: bool = True,
        in_process: bool = False,
        keep: bool = True,
        airflow_python: str | None = None,
        environ: Mapping[str, str] | None = None,
        import_timeout: float | None = None,
        on_record: Callable[[dict[str, Any]], None] | None = None,
    ) -> Result:
        """Run one task of a Dag file by Airflow's own supervisor, to the end of its attempt.

        It is the next attempt of the task instance, and finds the state of those before. No other
        task is run; no scheduler, pool or metadata database is needed. The assets that the file
        names are created.

        :param dag_file: a relative path begins at the current directory.
        :param dag_id: needed if the file has several Dags.
        :param try_number: None for the next one.
        :param conf: of the Dag run.
        :param xcoms: what other tasks of the run returned, by their ids: ``{"extract": [1, 2]}``;
            of a mapped task a list, a value for each map index, which replaces what it returned
            before; None for one that returned nothing.
        :param variables: by their keys; a value that is no string is stored as JSON.
        :param connections: by their ids, each a URI, JSON text, or a dict of its members.
        :param backend: of the task's worker, as for :meth:`backend`; None for the one that was
            given there, with its options.
        :param trigger: run the trigger of a task that defers itself, and then the task again.
        :param in_process: run the task without a supervisor, for a debugger.
        :param keep: run in a process that is kept for the next run.
        :param airflow_python: the Python of an Airflow environment; None for the one in
            ``STATEROOM_AIRFLOW_PYTHON``, else this one.
        :param environ: environment variables of the task's process; None for those of this one.
        :param import_timeout: seconds that the Dag file may take to be imported; None for Airflow's
            ``[core] dagbag_import_timeout``, which is 30 if nothing sets it; 0 for no limit.
        :param on_record: called with each record of the log, and with the accesses to state between
            them, while the task runs.
        :raises RunError: if it cannot be run; a task that fails is a result.
        :raises BadBackend: if a worker cannot have the backend.
        """
        environ = environment.given(environ)
        if backend is not None:
            environ = self._runs.with_backend(backend, environ)
        elif self._named_backend:
            environ = {**environ, **self._named_backend}
        task = RealTask(
            str(dag_file),
            task_id,
            dag_id,
            run_id,
            map_index,
            try_number,
            conf,
            xcoms or {},
            variables or {},
            connections or {},
        )
        days = str(self._workers.default_retention_days)
        options = Options(
            {**environ, "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS": days},
            airflow_python or environ.get(environment.AIRFLOW_PYTHON),
            keep,
            trigger,
            in_process,
            import_timeout,
            on_record,
        )
        return self._runs.run(task, options)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The attempts that :meth:`run` ran and that raised something: the name and the traceback
        of each.
        """
        return self._runs.errors

    # ------------------------------------------------------------------- state

    @property
    def state(self) -> State:
        """The keys and values of each scope: ``{"etl/submit": {"job_id": "job-42"}}``."""
        return State.of(self.document())

    def document(self, with_secrets: bool = False) -> dict[str, Any]:
        """All state as a fixture document.

        :param with_secrets: with the passwords and extras of connections and the variables that
            hold secrets; else each is ``{"$env": NAME}``, the name of an environment variable.
        """
        parameters = {"with_secrets": int(with_secrets)}
        document: dict[str, Any] = self._client.call("GET", _FIXTURE, params=parameters).json()
        return document

    def export(self, path: str | Path, with_secrets: bool = False) -> Path:
        """Export all state as a fixture document, and return the path.

        An existing file is replaced only after the whole document is on disk.

        :param with_secrets: as for :meth:`document`.
        """
        text = fixture_files.canonical(self.document(with_secrets))
        fixture_files.write(Path(path), text)
        return Path(path)

    def import_(self, path: str | Path) -> None:
        """Create or update everything in a fixture document; if part of it is invalid, nothing.

        :raises BadDocument: if the file is not JSON.
        :raises ServiceError: for an invalid document, also for one with unknown members.
        """
        document = fixture_files.read(Path(path))
        self._client.call("PUT", _FIXTURE, params={"strict": "1"}, json=document)
        self._tasks.clear()

    def reset(self) -> None:
        """Delete all state, and reset clock and configuration."""
        self._client.call("POST", "/_stateroom/reset")
        self._tasks.clear()

    def clean(self) -> int:
        """Remove expired keys, as ``airflow state-store clean`` does, and return their number."""
        return int(self._client.call("POST", "/_stateroom/clean").json()["removed"])

    def snapshot(self, name: str) -> None:
        """Take a snapshot of the namespace; it replaces one of the same name.

        :raises InvalidName: for an invalid name.
        """
        self._client.call("PUT", f"{_SNAPSHOTS}/{check_name(name, 'snapshot name')}")

    def restore(self, name: str) -> None:
        """Return to a snapshot; the journal and the other snapshots are kept.

        :raises NotFound: if there is no snapshot of this name.
        :raises InvalidName: for an invalid name.
        """
        self._client.call("POST", f"{_SNAPSHOTS}/{check_name(name, 'snapshot name')}/restore")
        self._tasks.clear()

    def diff(self, a: str, b: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """The keys ``added``, ``removed`` and ``changed`` from snapshot a to b, or to now.

        Where they differ also ``xcoms`` and ``task_instances``, as they were ``before`` and are
        ``after``.

        :raises NotFound: if there is no snapshot of a name.
        """
        response = self._client.call("GET", f"{_SNAPSHOTS}/diff", params={"a": a, "b": b})
        difference: dict[str, list[dict[str, Any]]] = response.json()
        return difference

    # ----------------------------------------------------------------- journal

    def wait_for(
        self,
        key: str,
        predicate: Callable[[Any], Any] = lambda value: True,
        timeout: float = 5,
        of: Task | Asset | None = None,
    ) -> Any:
        """Wait until a key has a matching value, and return it.

        :param predicate: called with each value; the default matches any.
        :param timeout: seconds.
        :param of: the task or asset of the key; None for any.
        :raises NotInTime: after the timeout, with the last value.
        :raises TypeError: for a predicate that is no function, or a timeout that is no number.
        """
        if not callable(predicate):
            raise TypeError(
                f"wait_for takes a function of the value, not {predicate!r}; write "
                f"wait_for({key!r}, lambda value: value == {predicate!r}), or "
                f"timeout={predicate!r} for so many seconds"
            )
        if not isinstance(timeout, int | float):
            raise TypeError(f"timeout is {timeout!r}; write a number of seconds")
        scope = None
        if of is not None:
            scope = _scope_of(of)
        wait = Wait(self.document, self.journal, self._workers.hooks, key, scope)
        return wait.until(predicate, timeout)

    def explain(self, key: str, of: Task | Asset | None = None) -> str:
        """Explain when a key expires, by whose clock, or why it is missing.

        :param of: the task or asset of the key, if several have this key.
        :raises ValueError: without ``of``, if no scope or several have the key.
        """
        return self._explain(self._scope(key, of), key)

    def _explain(self, scope: StoreScope, key: str) -> str:
        return str(self._get(_EXPLAIN, scope, key)["sentence"])

    def history(self, key: str, of: Task | Asset | None = None) -> list[Event]:
        """The events that changed a key, oldest first.

        :param of: the task or asset of the key, if several have this key.
        :raises ValueError: without ``of``, if no scope or several have the key.
        """
        rows = self._get(_HISTORY, self._scope(key, of), key)["history"]
        return [Event.read(row) for row in rows]

    def value_at(self, key: str, at: datetime | int, of: Task | Asset | None = None) -> Any:
        """The value that a key had at a time; None if it had none.

        :param at: an aware datetime, or the number of the event after which the value is read.
        :param of: the task or asset of the key, if several have this key.
        :raises ValueError: without ``of``, if no scope or several have the key.
        """
        moment = str(at)
        if isinstance(at, datetime):
            moment = to_text(at)
        return self._get(_HISTORY, self._scope(key, of), key, at=moment).get("value")

    def _get(self, path: str, scope: StoreScope, key: str, **query: str) -> dict[str, Any]:
        parameters = {**scope_document(scope), "key": key, **query}
        answer: dict[str, Any] = self._client.call("GET", path, params=parameters).json()
        return answer

    def _scope(self, key: str, of: Task | Asset | None) -> StoreScope:
        """The scope of a task or asset; without one, the only scope that has the key, or had it."""
        if of is not None:
            return _scope_of(of)
        rows = fixture_files.rows(self.document())
        scopes = {scope_from(row) for row in rows if row["key"] == key}
        if not scopes:
            scopes = {event.scope for event in self.journal if event.key == key and event.scope}
        if not scopes:
            raise ValueError(f"no task and no asset has a key {key!r}")
        if len(scopes) > 1:
            labels = ", ".join(sorted(map(label, scopes)))
            raise ValueError(f"key {key!r} exists in {labels}; choose one of them with of=")
        return scopes.pop()

    def timeline(
        self, most: int = timeline.MOST_LINES, keep: Container[tuple[str, str]] = ()
    ) -> str:
        """The events as a table for people, and explanations of missing and expired keys.

        :param most: the number of lines of the table.
        :param keep: keys whose events are shown first, each with the name of its scope:
            ``{("etl/submit", "job_id")}``.
        """
        events = self.journal.events()
        table = timeline.table(events, self._workers.failures, most, keep)
        keys = timeline.keys_to_explain(events, self.document(), self.clock.now())
        explanations = timeline.explanations(keys, self._explain)
        return "\n\n".join(filter(None, (table, explanations)))


def _scope_of(of: Task | Asset) -> StoreScope:
    scope = getattr(of, "scope", None)
    if scope is None:
        raise TypeError(
            f"of={of!r} is no task and no asset; write of=stateroom.task(dag_id, task_id), or "
            "of=stateroom.asset(name)"
        )
    found: StoreScope = scope
    return found


def _check_strings(**names: object) -> None:
    for name, value in names.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} is a string, not {value!r}")
