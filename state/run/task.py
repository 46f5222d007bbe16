"""What is run, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.scopes import RUN_ID, TaskScope

Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A task instance to run.

    :param dag_file: the path of the Dag file.
    :param dag_id: None if the file has one Dag only.
    :param conf: of the Dag run.
    :param xcoms: what other tasks of the run returned, by their ids; of a mapped task a list,
        which replaces what it returned before, with None where it returned nothing.
    :param variables: by their keys; a value that is no string is stored as JSON, as Airflow does.
    :param connections: URIs, JSON texts or the members of a connection, by their ids.
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
    variables: Mapping[str, Any] = field(default_factory=dict)
    connections: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """How a task is run.

    :param variables: the environment of the task's process.
    :param airflow_python: the Python of an Airflow environment; None for this one.
    :param keep: use a worker process that is kept for the next run.
    :param trigger: run the trigger of a task that defers itself, and then the task again.
    :param in_process: run the task without a supervisor, for a debugger: in this process, or, with
        ``airflow_python``, in one of that environment with this one's terminal.
    :param import_timeout: seconds that the Dag file may take; None for Airflow's
        ``[core] dagbag_import_timeout``, in the environment or in airflow.cfg.
    :param on_record: called with each record of the log, as it comes; None for nobody.
    :param on_attempt: called with the task instance and the id of its attempt, before it runs.
    """

    variables: Mapping[str, str]
    airflow_python: str | None = None
    keep: bool = True
    trigger: bool = True
    in_process: bool = False
    import_timeout: float | None = None
    on_record: Callable[[Record], None] | None = None
    on_attempt: Callable[[TaskScope, str], None] = lambda scope, ti_id: None
