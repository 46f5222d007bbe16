"""Run one task instance of a Dag file, and tell what came of it."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..model.clock import to_text
from ..model.scopes import TaskScope, scope_document
from . import attempts, changes, environment, register, workers
from .airflow_worker.here import Here
from .errors import DagNotImported, RunError, WorkerEnded
from .log import Log
from .mapping import check_map_index
from .outcome import Outcome, error_of
from .register import Attempt, Service
from .task import Options, Record, Task
from .workers import Job

_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")  # Airflow's default pattern
TRIED = ("3.3.2", "3.4.0b2")  # versions of Airflow


class Ready(NamedTuple):
    """A worker that has imported the Dag file.

    :param dags: the Dags of the file, by their ids.
    :param version: of Airflow.
    """

    job: Job | Here
    dags: dict[str, Any]
    version: str


def run(service: Service, token: str | None, task: Task, options: Options) -> Outcome:
    """Register a task instance and run it to its end by Airflow's supervisor.

    :param service: a client of the namespace, as an admin.
    :param token: of the worker; None for the one that the service gives.
    :raises RunError: if it cannot be run.
    """
    _check_place(task)
    shared = register.given(task)
    python = workers.python_of(options.airflow_python, options.in_process)
    path = dag_path(task.dag_file)
    bundle = environment.bundle_of(path, options.variables)
    variables = environment.of_worker(
        bundle, service.url, options.variables, options.import_timeout
    )
    with _ready(python, variables, path, bundle, options) as ready:
        dag_id = _dag_id(ready.dags, task, path)
        tasks = ready.dags[dag_id]["tasks"]
        scope = TaskScope(dag_id, task.run_id, task.task_id, task.map_index)
        _check_task_id(tasks, scope)
        check_map_index(service, task, scope, tasks)
        facts = tasks[task.task_id]
        register.needs(service, task, scope, ready.dags, shared)
        after = changes.last_event(service)
        attempt = register.attempt(service, task, scope, facts)
        with attempts.settled_at_an_error(service, attempt.id), Log(service, attempt.id) as log:
            options.on_attempt(scope, attempt.id)
            record = _recorder(log, options.on_record)
            if ready.version not in TRIED:
                record(_warning(ready.version))
            request = _request(service, scope, attempt, token)
            if facts["deferral"] is not None:
                attempts.defer(service, request, facts["deferral"])
                request["is_deferred"] = True
            state = attempts.run_to_end(service, ready.job, request, options.trigger, record)
    return _outcome(service, scope, attempt, state, log.records, after)


def _recorder(log: Log, on_record: Callable[[Record], None] | None) -> Callable[[Record], None]:
    """What takes each record of the log."""
    if on_record is None:
        return log.add

    def record(item: Record) -> None:
        log.add(item)
        on_record(item)

    return record


def _outcome(
    service: Service,
    scope: TaskScope,
    attempt: Attempt,
    state: str,
    log: list[Record],
    after: int,
) -> Outcome:
    """The outcome of an attempt.

    :param state: in which it ended.
    :param after: the number of the last event before the run.
    """
    events = changes.events_of(service, attempt.id, after)
    return Outcome(
        scope,
        attempt.try_number,
        attempt.max_tries,
        attempt.id,
        state,
        log,
        error_of(state, log),
        changes.missing_of(events),
        changes.xcoms_of(scope, events),
        changes.changes_of(service, events),
    )


def _check_place(task: Task) -> None:
    """Refuse a run id and a map index that no task instance of Airflow has.

    The Task SDK does not quote a run id in paths, so one with a slash would lose its XComs.
    """
    if not _RUN_ID.fullmatch(task.run_id):
        raise RunError(
            f"no run of Airflow has the id {task.run_id!r}: it is of letters, digits and _.~:+- "
            "([scheduler] allowed_run_id_pattern)"
        )
    if task.map_index < -1:
        raise RunError(
            f"no task instance has the map index {task.map_index}: it is 0 or more, or -1 for a "
            "task that is not mapped"
        )


def dag_path(dag_file: str) -> str:
    """The absolute path of a Dag file; a relative one is looked for in the current directory.

    :raises DagNotImported: if there is no such file.
    """
    path = os.path.abspath(dag_file)
    if os.path.isfile(path):
        return path
    message = f"there is no Dag file {path}"
    if not os.path.isabs(dag_file):
        message += f" ({dag_file!r} in the current directory)"
    raise DagNotImported(message)


@contextmanager
def _ready(
    python: str, variables: dict[str, str], path: str, bundle: str, options: Options
) -> Iterator[Ready]:
    """A worker that has imported the Dag file."""
    request = {
        "variables": variables,
        "cwd": os.getcwd(),
        "dag_file": path,
        "bundle": bundle,
    }
    connect = _connect(options)
    said = ""
    for _ in range(3):  # a kept worker may be stale, or just ending
        with connect(python, variables) as job:
            try:
                job.send(request)
                version, dags = _first_answers(job.answers())
            except ConnectionError:
                dags = None
            if dags is not None:
                yield Ready(job, _imported(dags, path, python), version)
                return
            said = job.said()
    workers.check_airflow(python)
    raise WorkerEnded(f"the worker in {python} ended before it had imported {path}", said)


def _connect(options: Options) -> Callable[[str, Mapping[str, str]], Any]:
    if not options.in_process:
        return workers.kept if options.keep else workers.single
    return workers.here if options.airflow_python is None else workers.attached


def _first_answers(answers: Iterator[Any]) -> tuple[str, Record | None]:
    """The version of Airflow, and what a worker says of the Dags of the file; None if it ends."""
    version = ""
    for kind, answer in answers:
        if kind == "stale":
            break
        if kind == "versions":
            version = answer["airflow"]
        if kind == "dags":
            return version, answer
    return version, None


def _imported(answer: Record, path: str, python: str) -> dict[str, Any]:
    if answer["error"]:
        error = answer["error"].strip()
        raise DagNotImported(
            f"{path} cannot be imported: {error}\nImport it by {python} to see more; what it needs "
            "has to be installed there, or be in the folder of Dags (AIRFLOW__CORE__DAGS_FOLDER, "
            "else the folder of the file) or in one of PYTHONPATH",
            answer["printed"],
        )
    dags: dict[str, Any] = answer["dags"]
    return dags


def _dag_id(dags: dict[str, Any], task: Task, path: str) -> str:
    """The Dag that is meant."""
    if not dags:
        raise RunError(f"there is no Dag in {path}; a function with @dag has to be called")
    names = ", ".join(dags)
    dag_id = task.dag_id
    if dag_id is None:
        if len(dags) != 1:
            raise RunError(f"name one of the Dags of {path} with --dag-id (dag_id=): {names}")
        (dag_id,) = dags
    if dag_id not in dags:
        raise RunError(f"there is no Dag {dag_id!r} in {path}; it has: {names}")
    return dag_id


def _check_task_id(tasks: dict[str, Any], scope: TaskScope) -> None:
    if scope.task_id not in tasks:
        raise RunError(
            f"the Dag {scope.dag_id!r} has no task {scope.task_id!r}; it has: "
            f"{', '.join(tasks) or 'none'}"
        )


def _request(
    service: Service, scope: TaskScope, attempt: Attempt, token: str | None
) -> dict[str, Any]:
    ti = {
        **scope_document(scope),
        "id": attempt.id,
        "try_number": attempt.try_number,
        "dag_version_id": str(uuid.uuid4()),
    }
    return {
        "ti": ti,
        "token": token or attempt.token,
        "server": f"{service.url}/execution/",
        "is_deferred": False,
    }


def _warning(version: str) -> Record:
    """The warning of a version of Airflow that was never tried."""
    return {
        "timestamp": to_text(datetime.now(timezone.utc)),
        "level": "warning",
        "logger": "stateroom",
        "event": f"Airflow {version} was never tried with Stateroom, which knows "
        f"{' and '.join(TRIED)}: the task may get answers that it does not expect",
    }
