"""Task instances, as people see them."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas import core as schemas
from state.store.views import attempts

from ...operation import Operation
from ...request.parsing import path, read
from ...responses import json_answer

bp = Blueprint("task_instances", __name__)
_TASK = "/dags/<dag_id>/dagRuns/<run_id>/taskInstances/<task_id>"
_MAP_INDEX = schemas.MapIndexPath()
_OTHERS = "dependencies, dry_run, links, listMapped, tries, xcomEntries"


@bp.get(_TASK)
@Operation((200, schemas.TaskInstanceResponse), also=(404,), entity="task")
def get_task_instance(dag_id: str, run_id: str, task_id: str) -> Response:
    """Get the task instance of a task that is not mapped."""
    read()
    return json_answer(attempts.unmapped(g.namespace, dag_id, run_id, task_id))


@bp.get(f"{_TASK}/<other({_OTHERS}):map_index>")
@Operation((200, schemas.TaskInstanceResponse), also=(404,), entity="task")
def get_mapped_task_instance(dag_id: str, run_id: str, task_id: str, map_index: str) -> Response:
    """Get a task instance by its map index."""
    (segments,) = read(path(_MAP_INDEX, map_index=map_index))
    index = segments["map_index"]
    return json_answer(attempts.mapped(g.namespace, dag_id, run_id, task_id, index))
