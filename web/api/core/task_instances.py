"""Task instances, as people see them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g
from marshmallow import Schema

from schemas.core import task_instances as schemas
from schemas.core.store import RegionQuery
from schemas.fields.task_states import TASK_INSTANCE_STATES
from state.store.clearing import Selection, clear
from state.store.tables.scopes import PUBLIC_INDEX
from state.store.views import attempts, core_runs

from ...errors import NotEmulated
from ...operation import SLOW, Operation, route_where
from ...request.parsing import Part, body, path, query, read
from ...responses import json_answer
from ...service import page_size, rules
from ..asset_filters import order
from .lists import NO_CURSORS, NO_STATE, check, refuse_others, where
from .regions import scope_of

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
    "map_index": PUBLIC_INDEX.format(s="s"),
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
_REGIONAL_MAP_INDEX = schemas.RegionalMapIndexPath()
_REGIONAL_TRIES = schemas.RegionalTriesQuery()
_REGIONAL_MAPPED_NUMBER = schemas.RegionalMappedTryPath()
_REGION = RegionQuery()
_CLEAR = schemas.ClearTaskInstancesBody()
_NOT_CLEARED_BY = ("include_upstream", "include_downstream", "task_group_id", "note")


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


@route_where(
    bp, lambda rules: rules.clears_task_instances, "/dags/<dag_id>/clearTaskInstances", "POST"
)
@Operation(
    (200, schemas.TaskInstanceCollectionResponse),
    body=schemas.ClearTaskInstancesBody,
    also=(400, 404, 409),
    entity="task",
    lane=SLOW,
)
def post_clear_task_instances(dag_id: str) -> Response:
    """Clear task instances, so that they run again; their keys go, with ``keep_task_state`` not."""
    (asked,) = read(body(_CLEAR))
    for name in _NOT_CLEARED_BY:
        if asked.get(name):
            raise NotEmulated(f"/api/v2/dags/{{dag_id}}/clearTaskInstances with {name}")
    core_runs.require_dag(g.namespace, dag_id)
    only = None
    if asked["only_failed"] or asked["only_running"]:
        only = "failed" if asked["only_failed"] else "running"
    selection = Selection(
        dag_id,
        asked["dag_run_id"],
        past=asked["include_past"],
        future=asked["include_future"],
        start=asked["start_date"],
        end=asked["end_date"],
        tasks=asked["task_ids"],
        ids=asked["task_instance_ids"],
        only=only,
    )
    ids = clear(
        g.namespace,
        selection,
        is_dry=asked["dry_run"],
        stops_running=not asked["prevent_running_task"],
        resets_runs=asked["reset_dag_runs"],
        keeps_state=asked["keep_task_state"],
    )
    documents = attempts.by_ids(g.namespace, ids)
    return json_answer({"task_instances": documents, "total_entries": len(documents), **NO_CURSORS})


def _tries_query() -> Part:
    return query(_REGIONAL_TRIES if rules().has_regions else _TRIES)


@bp.get(f"{_TASK}/tries")
@Operation(
    (200, schemas.TaskInstanceHistoryCollectionResponse),
    query=schemas.TriesQuery,
    regional=schemas.RegionalTriesQuery,
    also=(404,),
    entity="task",
)
def get_task_instance_tries(**coordinates: str) -> Response:
    """List the attempts of a task instance, former ones first."""
    (parameters,) = read(_tries_query())
    return _tries(coordinates, parameters)


@bp.get(f"{_MAPPED}/tries")
@Operation(
    (200, schemas.TaskInstanceHistoryCollectionResponse),
    regional=RegionQuery,
    also=(404,),
    entity="task",
)
def get_mapped_task_instance_tries(map_index: str, **coordinates: str) -> Response:
    """List the attempts of a task instance by its map index, former ones first."""
    return _tries(coordinates, _read_mapped(_MAP_INDEX, _REGIONAL_MAP_INDEX, map_index=map_index))


def _read_mapped(plain: Schema, regional: Schema, **segments: str) -> dict[str, Any]:
    """The parameters of a path with a map index, and of its query where there are regions."""
    if not rules().has_regions:
        (loaded,) = read(path(plain, **segments))
        return dict(loaded)
    loaded, region = read(path(regional, **segments), query(_REGION))
    return {**loaded, **region}


def _tries(coordinates: dict[str, str], parameters: dict[str, Any]) -> Response:
    scope = scope_of(coordinates, parameters)
    found = attempts.tries(g.namespace, scope, parameters["map_index"])
    return json_answer({"task_instances": found, "total_entries": len(found)})


@bp.get(f"{_TASK}/tries/<task_try_number>")
@Operation(
    (200, _TRY),
    query=schemas.TriesQuery,
    regional=schemas.RegionalTriesQuery,
    also=(404,),
    entity="task",
)
def get_task_instance_try_details(task_try_number: str, **coordinates: str) -> Response:
    """Get an attempt of a task instance."""
    segments, parameters = read(path(_NUMBER, task_try_number=task_try_number), _tries_query())
    return _try(coordinates, {**segments, **parameters})


@bp.get(f"{_MAPPED}/tries/<task_try_number>")
@Operation((200, _TRY), regional=RegionQuery, also=(404,), entity="task")
def get_mapped_task_instance_try_details(
    map_index: str, task_try_number: str, **coordinates: str
) -> Response:
    """Get an attempt of a task instance by its map index."""
    names = {"task_try_number": task_try_number, "map_index": map_index}
    return _try(coordinates, _read_mapped(_MAPPED_NUMBER, _REGIONAL_MAPPED_NUMBER, **names))


def _try(coordinates: dict[str, str], parameters: dict[str, Any]) -> Response:
    scope = scope_of(coordinates, parameters)
    number = parameters["task_try_number"]
    return json_answer(attempts.one_try(g.namespace, scope, parameters["map_index"], number))


@bp.get(_TASK)
@Operation((200, schemas.TaskInstanceResponse), regional=RegionQuery, also=(404,), entity="task")
def get_task_instance(**coordinates: str) -> Response:
    """Get the task instance of a task that is not mapped."""
    region = {}
    if rules().has_regions:
        (region,) = read(query(_REGION))
    else:
        read()
    scope = scope_of(coordinates, {"map_index": -1, **region})
    return json_answer(attempts.unmapped(g.namespace, scope))


@bp.get(_MAPPED)
@Operation((200, schemas.TaskInstanceResponse), regional=RegionQuery, also=(404,), entity="task")
def get_mapped_task_instance(map_index: str, **coordinates: str) -> Response:
    """Get a task instance by its map index."""
    parameters = _read_mapped(_MAP_INDEX, _REGIONAL_MAP_INDEX, map_index=map_index)
    scope = scope_of(coordinates, parameters)
    return json_answer(attempts.mapped(g.namespace, scope, parameters["map_index"]))
