"""What happened in a namespace, as a table for people: short, aligned, one line for each thing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .. import documents, envelope
from ..errors import masked
from ..scopes import AssetScope
from .journal import Event, lost_updates
from .places import label
from .watched import Failure

MOST = 60  # lines
_SHOWN = 36  # characters of a value
_WORDS = {"state": "reports", "create": "begins"}


def table(events: list[Event], failures: Iterable[Failure] = (), most: int = MOST) -> str:
    """The newest events, with what our own workers' backends raised in between; empty if there is nothing at all.

    :param most: lines; how many there were before is said in the first.
    """
    start = events[0].real_at if events else 0.0
    values = {event.seq: event for event in events}
    lost = {update.write.seq: update.lost for update in lost_updates(events)}
    rows = [(event.real_at, _line(event, start, values, lost.get(event.seq))) for event in events]
    rows += [(failure.at, _failure_line(failure, start or failure.at)) for failure in failures]
    rows.sort(key=lambda row: row[0])
    if not rows:
        return ""
    text = documents.columns([line for _, line in rows[-most:]])
    more = len(rows) - most
    return f"({more} earlier ones are left out)\n{text}" if more > 0 else text


def _line(event: Event, start: float, values: dict[int, Event], lost: Event | None) -> tuple[str, ...]:
    what = f"  {event.op}" if event.parent is not None else _WORDS.get(event.op, event.op)
    place = label(event.scope) if event.scope else ""
    outcome = _outcome(event, values)
    if lost:
        outcome += f"   LOST UPDATE: it had not seen the write of {who(lost)} at {_seconds(lost.real_at, start)}"
    return _seconds(event.real_at, start), who(event), place, what, _printable(event.key or ""), outcome


def _seconds(at: float, start: float) -> str:
    return f"{at - start:7.3f}s"


def who(event: Event) -> str:
    """Who it was: ``try 2``, or another word."""
    if event.by == "task" and event.try_number is not None:
        return f"try {event.try_number}"
    return event.by


def _outcome(event: Event, values: dict[int, Event]) -> str:
    if event.status is not None and event.status >= 400:
        return _refusal(event)
    if event.op == "create" and isinstance(event.scope, AssetScope):
        return ""
    said = _printable(masked(event.note or ""))
    if event.op == "get":
        said = "   ".join(filter(None, (_seen(event, values), said)))
    elif event.op == "set":
        said = "   ".join(filter(None, (shown(event.value), _expiry(event), said)))
    return said


def _refusal(event: Event) -> str:
    if event.op == "get" and event.status == 404 and not event.note:
        return "-> nothing there"
    return f"-> {event.status} {_printable(masked(event.note or ''))}".rstrip()


def _seen(event: Event, values: dict[int, Event]) -> str:
    write = values.get(event.saw or 0)
    return f"-> {shown(write.value)}" if write else "-> (its write is no longer in the journal)"


def _expiry(event: Event) -> str:
    if event.expires_at is None:
        return ""
    by = {"worker": " by the worker's clock", "namespace": ""}.get(event.expires_by or "", "")
    return f"until {event.expires_at[:19]}Z{by}"


def _failure_line(failure: Failure, start: float) -> tuple[str, ...]:
    by = "api" if failure.try_number is None else f"try {failure.try_number}"
    ref, message = masked(failure.ref or ""), masked(str(failure.error))
    what = f"BROKEN, {type(failure.error).__name__}: {message.replace(ref, _end(ref)) if ref else message}"
    place = label(failure.scope)
    return _seconds(failure.at, start), by, place, f"  {failure.op}", _printable(failure.key or ""), _printable(what)


def shown(value: Any) -> str:
    """A value as JSON, shortened; a reference without credentials and with its end, where it differs from others."""
    ref = envelope.unwrap(value)
    if ref is not None:
        return f"ref {_end(masked(ref))}"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _end(ref: str) -> str:
    return ref if len(ref) <= _SHOWN else f"…{ref[1 - _SHOWN :]}"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
