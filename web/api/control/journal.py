"""The journal, the history of a key, and explanations, under ``/_stateroom``."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any

from flask import Blueprint, Response, g

from schemas.control import journal as schemas
from schemas.fields import datetimes
from state.model.scopes import COORDINATES, StoreScope, scope_named
from state.store import carried_events
from state.store.explain import matches
from state.store.explain.explain import explain
from state.store.views import history

from ...errors import invalid
from ...operation import SLOW, Operation
from ...request.auth import is_open
from ...request.parsing import load, query, read
from ...responses import is_client_gone, json_answer
from ...service import setting

bp = Blueprint("journal_api", __name__)
_JOURNAL = schemas.JournalQuery()
_HISTORY = schemas.HistoryQuery()
_EXPLAIN = schemas.ExplainQuery()
_PLACE = (*COORDINATES, "map_index", "latest")
_TO_ADD = schemas.EventsToAdd()
_FILTERS = ("op", "api", "key", "ti_id", "newest")
_A_TASK = "name a task instance by dag_id, run_id and task_id (and map_index)"


@bp.get("/journal")
@Operation((200, schemas.Events), query=schemas.JournalQuery, lane=SLOW, waits="wait")
def list_events() -> Response:
    """List events after a number, in order; with ``wait`` as soon as there is one."""
    (parameters,) = read(query(_JOURNAL))
    scope = None
    fitting = None
    if parameters["fitting"]:
        place = {name: parameters[name] for name in _PLACE if name in parameters}
        fitting = partial(matches.scope_ids, g.namespace, place)
    else:
        scope = scope_of(parameters)
    events = g.namespace.journal.wait(
        parameters["wait"],
        parameters["after"],
        min(parameters["limit"], schemas.MOST),
        is_client_gone,
        scope=scope,
        scope_ids=fitting,
        as_written=parameters["as_written"],
        **{name: parameters[name] for name in _FILTERS if name in parameters},
    )
    oldest, last = g.namespace.journal.bounds()
    return json_answer({"events": events, "oldest": oldest, "last": last})


@bp.post("/journal")
@Operation((200, schemas.EventsAdded), body=schemas.EventsToAdd, lane=SLOW)
def add_events() -> Response:
    """Add events of another Stateroom's journal, with their moments, after those that are here;
    those that were added before are left out.
    """
    document, _ = load(_TO_ADD, g.body, strict=False)
    added, numbers = carried_events.add(g.namespace, document["events"], document["numbers"])
    return json_answer({"added": added, "numbers": numbers})


@bp.get("/history")
@Operation((200, schemas.History), query=schemas.HistoryQuery, lane=SLOW)
def get_history() -> Response:
    """Get the history of a key, or its value at a time."""
    (parameters,) = read(query(_HISTORY))
    scope = required_scope(parameters)
    key = parameters["key"]
    if "at" not in parameters:
        return json_answer({"history": history.history(g.namespace, scope, key)})
    event = history.at(g.namespace, scope, key, _time(parameters["at"]))
    if event is None or "value" not in event:
        return json_answer({"found": False, "event": event})
    return json_answer({"found": True, "value": event["value"], "event": event})


@bp.get("/explain")
@Operation((200, schemas.Explanation), query=schemas.ExplainQuery, lane=SLOW)
def explain_key() -> Response:
    """Explain when a key expires, or why it is not found and where there is a similar one."""
    (parameters,) = read(query(_EXPLAIN))
    scope = scope_of(parameters)
    ti_id = parameters.get("ti_id")
    if (scope is None) == (ti_id is None):
        raise invalid(f"{_A_TASK}, an asset, or an attempt's ti_id", "query")
    explanation = explain(
        g.namespace,
        scope,
        parameters["key"],
        ti_id=ti_id,
        clears=setting("clear_on_success"),
        is_open=is_open(),
    )
    return json_answer(explanation)


def scope_of(parameters: dict[str, Any]) -> StoreScope | None:
    """The scope that a query names, or None if it names none.

    :raises InvalidInput: if it names a part of a scope, or both a task instance and an asset.
    """
    try:
        return scope_named(parameters)
    except ValueError:
        raise invalid(f"{_A_TASK}, or an asset, not both", "query") from None


def required_scope(parameters: dict[str, Any]) -> StoreScope:
    """The scope that a query names.

    :raises InvalidInput: if it names none.
    """
    scope = scope_of(parameters)
    if scope is None:
        raise invalid(f"{_A_TASK}, or an asset", "query", "dag_id")
    return scope


def _time(text: str) -> datetime | int:
    """A moment, or the number of an event."""
    if text.isdecimal() and len(text) < 19:
        return int(text)
    try:
        return datetimes.utc_from_string(text).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        message = f"expected a time, or the number of an event: {error}"
        raise invalid(message, "query", "at") from None
