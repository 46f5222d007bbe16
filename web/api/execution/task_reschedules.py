"""When a sensor in reschedule mode began to wait."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution.task_instances import TaskInstancePath
from state.model.clock import to_wire
from state.store.tables import task_reschedules

from ...operation import Operation
from ...request.parsing import path, read
from ...responses import json_answer

bp = Blueprint("task_reschedules", __name__, url_prefix="/task-reschedules")
_PATH = TaskInstancePath()


@bp.get("/<task_instance_id>/start_date")
@Operation((200, {"type": ["string", "null"], "format": "date-time"}))
def get_start_date(task_instance_id: str) -> Response:
    """Get the start of the first run of an attempt that was rescheduled; null if none was."""
    (place,) = read(path(_PATH, task_instance_id=task_instance_id))
    moment = task_reschedules.first_start(g.namespace, place["task_instance_id"])
    if moment is not None:
        moment = to_wire(moment)
    return json_answer(moment)
