"""Dag runs, as people see them."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.core import dag_runs as schemas
from state.store.views import core_runs

from ...operation import SLOW, Operation
from ...request.parsing import query, read
from ...responses import json_answer
from ...service import page_size
from ..asset_filters import order
from .lists import NO_CURSORS, check, refuse_others, where

bp = Blueprint("dag_runs", __name__)
_RUNS = schemas.DagRunsQuery()
_PATH = "/api/v2/dags/{dag_id}/dagRuns"
_STATES = ("queued", "running", "success", "failed")
_TYPES = (
    *("backfill", "scheduled", "manual", "operator_triggered", "asset_triggered"),
    "asset_materialization",
)
_COLUMNS = {
    "dag_id": "r.dag_id",
    "run_id": "r.run_id",
    "run_after": "r.run_after",
    "logical_date": "r.logical_date",
    "run_type": "r.run_type",
    "state": "r.state",
}
_SORTABLE = {
    **{
        name: f"r.{name}"
        for name in (
            *("state", "dag_id", "run_id", "logical_date", "run_after", "start_date"),
            *("end_date", "conf"),
        )
    },
    "id": "r.run_pk",
    "dag_run_id": "r.run_id",
    "duration": "julianday(r.end_date) - julianday(r.start_date)",
}
_OTHERS = """partition_date_gte partition_date_lte cursor start_date_gte start_date_gt
    start_date_lte start_date_lt end_date_gte end_date_gt end_date_lte end_date_lt duration_gte
    duration_gt duration_lte duration_lt updated_at_gte updated_at_gt updated_at_lte updated_at_lt
    conf_contains dag_version bundle_version run_id_pattern triggering_user_name_pattern
    triggering_user_name_prefix_pattern dag_id_pattern partition_key_pattern
    partition_key_prefix_pattern consuming_asset_pattern"""


@bp.get("/dags/<dag_id>/dagRuns")
@Operation(
    (200, schemas.DAGRunCollectionResponse),
    query=schemas.DagRunsQuery,
    also=(400, 404),
    entity="task",
    lane=SLOW,
)
def get_dag_runs(dag_id: str) -> Response:
    """List a page of the runs of a Dag, or with ``~`` of all Dags."""
    refuse_others(_RUNS, _OTHERS, _PATH)
    check("run_type", _TYPES)
    check("state", _STATES)
    (parameters,) = read(query(_RUNS, several=("run_type", "state", "order_by")))
    if dag_id != "~":
        core_runs.require_dag(g.namespace, dag_id)
    documents, total = core_runs.page(
        g.namespace,
        None if dag_id == "~" else dag_id,
        where(parameters, _COLUMNS),
        order(parameters["order_by"], _SORTABLE, "r.run_pk"),
        page_size(parameters),
        parameters["offset"],
    )
    return json_answer({"dag_runs": documents, "total_entries": total, **NO_CURSORS})


@bp.get("/dags/<dag_id>/dagRuns/<run_id>")
@Operation((200, schemas.DAGRunResponse), also=(404,), entity="task")
def get_dag_run(dag_id: str, run_id: str) -> Response:
    """Get a dag run."""
    read()
    return json_answer(core_runs.dag_run(g.namespace, dag_id, run_id))
