"""The page of a namespace, or a part of it, as it was after an event: a slider over the journal."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, render_template

from state.model import retention
from state.model.clock import from_text
from state.store.views import events

from ...operation import SLOW, lane
from ..urls import number
from . import filters

bp = Blueprint("then", __name__)
_KEYS = 500  # on the page


@bp.get("/then")
@lane(SLOW)
def show_then() -> Any:
    """The keys as they were after the event ``seq``, or the last one before; of the whole namespace
    or of a place.
    """
    chosen = filters.read()
    oldest, last = g.namespace.journal.bounds()
    seq = number("seq", 0) or last
    event = _event_at(seq) or _event_at(oldest)
    facts: dict[str, Any] = {"event": event, "oldest": oldest, "last": last}
    if event is not None:
        seq = event["seq"]
        found = events.keys_at(g.namespace, chosen, seq, _KEYS + 1)
        facts["keys"] = [_with_expiry(row, event["at"]) for row in found[:_KEYS]]
        facts["is_cut"] = len(found) > _KEYS
        facts["before"], facts["after"] = events.neighbours(g.namespace, seq, chosen)
    return render_template(
        "then.html",
        given=filters.given(),
        words=filters.WORDS,
        is_kept=g.namespace.journal.is_kept,
        **facts,
    )


def _event_at(seq: int) -> dict[str, Any] | None:
    found = events.newest(g.namespace, events.Filter(), 1, before=seq + 1)
    return next(iter(found), None)


def _with_expiry(row: dict[str, Any], at: str) -> dict[str, Any]:
    has_expired = False
    if row["expires_at"]:
        has_expired = retention.has_expired(from_text(row["expires_at"]), from_text(at))
    return {**row, "had_expired": has_expired}
