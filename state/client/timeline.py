"""What happened in a namespace, as a table for people: short, aligned, one line for each thing."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ..backends.wrappers import Failure
from ..masking import masked
from ..model import envelope, fixture_files
from ..model.events import KEY_NOT_FOUND
from ..model.scopes import AssetScope, StoreScope, TaskScope, label, scope_from
from ..terminal import columns, printable
from .events import Event, lost_updates

MOST = 60  # lines
_SHOWN = 36  # characters of a value
_WORDS = {"state": "reports", "create": "begins"}


def table(events: list[Event], failures: Iterable[Failure] = (), most: int = MOST) -> str:
    """The newest events, with what our own workers' backends raised in between; empty if there is
    nothing at all.

    :param most: lines; how many there were before is said in the first.
    """
    story = Story(events)
    rows = [(event.real_at, story.line(event)) for event in events]
    rows += [(failure.at, story.failure(failure)) for failure in failures]
    rows.sort(key=lambda row: row[0])
    text = columns([line for _, line in rows[-most:]]) if rows else ""
    more = len(rows) - most
    return f"({more} earlier ones are left out)\n{text}" if more > 0 else text


class Story:
    """What a line of one event has to know of the others.

    :param numbered: name other events by their numbers, and not by the time since the first.
    """

    def __init__(self, events: list[Event], numbered: bool = False) -> None:
        self._numbered = numbered
        self._start = events[0].real_at if events else 0.0
        self._by_number = {event.seq: event for event in events}
        self._lost = {update.write.seq: update.lost for update in lost_updates(events)}
        self._tasks = {
            event.ti_id: event.scope for event in events if isinstance(event.scope, TaskScope)
        }

    def line(self, event: Event) -> tuple[str, ...]:
        return (
            f"{self._at(event.real_at):>8}",
            self.who(event),
            label(event.scope) if event.scope else "",
            what(event),
            printable(event.key or ""),
            self.outcome(event),
        )

    def outcome(self, event: Event) -> str:
        """What came of it: the value, the refusal, the update that was lost."""
        outcome = _outcome(event, self._seen(event))
        lost = self._lost.get(event.seq)
        if lost is None:
            return outcome
        where = f"in {lost.seq}" if self._numbered else f"at {self._at(lost.real_at)}"
        return f"{outcome}   LOST UPDATE: it had not seen what {self.who(lost)} wrote {where}"

    def _seen(self, event: Event) -> str:
        """What a read saw."""
        write = self._by_number.get(event.saw or 0)
        if write is not None:
            return f"-> {shown(write.value)}"
        if self._numbered:
            return f"-> what {event.saw} wrote"
        return "-> (its write is no longer in the journal)"

    def failure(self, failure: Failure) -> tuple[str, ...]:
        by = "api" if failure.try_number is None else f"try {failure.try_number}"
        ref = masked(failure.ref or "")
        message = masked(str(failure.error))
        if ref:
            message = message.replace(ref, _end(ref))
        return (
            f"{self._at(failure.at):>8}",
            by,
            label(failure.scope),
            f"  {failure.op}",
            printable(failure.key or ""),
            printable(f"BROKEN, {type(failure.error).__name__}: {message}"),
        )

    def _at(self, moment: float) -> str:
        return f"{moment - self._start:.3f}s"

    def who(self, event: Event) -> str:
        """``try 2``, of which task if it is not the task's own place that the event is about, or
        another word.
        """
        if event.by != "task" or event.try_number is None:
            return event.by
        task = self._tasks.get(event.ti_id)
        of = f"{label(task)} " if task and task != event.scope else ""
        return f"{of}try {event.try_number}"


def what(event: Event) -> str:
    """The operation in a word, set in if it is an effect of another."""
    if event.parent is not None:
        return f"  {event.op}"
    return _WORDS.get(event.op, event.op)


def _outcome(event: Event, seen: str) -> str:
    if event.status is not None and event.status >= 400:
        return _refusal(event)
    if event.op == "create" and isinstance(event.scope, AssetScope):
        return ""
    parts = [printable(masked(event.note or ""))]
    if event.op == "get":
        parts.insert(0, seen)
    elif event.op == "set":
        parts[:0] = [shown(event.value), _expiry(event)]
    return "   ".join(part for part in parts if part)


def _refusal(event: Event) -> str:
    if event.op == "get" and event.outcome == KEY_NOT_FOUND:
        return "-> nothing there"
    return f"-> {event.status} {printable(masked(event.note or ''))}".rstrip()


def _expiry(event: Event) -> str:
    if event.expires_at is None:
        return ""
    by = {"worker": " by the worker's clock", "namespace": ""}.get(event.expires_by or "", "")
    return f"until {event.expires_at[:19]}Z{by}"


def shown(value: Any) -> str:
    """A value as JSON, shortened; a reference without credentials and with its end, where it
    differs from others.
    """
    ref = envelope.unwrap(value)
    if ref is not None:
        return f"ref {_end(masked(ref))}"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _end(ref: str) -> str:
    return ref if len(ref) <= _SHOWN else f"…{ref[1 - _SHOWN :]}"


MOST_EXPLAINED = 8  # places
_WIDTH = 110
Place = tuple[StoreScope, str]


def worth_telling(
    events: Iterable[Event], document: Mapping[str, Any], now: datetime
) -> list[Place]:
    """The places, in the order in which they came up; the first :data:`MOST_EXPLAINED`.

    Of what is held that is what has expired, and what a task keeps that waits for its next attempt.

    :param document: what is held now.
    :param now: by the namespace's clock.
    """
    rows = {(scope_from(row), row["key"]): row for row in fixture_files.rows(dict(document))}
    last = {event.scope: event for event in events if event.op in ("state", "create")}
    waiting = {scope for scope, event in last.items() if event.state == "up_for_retry"}
    missed = [
        (event.scope, event.key)
        for event in events
        if event.op == "get" and event.status == 404 and event.scope and event.key
    ]
    held = [place for place, row in rows.items() if place[0] in waiting or _is_over(row, now)]
    return list(dict.fromkeys([place for place in missed if place not in rows] + held))[
        :MOST_EXPLAINED
    ]


def _is_over(row: Mapping[str, Any], now: datetime) -> bool:
    expires_at = row.get("expires_at")
    return (
        expires_at is not None and datetime.fromisoformat(expires_at.replace("Z", "+00:00")) <= now
    )


def sentences(places: Iterable[Place], explain: Callable[[StoreScope, str], str]) -> str:
    """A paragraph for each place; empty if there is none.

    :param explain: asks for the sentences.
    """
    told = [f"{label(scope)}: {explain(scope, key)}" for scope, key in places]
    return "\n".join(
        textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="    ") for text in told
    )
