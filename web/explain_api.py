"""Explanations, under ``/_stateroom/explain``: when a key goes, or why it is not there."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas import explain as schemas
from state.store.explain import explain

from . import setting
from .control_api import admit
from .errors import InvalidInput, json_answer
from .journal_api import scope_of
from .parsing import query, read

bp = Blueprint("explain_api", __name__, url_prefix="/_stateroom")
bp.before_request(admit)
_EXPLAIN = schemas.ExplainQuery()


@bp.get("/explain")
def explain_key() -> Response:
    """Say when a key goes and why it is still readable, or why it is not there and where it is instead."""
    (asked,) = read(query(_EXPLAIN))
    scope, ti_id = scope_of(asked), asked.get("ti_id")
    if (scope is None) == (ti_id is None):
        message = "name a task instance by dag_id, run_id and task_id (and map_index), an asset, or an attempt's ti_id"
        raise InvalidInput([{"type": "value_error", "loc": ["query"], "msg": message, "input": None}])
    clears = setting("clear_on_success")
    return json_answer(explain(g.namespace, scope, asked["key"], ti_id=ti_id, clears=clears))
