"""The life of a task instance, as its worker reports it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas import execution as schemas
from state.store.tables import task_instances

from ...operation import NO_BODY, Operation
from ...request.parsing import body, path, read
from ...responses import NO_CONTENT
from ...service import setting

bp = Blueprint("task_instances", __name__, url_prefix="/task-instances")
_PATH = schemas.TaskInstancePath()


@bp.patch("/<task_instance_id>/state")
@Operation(
    NO_BODY,
    body=tuple(map(type, schemas.TI_STATE_UPDATE.values())),
    also=(200, 409),
    state_op="state",
)
def ti_update_state(task_instance_id: str) -> Any:
    """Take a task instance's new state; its success may drop its keys (``clear_on_success``)."""
    segments, update = read(
        path(_PATH, task_instance_id=task_instance_id), body(schemas.TI_STATE_UPDATE)
    )
    ti_id = segments["task_instance_id"]
    delay = update.get("retry_delay_seconds")
    changed = task_instances.set_state(
        g.namespace, ti_id, update["state"], setting("clear_on_success"), g.writer, delay
    )
    return NO_CONTENT if changed else Response(status=200)
