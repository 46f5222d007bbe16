"""Dag runs, as tasks ask for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g

from schemas.execution import dag_runs as schemas
from state.store.views import dag_runs

from ...operation import Operation, or_null
from ...request import version
from ...request.parsing import query, read
from ...responses import json_answer
from . import older_clients

bp = Blueprint("dag_runs", __name__, url_prefix="/dag-runs")
_LISTS = ("logical_dates", "run_ids", "states")
_COUNTED = schemas.DagRunsQuery()
_PREVIOUS = schemas.PreviousDagRunQuery()
_PREVIOUS_BY_PATH = schemas.PreviousRunQuery()


@bp.get("/count")
@Operation((200, {"type": "integer"}), query=schemas.DagRunsQuery)
def get_dr_count() -> Response:
    """Count the runs of a Dag, of some dates, ids or states."""
    (filters,) = read(query(_COUNTED, several=_LISTS))
    return json_answer(dag_runs.count(g.namespace, filters))


@bp.get("/previous")
@Operation((200, or_null(schemas.DagRun)), query=schemas.PreviousDagRunQuery, since="2026-04-06")
def get_previous_dagrun() -> Response:
    """Get the last run of a Dag before a logical date; null if there is none."""
    (asked,) = read(query(_PREVIOUS))
    run = _previous(asked["dag_id"], asked)
    if run is not None:
        run = older_clients.dag_run(run)
    return json_answer(run)


def _previous(dag_id: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    moment: datetime = asked["logical_date"]
    return dag_runs.previous(g.namespace, dag_id, moment, asked.get("state"))


@bp.get("/<dag_id>/previous")
@Operation(
    (200, or_null(schemas.DagRun)),
    query=schemas.PreviousRunQuery,
    since=older_clients.PREVIOUS_BY_PATH,
    older_methods=("POST",),
)
def get_previous_dagrun_compat(dag_id: str) -> Response:
    """Get the last run before a logical date, for clients before 2026-04-06; for others, the run
    whose id is ``previous``.
    """
    if version.of_client() >= "2026-04-06":
        return _detail(dag_id, "previous")
    (asked,) = read(query(_PREVIOUS_BY_PATH))
    run = _previous(dag_id, asked)
    if run is not None:
        run = older_clients.with_offsets(run)
    return json_answer(run)


@bp.get("/<dag_id>/<run_id>")
@Operation((200, schemas.DagRun), also=(404,), since="2026-04-06", older_methods=("POST",))
def get_dag_run(dag_id: str, run_id: str) -> Response:
    """Get a dag run."""
    return _detail(dag_id, run_id)


def _detail(dag_id: str, run_id: str) -> Response:
    read()
    return json_answer(older_clients.dag_run(dag_runs.dag_run(g.namespace, dag_id, run_id)))


@bp.get("/<dag_id>/<run_id>/state")
@Operation((200, schemas.DagRunStateResponse), also=(404,))
def get_dagrun_state(dag_id: str, run_id: str) -> Response:
    """Get the state of a dag run."""
    read()
    return json_answer({"state": dag_runs.state_of(g.namespace, dag_id, run_id)})
