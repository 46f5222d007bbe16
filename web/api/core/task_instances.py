"""Task instances, as people see them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.core import task_instances as schemas
from schemas.fields.task_states import TASK_INSTANCE_STATES
from state.store.views import attempts

from ...operation import SLOW, Operation
from ...request.parsing import path, query, read
from ...responses import json_answer
from ...service import page_size
from ..asset_filters import order
from .lists import NO_CURSORS, NO_STATE, check, refuse_others, where

bp = Blueprint("task_instances", __name__)
_TASK = "/dags/<dag_id>/dagRuns/<run_id>/taskInstances/<task_id>"
_OTHERS = "dependencies, dry_run, links, listMapped, tries, xcomEntries"
_MAPPED = f"{_TASK}/<other({_OTHERS}):map_index>"
_TASKS = _TASK.removesuffix("/<task_id>")
_LIST = schemas.TaskInstancesQuery()
_MAPPED_LIST = schemas.MappedTaskInstancesQuery()
_TRIES = schemas.TriesQuery()
_NUMBER = schemas.TryPath()
_MAPPED_NUMBER = schemas.MappedTryPath()
_TRY = {"type": "object"}
_COLUMNS = {
    "dag_id": "r.dag_id",
    "run_id": "r.run_id",
    "task_id": "s.task_id",
    "run_after": "r.run_after",
    "logical_date": "r.logical_date",
    "state": "coalesce(t.state, 'none')",
}
# the label, and among equal ones the map index
_LABEL = "ifnull(t.rendered_map_index, '') || char(0) || printf('%020d', s.map_index)"
_SORTABLE = {
    "id": "t.id",
    "state": "t.state",
    "duration": "julianday(t.end_date) - julianday(t.start_date)",
    "start_date": "t.start_date",
    "end_date": "t.end_date",
    "map_index": "s.map_index",
    "try_number": "t.try_number",
    "logical_date": "r.logical_date",
    "run_after": "r.run_after",
    "data_interval_start": "r.data_interval_start",
    "data_interval_end": "r.data_interval_end",
    "rendered_map_index": _LABEL,
    "operator": "NULL",
}
_UNKNOWN = """cursor start_date_gte start_date_gt start_date_lte start_date_lt end_date_gte
    end_date_gt end_date_lte end_date_lt updated_at_gte updated_at_gt updated_at_lte updated_at_lt
    duration_gte duration_gt duration_lte duration_lt task_display_name_pattern
    task_display_name_prefix_pattern task_group_id dag_id_pattern run_id_pattern pool
    pool_name_pattern pool_name_prefix_pattern queue queue_name_pattern queue_name_prefix_pattern
    executor version_number try_number operator operator_name_pattern operator_name_prefix_pattern
    map_index rendered_map_index_pattern rendered_map_index_prefix_pattern"""
_MAP_INDEX = schemas.MapIndexPath()


def _page(schema: schemas.TaskInstancesQuery, path: str, **coordinates: Any) -> Response:
    refuse_others(schema, _UNKNOWN, f"/api/v2{path}")
    check("state", TASK_INSTANCE_STATES, none=NO_STATE)
    (parameters,) = read(query(schema, several=("state", "order_by")))
    attempts.require(g.namespace, coordinates)
    documents, total = attempts.page(
        g.namespace,
        coordinates,
        where(parameters, _COLUMNS),
        order(parameters["order_by"], _SORTABLE, "t.id"),
        page_size(parameters),
        parameters["offset"],
    )
    return json_answer({"task_instances": documents, "total_entries": total, **NO_CURSORS})


@bp.get(_TASKS)
@Operation(
    (200, schemas.TaskInstanceCollectionResponse),
    query=schemas.TaskInstancesQuery,
    also=(400, 404),
    entity="task",
    lane=SLOW,
)
def get_task_instances(dag_id: str, run_id: str) -> Response:
    """List a page of the task instances of a run; ``~`` stands for all Dags, and all runs."""
    return _page(_LIST, _TASKS, dag_id=dag_id, run_id=run_id)


@bp.get(f"{_TASK}/listMapped")
@Operation(
    (200, schemas.TaskInstanceCollectionResponse),
    query=schemas.MappedTaskInstancesQuery,
    also=(400, 404),
    entity="task",
    lane=SLOW,
)
def get_mapped_task_instances(dag_id: str, run_id: str, task_id: str) -> Response:
    """List a page of the task instances of a mapped task."""
    place = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id}
    return _page(_MAPPED_LIST, f"{_TASK}/listMapped", **place)


@bp.get(f"{_TASK}/tries")
@Operation(
    (200, schemas.TaskInstanceHistoryCollectionResponse),
    query=schemas.TriesQuery,
    also=(404,),
    entity="task",
)
def get_task_instance_tries(**coordinates: str) -> Response:
    """List the attempts of a task instance, former ones first."""
    (parameters,) = read(query(_TRIES))
    return _tries(coordinates, parameters["map_index"])


@bp.get(f"{_MAPPED}/tries")
@Operation((200, schemas.TaskInstanceHistoryCollectionResponse), also=(404,), entity="task")
def get_mapped_task_instance_tries(map_index: str, **coordinates: str) -> Response:
    """List the attempts of a task instance by its map index, former ones first."""
    (segments,) = read(path(_MAP_INDEX, map_index=map_index))
    return _tries(coordinates, segments["map_index"])


def _tries(coordinates: dict[str, str], map_index: int) -> Response:
    found = attempts.tries(g.namespace, **coordinates, map_index=map_index)
    return json_answer({"task_instances": found, "total_entries": len(found)})


@bp.get(f"{_TASK}/tries/<task_try_number>")
@Operation((200, _TRY), query=schemas.TriesQuery, also=(404,), entity="task")
def get_task_instance_try_details(task_try_number: str, **coordinates: str) -> Response:
    """Get an attempt of a task instance."""
    segments, parameters = read(path(_NUMBER, task_try_number=task_try_number), query(_TRIES))
    number = segments["task_try_number"]
    return json_answer(
        attempts.one_try(
            g.namespace, **coordinates, map_index=parameters["map_index"], number=number
        )
    )


@bp.get(f"{_MAPPED}/tries/<task_try_number>")
@Operation((200, _TRY), also=(404,), entity="task")
def get_mapped_task_instance_try_details(
    map_index: str, task_try_number: str, **coordinates: str
) -> Response:
    """Get an attempt of a task instance by its map index."""
    names = {"task_try_number": task_try_number, "map_index": map_index}
    (segments,) = read(path(_MAPPED_NUMBER, **names))
    index = segments["map_index"]
    number = segments["task_try_number"]
    return json_answer(attempts.one_try(g.namespace, **coordinates, map_index=index, number=number))


@bp.get(_TASK)
@Operation((200, schemas.TaskInstanceResponse), also=(404,), entity="task")
def get_task_instance(dag_id: str, run_id: str, task_id: str) -> Response:
    """Get the task instance of a task that is not mapped."""
    read()
    return json_answer(attempts.unmapped(g.namespace, dag_id, run_id, task_id))


@bp.get(_MAPPED)
@Operation((200, schemas.TaskInstanceResponse), also=(404,), entity="task")
def get_mapped_task_instance(dag_id: str, run_id: str, task_id: str, map_index: str) -> Response:
    """Get a task instance by its map index."""
    (segments,) = read(path(_MAP_INDEX, map_index=map_index))
    index = segments["map_index"]
    return json_answer(attempts.mapped(g.namespace, dag_id, run_id, task_id, index))
