"""Task instances by what is known of them, under ``/_stateroom/tasks``."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.control import tasks as schemas
from state.store.explain import matches

from ...operation import SLOW, Operation
from ...request.parsing import query, read
from ...responses import json_answer

bp = Blueprint("tasks_api", __name__)
_QUERY = schemas.TasksQuery()
_MOST = 1000


@bp.get("/tasks")
@Operation((200, schemas.Tasks), query=schemas.TasksQuery, lane=SLOW)
def list_tasks() -> Response:
    """List the task instances that fit, those of the newest runs first."""
    (parameters,) = read(query(_QUERY))
    limit = min(parameters["limit"], _MOST)
    rows, total = matches.page(g.namespace, parameters, limit, parameters["offset"])
    problem = None
    if not total:
        problem = matches.problem(g.namespace, parameters)
    return json_answer({"tasks": rows, "total_entries": total, "problem": problem})
