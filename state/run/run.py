"""Run one task instance of a Dag file, and tell what came of it."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..client.http import StateroomClient
from ..model.scopes import RUN_ID, TaskScope, scope_document
from . import attempts, workers
from .airflow_worker.here import Here
from .errors import DagNotImported, RunError
from .workers import Job

IMPORT_TIMEOUT = 30.0  # seconds; as [core] dagbag_import_timeout
_CREATE = "/_stateroom/task-instances"
_FIXTURE = "/_stateroom/fixture"
_ASSETS = "/_stateroom/assets"
_ENTRIES = ("task_state_store", "asset_state_store")
_FAILED = ("failed", "up_for_retry")
Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A task instance to run.

    :param dag_file: the path of the Dag file.
    :param dag_id: None if the file has one Dag only.
    :param conf: of the Dag run.
    :param xcoms: what other tasks of the run returned, by their ids.
    :param variables: by their keys.
    :param connections: URIs or JSON texts, by their ids.
    :param try_number: None for the next attempt.
    """

    dag_file: str
    task_id: str
    dag_id: str | None = None
    run_id: str = RUN_ID
    map_index: int = -1
    try_number: int | None = None
    conf: Mapping[str, Any] | None = None
    xcoms: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    connections: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """How a task is run.

    :param variables: the environment of the task's process.
    :param airflow_python: the Python of an Airflow environment; None for this one.
    :param keep: use a worker process that is kept for the next run.
    :param trigger: run the trigger of a task that defers itself, and then the task again.
    :param in_process: run the task without a supervisor, for a debugger: in this process, or, with
        ``airflow_python``, in one of that environment with this one's terminal.
    :param import_timeout: seconds that the Dag file may take.
    :param on_record: called with each record of the log, as it comes.
    """

    variables: Mapping[str, str]
    airflow_python: str | None = None
    keep: bool = True
    trigger: bool = True
    in_process: bool = False
    import_timeout: float = IMPORT_TIMEOUT
    on_record: Callable[[Record], None] = lambda record: None


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    :param state: the final state of the attempt, such as ``success`` or ``up_for_retry``.
    :param log: the records of supervisor and task, each with ``timestamp``, ``level`` and
        ``event``.
    :param error: what the task raised, with its traceback as text; None if it raised nothing.
    :param xcoms: what the task instance has pushed, by key.
    :param changes: the keys that changed: their values before and after, by scope and key; None
        stands for no value.
    """

    scope: TaskScope
    try_number: int
    ti_id: str
    state: str
    log: list[Record]
    error: str | None
    xcoms: dict[str, Any]
    changes: dict[tuple[str, str], tuple[Any, Any]]


def run(client: StateroomClient, token: str | None, task: Task, options: Options) -> Outcome:
    """Register a task instance and run it to its end by Airflow's supervisor.

    :param client: of the namespace, as an admin.
    :param token: of the worker; None for the one that the service gives.
    :raises RunError: if it cannot be run.
    """
    python = workers.python_of(options.airflow_python, options.in_process)
    path = os.path.abspath(task.dag_file)
    if not os.path.isfile(path):
        raise DagNotImported(f"there is no Dag file {path}")
    variables = _environment(path, options.variables)
    log: list[Record] = []

    def record(item: Record) -> None:
        log.append(item)
        options.on_record(item)

    with _job(python, variables, path, options) as (job, dags):
        dag_id, facts = _chosen(dags, task, path)
        scope = TaskScope(dag_id, task.run_id, task.task_id, task.map_index)
        attempt = _register(client, scope, task, facts)
        before = _entries(_contents(client))
        request = _request(client, scope, attempt, token)
        if facts["deferral"] is not None:
            attempts.defer(client, request, facts["deferral"])
            request["is_deferred"] = True
        state = attempts.run_to_end(client, job, request, options.trigger, record)
    after = _contents(client)
    return Outcome(
        scope,
        attempt["try_number"],
        attempt["id"],
        state,
        log,
        _error(state, log),
        _xcoms(after, scope),
        _changes(before, _entries(after)),
    )


def _environment(path: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a worker: no example Dags, no metadata database, the file's folder as the
    bundle.
    """
    bundle = (
        '[{"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.'
        f'LocalDagBundle", "kwargs": {{"path": "{os.path.dirname(path)}"}}}}]'
    )
    home = variables.get("AIRFLOW_HOME") or workers.private_folder(variables) / "airflow"
    return {
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # else a run may take five seconds more
        "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "3",  # else 60, if the task leaves a process
        **variables,
        "AIRFLOW_HOME": str(home),  # whose plugins are imported: nobody else may put any there
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        workers.BUNDLES: bundle,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
    }


@contextmanager
def _job(
    python: str, variables: dict[str, str], path: str, options: Options
) -> Iterator[tuple[Job | Here, dict[str, Any]]]:
    """A worker that has imported the Dag file, and the Dags of the file."""
    request = {
        "variables": variables,
        "cwd": os.getcwd(),
        "dag_file": path,
        "import_timeout": options.import_timeout,
    }
    connect = _connect(options)
    for _ in range(3):  # a kept worker may be stale, or just ending
        with connect(python, variables) as job:
            job.send(request)
            for kind, answer in job.answers():
                if kind == "stale":
                    break
                if kind == "dags":
                    yield job, _imported(answer, path)
                    return
            said = job.said()
    raise RunError(f"the worker in {python} ended before it had imported {path}; it said: {said}")


def _connect(options: Options) -> Callable[[str, Mapping[str, str]], Any]:
    if not options.in_process:
        return workers.kept if options.keep else workers.single
    return workers.here if options.airflow_python is None else workers.attached


def _imported(answer: Record, path: str) -> dict[str, Any]:
    if answer["error"]:
        error = answer["error"].strip()
        raise DagNotImported(f"{path} cannot be imported: {error}", answer["printed"])
    dags: dict[str, Any] = answer["dags"]
    return dags


def _chosen(dags: dict[str, Any], task: Task, path: str) -> tuple[str, dict[str, Any]]:
    """The Dag that is meant, and the facts of its task."""
    names = ", ".join(dags) or "none"
    dag_id = task.dag_id
    if dag_id is None:
        if len(dags) != 1:
            raise RunError(f"name one of the Dags of {path} with --dag-id: {names}")
        (dag_id,) = dags
    if dag_id not in dags:
        raise RunError(f"there is no Dag {dag_id!r} in {path}; it has: {names}")
    tasks: dict[str, Any] = dags[dag_id]["tasks"]
    if task.task_id not in tasks:
        raise RunError(
            f"the Dag {dag_id!r} has no task {task.task_id!r}; it has: {', '.join(tasks) or 'none'}"
        )
    return dag_id, tasks[task.task_id]


def _register(
    client: StateroomClient, scope: TaskScope, task: Task, facts: dict[str, Any]
) -> dict[str, Any]:
    """Create the attempt, queued, with its run and what it needs; its id, token and number."""
    body = {**scope_document(scope)}
    if task.try_number is not None:
        body["try_number"] = task.try_number
    attempt: dict[str, Any] = client.call("POST", _CREATE, json=body).json()
    document = {
        "dag_runs": [_dag_run(scope, task.conf)],
        "task_instances": [
            {
                **scope_document(scope),
                "id": attempt["id"],
                "try_number": attempt["try_number"],
                "max_tries": facts["retries"],
                "state": "queued" if facts["deferral"] is None else "running",
            }
        ],
    }
    for asset in _assets(facts):
        client.call("POST", _ASSETS, json=asset)
    client.call("PUT", _FIXTURE, json=document)
    return attempt


def _assets(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The assets that a task names as its inlets and outlets."""
    return [
        {"name": asset["name"], "uri": asset["uri"]}
        for asset in (*facts["inlets"], *facts["outlets"])
        if asset["type"] == "Asset"
    ]


def _dag_run(scope: TaskScope, conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """The Dag run; its logical date is the one in its id."""
    run: dict[str, Any] = {"dag_id": scope.dag_id, "run_id": scope.run_id, "state": "running"}
    moment = scope.run_id.partition("__")[2]
    try:
        datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        moment = ""
    if moment:
        for name in ("logical_date", "data_interval_start", "data_interval_end", "start_date"):
            run[name] = moment
    if conf is not None:
        run["conf"] = dict(conf)
    return run


def _request(
    client: StateroomClient, scope: TaskScope, attempt: dict[str, Any], token: str | None
) -> dict[str, Any]:
    ti = {
        **scope_document(scope),
        "id": attempt["id"],
        "try_number": attempt["try_number"],
        "dag_version_id": str(uuid.uuid4()),
    }
    return {
        "ti": ti,
        "token": token or attempt["token"],
        "server": f"{client.url}/execution/",
        "is_deferred": False,
    }


def _contents(client: StateroomClient) -> dict[str, Any]:
    """The contents of the namespace, as a fixture document."""
    document: dict[str, Any] = client.call("GET", _FIXTURE).json()
    return document


def _xcoms(document: dict[str, Any], scope: TaskScope) -> dict[str, Any]:
    """What a task instance has pushed, by key."""
    place = scope_document(scope)
    return {
        row["key"]: row["value"]
        for row in document.get("xcoms", [])
        if all(row.get(name) == place[name] for name in place)
    }


def _entries(document: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Every value of the namespace, by scope and key."""
    return {(_label(row), row["key"]): row["value"] for name in _ENTRIES for row in document[name]}


def _label(row: Record) -> str:
    if "asset" in row:
        return f"asset {row['asset']}"
    index = "" if row["map_index"] == -1 else f"[{row['map_index']}]"
    return f"{row['dag_id']}/{row['task_id']}{index}"


def _changes(
    before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any]
) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        key: (before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }


def _error(state: str, log: list[Record]) -> str | None:
    """Why an attempt failed: the exception that was logged last, or how its process ended."""
    if state not in _FAILED:
        return None
    for record in reversed(log):
        if record.get("error_detail"):
            return _traceback(record["error_detail"])
        if record.get("exit_code"):
            return _exit(record["exit_code"])
    return None


def _exit(code: int) -> str:
    """How the process of a task ended; a negative code is that of a signal."""
    if code > 0:
        return f"the process of the task ended with status {code}"
    reason = ""
    if code == -signal.SIGKILL:
        reason = ", as the kernel does where memory is short"
    return f"the process of the task was killed by {signal.Signals(-code).name}{reason}"


def _traceback(details: list[Record]) -> str:
    """A task's exception with its causes, the last one at the end, as Python prints them."""
    parts = []
    for detail in reversed(details):
        lines = ["Traceback (most recent call last):"]
        for frame in _own_frames(detail.get("frames", [])):
            place = f'File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
            lines.append(f"  {place}")
        lines.append(f"{detail['exc_type']}: {detail['exc_value']}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _own_frames(frames: list[Record]) -> list[Record]:
    """The frames from the first one that is not Airflow's; all of them if all are Airflow's."""
    for index, frame in enumerate(frames):
        if "-packages/airflow/" not in frame["filename"]:
            return frames[index:]
    return frames
