"""The page of a key: its value as a tree or its reference, its history, its value as text."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, render_template, request

from schemas.fields.datetimes import utc_from_string
from state.errors import KeyNotFound
from state.gateway.resolve import Outcome
from state.masking import masked
from state.store.explain.explain import explain, sentence
from state.store.views import history, keys

from ..errors import Refused
from ..operation import SLOW, lane
from ..responses import plain_text
from ..service import setting
from .examples import recipe
from .formatting import MEMBERS, MOST_MEMBERS, pretty, tree
from .forms import default_at
from .urls import named_owner, number

bp = Blueprint("key", __name__)
_HISTORY = 50  # changes
_LONGEST = 200_000  # bytes of a value that is compared
_LINES = 400  # of a comparison
EDITABLE = 256 * 1024  # bytes; a larger value is not put into a form


def key_argument() -> str:
    """The key that the address names."""
    key = request.args.get("key")
    if not key:
        raise Refused(400, "the address has no key; add &key=…")
    return key


def row_of(owner: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The key's row; None for a deleted key that has a history.

    :raises KeyNotFound: if the key has neither.
    """
    row = keys.get(g.namespace, owner["scope_id"], key)
    if row is None and not history.changes(g.namespace, owner["scope_id"], key, 1):
        raise _not_found(owner, key)
    return row


def _not_found(owner: dict[str, Any], key: str) -> KeyNotFound:
    if owner["asset_id"] is None:
        return KeyNotFound("Task", key)
    return KeyNotFound("Asset", key)


def visible(row: dict[str, Any]) -> str:
    """A row's or an event's JSON; credentials in references are masked."""
    text: str = row["text"]
    if row["kind"] == "value":
        return text
    return masked(text)


@bp.get("/key")
@lane(SLOW)
def show_key() -> Any:
    """A key's value and history; for a key that never existed, similar ones elsewhere."""
    owner = named_owner()
    key = key_argument()
    try:
        return show(owner, key, row_of(owner, key))
    except KeyNotFound:
        explanation = explain(g.namespace, owner["scope"], key, scope_id=owner["scope_id"])
        return render_template("missing.html", owner=owner, key=key, why=explanation), 404


def show(
    owner: dict[str, Any],
    key: str,
    row: dict[str, Any] | None,
    status: int = 200,
    outcome: Outcome | None = None,
    **more: Any,
) -> Any:
    """The page of a key.

    :param outcome: of resolving the key's reference just now.
    :param more: a form that was refused.
    """
    text = _shown_text(row, outcome)
    facts: dict[str, Any] = {
        "owner": owner,
        "key": key,
        "row": row,
        "outcome": outcome,
        "journal": g.namespace.journal.is_kept,
        "then": None,
        "diff": None,
    }
    g.namespace.journal.flush()
    facts["backend"] = g.service.backend_of(g.namespace)
    facts["why"] = None
    if owner.get("active", 1):
        clears = setting("clear_on_success")
        facts["why"] = sentence(g.namespace, owner["scope"], key, owner["scope_id"], clears)
    facts["tree"] = None
    facts["more_members"] = None
    facts["text"] = None
    if text is not None:
        members = MEMBERS
        if "members" in request.args:
            members = min(number("members", MEMBERS), MOST_MEMBERS)
        facts["more_members"] = _more(members, outcome)
        facts["tree"] = tree(text, members)
        if len(text) <= EDITABLE:
            facts["text"] = pretty(text)
    facts["editable"] = row is None or row["size"] <= EDITABLE
    facts["history"] = history.changes(g.namespace, owner["scope_id"], key, _HISTORY)
    facts["earlier"] = _earlier(facts["history"])
    facts["recipe"] = recipe("get", owner, key)
    facts["default_at"] = default_at()
    if "at" in request.args:
        facts["then"] = _at(owner, key, request.args["at"])
    elif "a" in request.args and "b" in request.args:
        facts["diff"] = _diff(owner, key, number("a", 0), number("b", 0))
    return render_template("key.html", **facts, **more), status


def _earlier(changes: list[dict[str, Any]]) -> int | None:
    """The number of the latest event of a history that left a value in the row; None for none."""
    return next((event["seq"] for event in changes if event["kind"] == "value"), None)


def _more(members: int, outcome: Outcome | None) -> int | None:
    """How many members a link shows; None where all are shown that can be, or a form was sent."""
    if outcome is not None or members >= MOST_MEMBERS:
        return None
    return members * 10


def _shown_text(row: dict[str, Any] | None, outcome: Outcome | None) -> str | None:
    """The JSON to show: the key's value, or that of its reference if it was resolved."""
    if row and row["kind"] != "reference":
        return visible(row)
    if outcome is not None:
        return outcome.text
    return None


def _at(owner: dict[str, Any], key: str, at: str) -> dict[str, Any]:
    """A key's value at a time, which is the number of an event or a date."""
    try:
        seq = _last_event(owner, key, at)
    except (ValueError, OverflowError):
        return {"error": f"Invalid time “{at[:50]}”; write one such as 2026-01-31T18:00 (in UTC)."}
    event = None
    if seq is not None:
        event = history.event(g.namespace, owner["scope_id"], key, seq)
    if event is None or event["text"] is None:
        return {"event": event, "at": at, "tree": None}
    return {"event": event, "at": at, "tree": tree(visible(event))}


def _last_event(owner: dict[str, Any], key: str, at: str) -> int | None:
    """The number of a key's last event until a time; None if there was none.

    :raises ValueError: if the time is invalid.
    :raises OverflowError: if it is outside the years 1 to 9999.
    """
    until: datetime | int
    if at.isdecimal() and len(at) < 16:
        until = int(at)
    else:
        until = utc_from_string(at)
    return history.last_before(g.namespace, owner["scope_id"], key, until)


def _diff(owner: dict[str, Any], key: str, a: int, b: int) -> dict[str, Any]:
    """The lines in which a key's values after two events differ; the older event comes first."""
    events = [history.event(g.namespace, owner["scope_id"], key, seq) for seq in sorted((a, b))]
    if None in events:
        return {"error": "One of the two events is not in the journal any more."}
    texts = [visible(event) if event["text"] is not None else None for event in events if event]
    if any(text is not None and len(text) > _LONGEST for text in texts):
        return {"events": events, "error": "These values are too large to compare here."}
    lines = [pretty(text).splitlines() if text is not None else [] for text in texts]
    diff = list(difflib.unified_diff(lines[0], lines[1], lineterm=""))
    diff = diff[2:]  # without the names of two files
    return {"events": events, "lines": diff[:_LINES], "more": max(0, len(diff) - _LINES)}


@bp.get("/key/raw")
@lane(SLOW)
def show_raw() -> Response:
    """The stored JSON, unchanged but for masked credentials in a reference."""
    owner = named_owner()
    key = key_argument()
    row = keys.get(g.namespace, owner["scope_id"], key)
    if row is None:
        raise _not_found(owner, key)
    return plain_text(visible(row))
