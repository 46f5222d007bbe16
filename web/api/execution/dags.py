"""Dags, as tasks ask for them."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution import dags as schemas
from state.store.views import dags

from ...operation import Operation
from ...request.parsing import read
from ...responses import json_answer

bp = Blueprint("dags", __name__, url_prefix="/dags")


@bp.get("/<dag_id>")
@Operation((200, schemas.DagResponse), also=(404,), since="2026-04-06")
def get_dag(dag_id: str) -> Response:
    """Get a Dag: whether it is paused, its owners and its tags."""
    read()
    return json_answer(dags.of_task(g.namespace, dag_id))
