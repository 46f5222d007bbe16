"""Dags, as people see them."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.core import dags as schemas
from state.store.views import dags

from ...operation import SLOW, Operation
from ...request.parsing import query, read
from ...responses import json_answer
from ...service import page_size
from ..asset_filters import order
from .lists import refuse_others, where

bp = Blueprint("dags", __name__)
_DAGS = schemas.DagsQuery()
_PATH = "/api/v2/dags"
_COLUMNS = {"paused": "is_paused", "is_stale": "is_stale"}
_SORTABLE = {
    "dag_id": "dag_id",
    "dag_display_name": "dag_id",
    "next_dagrun": "next_dagrun",
}
_OTHERS = """tags tags_match_mode owners dag_id_pattern dag_id_prefix_pattern
    dag_display_name_pattern dag_display_name_prefix_pattern has_import_errors last_dag_run_state
    bundle_name bundle_version has_asset_schedule asset_dependency dag_run_start_date_gte
    dag_run_start_date_gt dag_run_start_date_lte dag_run_start_date_lt dag_run_end_date_gte
    dag_run_end_date_gt dag_run_end_date_lte dag_run_end_date_lt dag_run_state is_favorite
    timetable_type"""


@bp.get("/dags")
@Operation(
    (200, schemas.DAGCollectionResponse),
    query=schemas.DagsQuery,
    also=(400,),
    entity="task",
    lane=SLOW,
)
def get_dags() -> Response:
    """List a page of the Dags: those that are not stale, unless ``exclude_stale=false``."""
    refuse_others(_DAGS, _OTHERS, _PATH)
    (parameters,) = read(query(_DAGS, several=("order_by",)))
    filters = dict(parameters)
    if parameters["exclude_stale"]:
        filters["is_stale"] = False
    documents, total = dags.page(
        g.namespace,
        where(filters, _COLUMNS),
        order(parameters["order_by"], _SORTABLE, "dag_id"),
        page_size(parameters),
        parameters["offset"],
    )
    return json_answer({"dags": documents, "total_entries": total})


@bp.get("/dags/<dag_id>")
@Operation((200, schemas.DAGResponse), also=(404,), entity="task")
def get_dag(dag_id: str) -> Response:
    """Get a Dag."""
    read()
    return json_answer(dags.in_core(g.namespace, dag_id))
