"""The page of a key: its value as a tree, or its reference; its history; and the whole value as plain text."""

from __future__ import annotations

import difflib
from typing import Any

from flask import Blueprint, Response, g, render_template, request

from schemas.fields.datetimes import from_string
from state.errors import KeyNotFound
from state.gateway.health import scope_of
from state.gateway.resolve import Outcome
from state.masking import masked
from state.store.explain.explain import explain
from state.store.views import history, keys
from state.store.views import history as timeline

from ..errors import Refused
from ..operation import SLOW, lane
from ..service import setting
from .browse import any_place, backend_name
from .examples import recipe
from .formatting import pretty, tree
from .forms import default_at
from .urls import number

bp = Blueprint("key", __name__)
_HISTORY = 50  # changes
_LONGEST = 200_000  # bytes of a value that is compared
_LINES = 400  # of a comparison
EDITABLE = 256 * 1024  # bytes; a larger value is not put into a form


def key_asked() -> str:
    """The key that the address names."""
    key = request.args.get("key")
    if not key:
        raise Refused(400, "the address names no key; add &key=…")
    return key


def row_of(place: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The key's row; None if it is not there but its history is.

    :raises KeyNotFound: if there is neither.
    """
    row = keys.one(g.namespace, place["scope_id"], key)
    if row is None and not timeline.changes(g.namespace, place["scope_id"], key, 1):
        raise KeyNotFound("Task" if place["asset_id"] is None else "Asset", key)
    return row


def visible(row: dict[str, Any]) -> str:
    """A row's or an event's JSON; credentials in references are masked."""
    text: str = row["text"]
    return text if row["kind"] == "value" else masked(text)


@bp.get("/key")
@lane(SLOW)
def show_key() -> Any:
    """What is stored under a key, and what was; for one that never was, where it is instead."""
    place, key = any_place(), key_asked()
    try:
        return show(place, key, row_of(place, key))
    except KeyNotFound:
        why = explain(g.namespace, scope_of(place), key)
        return render_template("missing.html", place=place, key=key, why=why), 404


def show(
    place: dict[str, Any],
    key: str,
    row: dict[str, Any] | None,
    status: int = 200,
    outcome: Outcome | None = None,
    **more: Any,
) -> Any:
    """The page of a key.

    :param outcome: of a reference that was just resolved.
    :param more: a form that was refused.
    """
    shown = (
        visible(row) if row and row["kind"] != "reference" else outcome.text if outcome else None
    )
    facts: dict[str, Any] = {
        "place": place,
        "key": key,
        "row": row,
        "outcome": outcome,
        "backend": backend_name(),
    }
    facts["tree"] = tree(shown) if shown is not None else None
    facts["text"] = pretty(shown) if shown is not None and len(shown) <= EDITABLE else None
    facts["editable"] = row is None or row["size"] <= EDITABLE
    facts["history"] = timeline.changes(g.namespace, place["scope_id"], key, _HISTORY)
    facts["journal"] = g.namespace.journal.is_kept
    facts["lost"] = _lost(place, key) if facts["history"] else {}
    facts["recipe"] = recipe("get", place, key)
    facts["default_at"] = default_at()
    clears = setting("clear_on_success")
    facts["why"] = (
        explain(g.namespace, scope_of(place), key, clears=clears)["sentence"]
        if place.get("active", 1)
        else None
    )
    return render_template("key.html", **facts, **_then(place, key), **more), status


def _lost(place: dict[str, Any], key: str) -> dict[int, int]:
    """Writes that overwrote another attempt's without having read it, and which: by their numbers."""
    story = history.history(g.namespace, scope_of(place), key)
    return {event["seq"]: event["lost"] for event in story if event["lost"]}


def _then(place: dict[str, Any], key: str) -> dict[str, Any]:
    """What the address asks of the past: the value at a moment, or what changed between two."""
    if "at" in request.args:
        return {"then": _at(place, key, request.args["at"]), "diff": None}
    if "a" in request.args and "b" in request.args:
        return {"then": None, "diff": _diff(place, key, number("a", 0), number("b", 0))}
    return {"then": None, "diff": None}


def _at(place: dict[str, Any], key: str, at: str) -> dict[str, Any]:
    """What a key held at a moment, which is a number of the journal or a date."""
    if at.isdecimal() and len(at) < 16:
        seq: int | None = int(at)
        event = timeline.event(g.namespace, place["scope_id"], key, int(at))
    else:
        try:
            moment = from_string(at if at.endswith("Z") or "+" in at else f"{at}Z")
            seq = timeline.last_before(g.namespace, place["scope_id"], key, moment)
        except (ValueError, OverflowError):
            return {
                "wrong": f"“{at[:50]}” is no moment; write one such as 2026-01-31T18:00 (in UTC)."
            }
        event = (
            timeline.event(g.namespace, place["scope_id"], key, seq) if seq is not None else None
        )
    held = visible(event) if event and event["text"] is not None else None
    return {"event": event, "at": at, "tree": tree(held) if held is not None else None}


def _diff(place: dict[str, Any], key: str, a: int, b: int) -> dict[str, Any]:
    """The lines in which a key differs between two numbers of the journal; the older one stands first."""
    events = [timeline.event(g.namespace, place["scope_id"], key, seq) for seq in sorted((a, b))]
    if None in events:
        return {"wrong": "One of the two is not in the journal any more."}
    texts = [visible(event) if event["text"] is not None else None for event in events if event]
    if any(text is not None and len(text) > _LONGEST for text in texts):
        return {"events": events, "wrong": "These values are too large to compare here."}
    lines = [pretty(text).splitlines() if text is not None else [] for text in texts]
    found = list(difflib.unified_diff(lines[0], lines[1], lineterm=""))[
        2:
    ]  # without the names of two files
    return {"events": events, "lines": found[:_LINES], "more": max(0, len(found) - _LINES)}


@bp.get("/key/raw")
@lane(SLOW)
def show_raw() -> Response:
    """The stored JSON as it is, but for credentials in a reference."""
    place, key = any_place(), key_asked()
    row = keys.one(g.namespace, place["scope_id"], key)
    if row is None:
        raise KeyNotFound("Task" if place["asset_id"] is None else "Asset", key)
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(visible(row), 200, headers, content_type="text/plain; charset=utf-8")
