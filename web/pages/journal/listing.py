"""The page of the journal: its events, filtered, the newest first, followed live."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, render_template

from state.errors import NotFound
from state.model.events import OPS
from state.store.views import events

from ...operation import SLOW, lane
from ...responses import plain_text
from ..urls import number, one_of
from . import copies, filters, picture

bp = Blueprint("journal", __name__)
_ROWS = 100  # events of one page
_SUGGESTED = 200  # names of each kind in the form
TIMES = ("absolute", "relative")


@bp.get("/journal")
@lane(SLOW)
def show_journal() -> Any:
    """The events of the namespace, or of a part of it, the newest first."""
    chosen = filters.read()
    before = number("before", 0)
    last = g.namespace.journal.bounds()[1]
    found = events.newest(g.namespace, chosen, _ROWS + 1, before=before or last + 1)
    return render_template(
        "journal.html",
        rows=found[:_ROWS],
        older=found[_ROWS - 1]["seq"] if len(found) > _ROWS else None,
        before=before,
        given=filters.given(),
        words=filters.WORDS,
        places=events.places(g.namespace, _SUGGESTED),
        groups=events.GROUPS,
        ops=OPS,
        statuses=events.STATUS,
        is_kept=g.namespace.journal.is_kept,
        time=one_of("time", TIMES, TIMES[0]),
    )


@bp.get("/journal/timeline.svg")
@lane(SLOW)
def show_timeline() -> Response:
    """The newest events of a task or a key, as a picture with lanes; a page has it as an object."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    return Response(
        picture.drawn(filters.read()),
        headers={"Content-Security-Policy": policy},
        content_type="image/svg+xml; charset=utf-8",
    )


def _named_event() -> dict[str, Any]:
    """The event that the address names.

    :raises NotFound: if the journal does not have it.
    """
    seq = number("seq", 1)
    event = events.event(g.namespace, seq)
    if event is None:
        raise NotFound(f"event {seq} is not in the journal of this namespace, or not any more")
    return event


@bp.get("/journal/event")
@lane(SLOW)
def show_event() -> Any:
    """One event: its facts, where it leads, and what does the same."""
    event = _named_event()
    before, after = events.neighbours(g.namespace, event["seq"])
    return render_template(
        "event.html", event=event, before=before, after=after, copies=copies.all_of(event)
    )


@bp.get("/journal/copy")
@lane(SLOW)
def show_copy() -> Response:
    """What does again what an event did: for a shell, in Python, or as a test, as plain text."""
    kind = str(one_of("as", copies.KINDS, "curl"))
    return plain_text(copies.KINDS[kind](_named_event()))
