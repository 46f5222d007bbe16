"""Snapshots, and the story of a key, under ``/_stateroom``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flask import Blueprint, Response, g

from schemas import moments
from schemas import snapshots as schemas
from state.scopes import StoreScope
from state.store import history, snapshots

from .control_api import admit
from .errors import InvalidInput, json_answer, no_content
from .journal_api import scope_of
from .parsing import query, read

bp = Blueprint("snapshots_api", __name__, url_prefix="/_stateroom")
bp.before_request(admit)
_DIFF, _HISTORY = schemas.DiffQuery(), schemas.HistoryQuery()


@bp.get("/snapshots")
def list_snapshots() -> Response:
    """List the namespace's snapshots."""
    found = snapshots.listed(g.namespace)
    return json_answer({"snapshots": found, "total_entries": len(found)})


@bp.put("/snapshots/<name>")
def take_snapshot(name: str) -> Response:
    """Take a snapshot of all that the namespace holds, in place of one of the same name."""
    return json_answer(snapshots.take(g.namespace, name), 201)


@bp.post("/snapshots/<name>/restore")
def restore_snapshot(name: str) -> Any:
    """Return to a snapshot."""
    snapshots.restore(g.namespace, name)
    return no_content()


@bp.delete("/snapshots/<name>")
def drop_snapshot(name: str) -> Any:
    """Drop a snapshot."""
    snapshots.drop(g.namespace, name)
    return no_content()


@bp.get("/snapshots/diff")
def diff_snapshots() -> Response:
    """Say which keys were added, removed and changed from one snapshot to another, or to now."""
    (asked,) = read(query(_DIFF))
    return json_answer(snapshots.diff(g.namespace, asked["a"], asked.get("b")))


@bp.get("/history")
def get_history() -> Response:
    """Tell the story of a key, or what it was at a moment."""
    (asked,) = read(query(_HISTORY))
    story = history.history(g.namespace, required_scope(asked), asked["key"])
    if "at" not in asked:
        return json_answer({"history": story})
    event = history.at(story, _moment(asked["at"]))
    known = {"value": event["value"]} if event is not None and "value" in event else {}
    return json_answer({"found": bool(known), **known, "event": event})


def required_scope(asked: dict[str, Any]) -> StoreScope:
    """The scope that a query names.

    :raises InvalidInput: if it names none.
    """
    scope = scope_of(asked)
    if scope is None:
        raise _wrong("dag_id", "name a task instance by dag_id, run_id and task_id (and map_index), or an asset")
    return scope


def _moment(text: str) -> datetime | int:
    if text.isdecimal() and len(text) < 19:
        return int(text)
    try:
        moment = moments.from_string(text)
        return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError) as error:
        raise _wrong("at", f"expected a moment, or the number of an event: {error}") from None


def _wrong(name: str, message: str) -> InvalidInput:
    return InvalidInput([{"type": "value_error", "loc": ["query", name], "msg": message, "input": None}])
