"""A run as an executor's worker does it: a supervisor here, the task in a process of its own."""

from __future__ import annotations

import os
import traceback
from typing import Any

from . import dags, triggers
from .answers import Answers

inspect = dags.inspected
run_trigger = triggers.run_isolated


def configure_logging(answers: Answers) -> None:
    from airflow.sdk import log

    log.configure_logging(json_output=True, output=answers)


def run(job: dict[str, Any], request: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """Run the task; the exit status says nothing of its state, which the log tells."""
    try:
        from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
        from airflow.sdk.execution_time.supervisor import supervise_task

        supervise_task(
            ti=TaskInstance(**request["ti"]),
            bundle_info=BundleInfo(name=dags.BUNDLE, version=None),
            dag_rel_path=os.path.relpath(job["dag_file"], job["bundle"]),
            token=request["token"],
            server=request["server"],
            log_path=None,
        )
    except Exception as error:
        return {"state": None, "error": "".join(traceback.format_exception_only(error))}
    return {"state": None, "error": None}
