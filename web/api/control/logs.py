"""The logs of attempts, under ``/_stateroom/task-instances``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.control import logs as schemas
from schemas.execution.task_instances import TaskInstancePath
from state.store.journal import task_logs

from ...operation import NO_BODY, SLOW, Operation
from ...request.parsing import body, path, read
from ...responses import NO_CONTENT, json_answer

bp = Blueprint("logs_api", __name__)
_LOG = "/task-instances/<task_instance_id>/log"
_PATH = TaskInstancePath()
_BODY = schemas.LogBody()


@bp.post(_LOG)
@Operation(NO_BODY, body=schemas.LogBody, lane=SLOW)
def add_log(task_instance_id: str) -> Any:
    """Add records to the log of an attempt, current or former; the oldest ones above 1 MiB or 5,000
    records are deleted, and what is too long in one is cut.
    """
    segments, log = read(path(_PATH, task_instance_id=task_instance_id), body(_BODY))
    ti_id = segments["task_instance_id"]
    namespace = g.namespace
    task_logs.add(namespace.database, namespace.ns, ti_id, log["records"], log["left_out"])
    return NO_CONTENT


@bp.get(_LOG)
@Operation((200, schemas.Log), lane=SLOW)
def get_log(task_instance_id: str) -> Response:
    """Get the log of an attempt; an unknown one has an empty log."""
    (segments,) = read(path(_PATH, task_instance_id=task_instance_id))
    ti_id = segments["task_instance_id"]
    log = task_logs.log_of(g.namespace.database, g.namespace.ns, ti_id)
    return json_answer({"records": log.records, "left_out": log.left_out})
