"""What tasks ask about task instances, other ones and their own."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution import task_queries as schemas
from schemas.execution.task_instances import TaskInstancePath
from state.store.views import dag_runs, task_instances

from ...operation import Operation, or_null
from ...request.parsing import path, query, read
from ...responses import json_answer

bp = Blueprint("task_queries", __name__, url_prefix="/task-instances")
_PATH = TaskInstancePath()
_COUNTED = schemas.TaskInstanceCountQuery()
_STATES = schemas.TaskInstanceStatesQuery()
_PREVIOUS = schemas.PreviousTIQuery()
_RUN = schemas.BreadcrumbsQuery()
_SUCCESSFUL = schemas.PrevSuccessfulDagRunResponse()
_LISTS = ("task_ids", "logical_dates", "run_ids", "states")


@bp.get("/count")
@Operation((200, {"type": "integer"}), query=schemas.TaskInstanceCountQuery, also=(404,))
def get_task_instance_count() -> Response:
    """Count the task instances of a Dag, of some tasks, runs, dates or states."""
    (filters,) = read(query(_COUNTED, several=_LISTS))
    return json_answer(task_instances.count(g.namespace, filters))


@bp.get("/states")
@Operation((200, schemas.TaskStatesResponse), query=schemas.TaskInstanceStatesQuery, also=(404,))
def get_task_instance_states() -> Response:
    """Get the states of the task instances of a Dag, of some tasks, runs or dates."""
    (filters,) = read(query(_STATES, several=_LISTS))
    return json_answer({"task_states": task_instances.states(g.namespace, filters)})


@bp.get("/previous/<dag_id>/<task_id>")
@Operation((200, or_null(schemas.PreviousTIResponse)), query=schemas.PreviousTIQuery)
def get_previous_task_instance(dag_id: str, task_id: str) -> Response:
    """Get the last task instance of a task before a logical date; null if there is none."""
    (asked,) = read(query(_PREVIOUS))
    return json_answer(task_instances.previous(g.namespace, dag_id, task_id, **asked))


@bp.get("/breadcrumbs")
@Operation((200, schemas.TaskBreadcrumbsResponse), query=schemas.BreadcrumbsQuery)
def get_task_instance_breadcrumbs() -> Response:
    """List the task instances of a run that have ended, with their durations."""
    (asked,) = read(query(_RUN))
    crumbs = task_instances.breadcrumbs(g.namespace, asked["dag_id"], asked["run_id"])
    return json_answer({"breadcrumbs": crumbs})


@bp.get("/<task_instance_id>/previous-successful-dagrun")
@Operation((200, schemas.PrevSuccessfulDagRunResponse))
def get_previous_successful_dagrun(task_instance_id: str) -> Response:
    """Get the last successful run before that of a task instance."""
    (place,) = read(path(_PATH, task_instance_id=task_instance_id))
    run = dag_runs.previous_successful(g.namespace, place["task_instance_id"])
    return json_answer(_SUCCESSFUL.dump(run))


@bp.get("/<task_instance_id>/validate-inlets-and-outlets")
@Operation((200, schemas.InactiveAssetsResponse), also=(404,))
def validate_inlets_and_outlets(task_instance_id: str) -> Response:
    """List the inlets and outlets of a task that are not active assets."""
    (place,) = read(path(_PATH, task_instance_id=task_instance_id))
    inactive = task_instances.inactive_assets(g.namespace, place["task_instance_id"])
    return json_answer({"inactive_assets": inactive})
