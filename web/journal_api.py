"""The journal, under ``/_stateroom/journal``: what happened, in order, and waiting for what comes next."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas import journal as schemas
from state.scopes import AssetScope, StoreScope, TaskScope

from .control_api import admit
from .errors import InvalidInput, json_answer
from .parsing import query, read

bp = Blueprint("journal_api", __name__, url_prefix="/_stateroom")
bp.before_request(admit)
_JOURNAL = schemas.JournalQuery()
_PLACE = ("dag_id", "run_id", "task_id")
_EQUAL = ("op", "api", "key", "ti_id")


@bp.get("/journal")
def list_events() -> Response:
    """List events after a number, in order; with ``wait`` as soon as there is one."""
    (asked,) = read(query(_JOURNAL))
    filters = {name: asked[name] for name in (*_EQUAL, "newest") if name in asked}
    scope, limit = scope_of(asked), min(asked["limit"], schemas.MOST)
    events = g.namespace.journal.wait(asked["wait"], asked["after"], limit, scope=scope, **filters)
    oldest, last = g.namespace.journal.bounds()
    return json_answer({"events": events, "oldest": oldest, "last": last})


def scope_of(asked: dict[str, Any]) -> StoreScope | None:
    """The scope that a query names, or None if it names none.

    :raises InvalidInput: if it names a part of one only, or two.
    """
    named = [name for name in _PLACE if name in asked]
    if "asset" in asked and not named:
        return AssetScope(name=asked["asset"])
    if len(named) == len(_PLACE) and "asset" not in asked:
        return TaskScope(asked["dag_id"], asked["run_id"], asked["task_id"], asked["map_index"])
    if not named and "asset" not in asked:
        return None
    message = "name a task instance by dag_id, run_id and task_id (and map_index), or an asset, not both"
    raise InvalidInput([{"type": "value_error", "loc": ["query"], "msg": message, "input": None}])
