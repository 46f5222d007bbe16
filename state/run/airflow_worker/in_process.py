"""A run in this process, without a supervisor, so that a debugger stops in the task."""

from __future__ import annotations

import traceback
from typing import Any

from . import dags, triggers
from .supervised import configure_logging as configure_logging


def inspect(job: dict[str, Any]) -> dict[str, Any]:
    """The Dags of the job's file, imported here."""
    return {**dags.facts(job["dag_file"]), "printed": ""}


def run(job: dict[str, Any], request: dict[str, Any], answers: Any) -> dict[str, Any]:
    """Run the task and return its state."""
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import TaskInstance
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

    ti = TaskInstance(**request["ti"])
    client = Client(base_url=request["server"], token=request["token"])
    try:
        task = dags.bag(job["dag_file"]).dags[ti.dag_id].get_task(ti.task_id)
        result = InProcessTestSupervisor.start(what=ti, task=task, client=client)
    except Exception as error:
        return {"state": None, "error": "".join(traceback.format_exception_only(error))}
    finally:
        client.close()
    return {"state": result.state.value, "error": None}


def run_trigger(job: dict[str, Any], request: dict[str, Any], answers: Any) -> dict[str, Any]:
    """Run a trigger to its first event."""
    return triggers.run(job, request)
