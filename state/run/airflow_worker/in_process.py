"""A run in this process, without a supervisor, so that a debugger stops in the task."""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from typing import Any

from . import dags, triggers
from .capture import captured

_OF_TASK = ("dag_id", "run_id", "task_id", "map_index", "try_number")


def inspect(job: dict[str, Any]) -> dict[str, Any]:
    """The Dags of the job's file, imported here."""
    with captured(lambda record: None):
        return {**dags.facts(job), "printed": ""}


def configure_logging(answers: Any) -> None:
    """Leave the terminal to the task and the debugger."""
    logging.getLogger().handlers.clear()


def run(job: dict[str, Any], request: dict[str, Any], answers: Any) -> dict[str, Any]:
    """Run the task and return its state.

    :param answers: has ``record``, which is called with each record of the log.
    """
    import structlog

    ti = request["ti"]
    facts = {"ti_id": ti["id"], **{name: ti[name] for name in _OF_TASK}}
    with captured(answers.record), structlog.contextvars.bound_contextvars(**facts):
        return _run(job, request)


def _run(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import TaskInstance
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

    ti = TaskInstance(**request["ti"])
    client = Client(base_url=request["server"], token=request["token"])
    former = signal.getsignal(signal.SIGTERM)
    try:
        task = dags.bag(job).dags[ti.dag_id].get_task(ti.task_id)
        result = InProcessTestSupervisor.start(what=ti, task=task, client=client)
    except Exception as error:
        return {"state": None, "error": "".join(traceback.format_exception_only(error))}
    finally:
        client.close()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, former)  # the task runner sets a handler of its own
    return {"state": result.state.value, "error": None}


def run_trigger(job: dict[str, Any], request: dict[str, Any], answers: Any) -> dict[str, Any]:
    """Run a trigger to its first event."""
    with captured(answers.record):
        return triggers.run(job, request)
