"""The journal, the history of a key, and explanations, under ``/_stateroom``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flask import Blueprint, Response, g

from schemas.control import journal as schemas
from schemas.fields import datetimes
from state.model.scopes import AssetScope, StoreScope, TaskScope
from state.store.explain.explain import explain
from state.store.views import history

from ...errors import InvalidInput
from ...operation import SLOW, operation
from ...request.parsing import query, read
from ...responses import json_answer
from ...service import setting

bp = Blueprint("journal_api", __name__)
_JOURNAL = schemas.JournalQuery()
_HISTORY = schemas.HistoryQuery()
_EXPLAIN = schemas.ExplainQuery()
_PLACE = ("dag_id", "run_id", "task_id")
_EQUAL = ("op", "api", "key", "ti_id")


@bp.get("/journal")
@operation((200, schemas.Events), query=schemas.JournalQuery, lane=SLOW, waits="wait")
def list_events() -> Response:
    """List events after a number, in order; with ``wait`` as soon as there is one."""
    (asked,) = read(query(_JOURNAL))
    filters = {name: asked[name] for name in (*_EQUAL, "newest") if name in asked}
    scope, limit = scope_of(asked), min(asked["limit"], schemas.MOST)
    events = g.namespace.journal.wait(asked["wait"], asked["after"], limit, scope=scope, **filters)
    oldest, last = g.namespace.journal.bounds()
    return json_answer({"events": events, "oldest": oldest, "last": last})


@bp.get("/history")
@operation((200, schemas.History), query=schemas.HistoryQuery, lane=SLOW)
def get_history() -> Response:
    """Tell the story of a key, or what it was at a moment."""
    (asked,) = read(query(_HISTORY))
    story = history.history(g.namespace, required_scope(asked), asked["key"])
    if "at" not in asked:
        return json_answer({"history": story})
    event = history.at(story, _moment(asked["at"]))
    known = {"value": event["value"]} if event is not None and "value" in event else {}
    return json_answer({"found": bool(known), **known, "event": event})


@bp.get("/explain")
@operation((200, schemas.Explanation), query=schemas.ExplainQuery, lane=SLOW)
def explain_key() -> Response:
    """Say when a key goes and why it is still readable, or why it is not there and where it is instead."""
    (asked,) = read(query(_EXPLAIN))
    scope, ti_id = scope_of(asked), asked.get("ti_id")
    if (scope is None) == (ti_id is None):
        message = "name a task instance by dag_id, run_id and task_id (and map_index), an asset, or an attempt's ti_id"
        raise InvalidInput(
            [{"type": "value_error", "loc": ["query"], "msg": message, "input": None}]
        )
    clears = setting("clear_on_success")
    return json_answer(explain(g.namespace, scope, asked["key"], ti_id=ti_id, clears=clears))


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
    message = (
        "name a task instance by dag_id, run_id and task_id (and map_index), or an asset, not both"
    )
    raise InvalidInput([{"type": "value_error", "loc": ["query"], "msg": message, "input": None}])


def required_scope(asked: dict[str, Any]) -> StoreScope:
    """The scope that a query names.

    :raises InvalidInput: if it names none.
    """
    scope = scope_of(asked)
    if scope is None:
        raise _wrong(
            "dag_id",
            "name a task instance by dag_id, run_id and task_id (and map_index), or an asset",
        )
    return scope


def _moment(text: str) -> datetime | int:
    if text.isdecimal() and len(text) < 19:
        return int(text)
    try:
        moment = datetimes.from_string(text)
        return (
            moment.astimezone(timezone.utc)
            if moment.tzinfo
            else moment.replace(tzinfo=timezone.utc)
        )
    except (ValueError, OverflowError) as error:
        raise _wrong("at", f"expected a moment, or the number of an event: {error}") from None


def _wrong(name: str, message: str) -> InvalidInput:
    return InvalidInput(
        [{"type": "value_error", "loc": ["query", name], "msg": message, "input": None}]
    )
