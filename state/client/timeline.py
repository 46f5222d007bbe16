"""The events of a namespace as a table for people, one line per event."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ..backends.wrappers import Failure
from ..masking import masked
from ..model import envelope, fixture_files
from ..model.clock import from_text
from ..model.events import (
    DELETE_VARIABLE,
    KEY_NOT_FOUND,
    SET_VARIABLE,
    TASK_CALLS,
    VERBS,
    actor_name,
)
from ..model.retention import has_expired
from ..model.scopes import AssetScope, StoreScope, TaskScope, label, scope_from
from ..terminal import columns, printable
from ..words import count, duration
from .events import Event, lost_updates
from .lanes import Lanes

MOST_LINES = 60
_LEFT_OUT = "({} left out here; stateroom.timeline(most=10_000) has all)"
LONGEST_VALUE = 36  # characters
_VERBS = {
    "state": "reports",
    "create": "begins",
    **{op: VERBS[op] for op in (SET_VARIABLE, DELETE_VARIABLE, *TASK_CALLS)},
}


def table(
    events: list[Event],
    failures: Iterable[Failure] = (),
    most: int = MOST_LINES,
    keep: Container[tuple[str, str]] = (),
) -> str:
    """A table of events; an empty string without events.

    The attempts of a task instance that has several are drawn as lanes. If all events are of one
    scope, its name stands above them.

    :param failures: errors of our own workers' backends, which are sorted in by their time.
    :param most: number of lines. The newest ones are shown; where others would be, a line says how
        many are left out.
    :param keep: keys whose events are shown before newer ones of other keys, each with the name of
        its scope.
    """
    formatter = EventFormatter(events)
    rows = [(event.real_at, _key_of(event), formatter.line(event)) for event in events]
    rows += [
        (each.at, (label(each.scope), each.key or ""), formatter.failure(each)) for each in failures
    ]
    if not rows:
        return ""
    rows.sort(key=lambda row: row[0])
    kept: list[int] = []
    newest: list[int] = []
    for number, (_, key, _) in enumerate(rows):
        (kept if key in keep else newest).append(number)
    shown = sorted({*kept[-most:], *newest[len(newest) - max(0, most - len(kept)) :]})
    lines = [rows[number][2] for number in shown]
    heading = ""
    scopes = {line[2] for line in lines} - {""}
    if len(scopes) == 1:
        heading = f"{scopes.pop()}\n"
        lines = [(*line[:2], *line[3:]) for line in lines]
    texts = columns(lines).splitlines()
    return heading + "\n".join(_with_gaps(shown, texts, len(rows)))


def _key_of(event: Event) -> tuple[str, str]:
    scope = ""
    if event.scope is not None:
        scope = label(event.scope)
    return scope, event.key or ""


def _with_gaps(shown: list[int], texts: list[str], total: int) -> Iterator[str]:
    """The lines, and between them how many are left out.

    :param shown: the number of each line.
    """
    following = 0
    for number, text in zip(shown, texts, strict=True):
        if number > following:
            yield _LEFT_OUT.format(count(number - following, "line"))
        yield text
        following = number + 1
    if total > following:
        yield _LEFT_OUT.format(count(total - following, "line"))


class EventFormatter:
    """Texts of events that refer to other events.

    :param events: all events that may be referred to.
    :param numbered: refer to events by number, instead of by the time since the first event.
    :param longest: characters of a value; None for whole values.
    :param name: the text for a scope.
    """

    def __init__(
        self,
        events: list[Event],
        numbered: bool = False,
        longest: int | None = LONGEST_VALUE,
        name: Callable[[StoreScope], str] = label,
    ) -> None:
        self._numbered = numbered
        self._longest = longest
        self._name = name
        self._start = 0.0
        if events:
            self._start = events[0].real_at
        self._by_number = {event.seq: event for event in events}
        self._lanes = Lanes(events)
        self._lost = {update.write.seq: update.lost for update in lost_updates(events)}
        self._tasks = {
            event.ti_id: event.scope for event in events if isinstance(event.scope, TaskScope)
        }

    def line(self, event: Event) -> tuple[str, ...]:
        """The cells of an event: time, actor, scope, operation, key, outcome."""
        scope = ""
        if event.scope is not None:
            scope = label(event.scope)
        return (
            f"{self._at(event.real_at):>8}",
            self._lane(event),
            scope,
            operation(event),
            printable(event.key or ""),
            self.outcome(event),
        )

    def _lane(self, event: Event) -> str:
        """The lanes of an event's task instance, with the actor if it is none of its attempts."""
        lanes = self._lanes.of(event)
        if lanes is None:
            return self.actor(event)
        task = self._tasks.get(event.ti_id)
        if event.try_number is not None and task == event.scope:
            return lanes.rstrip()
        return f"{lanes}  {self.actor(event)}"

    def outcome(self, event: Event) -> str:
        """The result of an event: its value, its error, the lost update."""
        expiry = _expiry(event) if self._numbered else _kept(event)
        outcome = self._result(event, expiry)
        lost = self._lost.get(event.seq)
        if lost is None:
            return outcome
        writer = f"{self.actor(lost)} at {self._at(lost.real_at)}"
        if self._numbered:
            writer = f"{self.actor(lost)} (event {lost.seq})"
        return outcome + lost_update(writer)

    def _read_value(self, event: Event) -> str:
        """The value that a read returned."""
        write = self._by_number.get(event.saw or 0)
        if write is not None:
            return f"-> {value_summary(write.value, self._longest)}"
        if self._numbered and event.saw is not None:
            return f"-> the value of event {event.saw}"
        return "-> (its write is no longer in the journal)"

    def failure(self, failure: Failure) -> tuple[str, ...]:
        """The cells of an error that a worker's backend raised; see :meth:`line`."""
        actor = actor_name("api")
        if failure.try_number is not None:
            actor = actor_name("task", try_number=failure.try_number)
        ref = masked(failure.ref or "")
        message = masked(str(failure.error))
        if ref:
            message = message.replace(ref, _ending(ref))
        return (
            f"{self._at(failure.at):>8}",
            actor,
            label(failure.scope),
            f"  {failure.op}",
            printable(failure.key or ""),
            printable(f"BROKEN, {type(failure.error).__name__}: {message}"),
        )

    def _at(self, moment: float) -> str:
        return f"{moment - self._start:.3f}s"

    def actor(self, event: Event) -> str:
        """``attempt 2`` for a task, with the task's name if the event is about another scope; other
        actors as :func:`~state.model.events.actor_name` names them.
        """
        name = actor_name(event.by, event.api, event.try_number)
        task = self._tasks.get(event.ti_id)
        if event.try_number is None or task is None or task == event.scope:
            return name
        return f"{self._name(task)} {name}"

    def _result(self, event: Event, expiry: str) -> str:
        if event.status is not None and event.status >= 400:
            return _error(event)
        if event.op == "create" and isinstance(event.scope, AssetScope):
            return ""
        parts = [printable(masked(event.note or ""))]
        if event.op in ("get", "get_xcom") or (event.op == "list_xcoms" and event.saw is not None):
            parts.insert(0, self._read_value(event))
        elif event.op in ("set", "set_xcom", SET_VARIABLE):
            parts[:0] = [value_summary(event.value, self._longest), expiry]
        return "   ".join(part for part in parts if part)


def lost_update(writer: str) -> str:
    """The note, after the outcome of a change, that it overwrote another write without reading it.

    :param writer: who wrote what was overwritten, or which event did.
    """
    return f"   LOST UPDATE: overwrote the write of {writer} without reading it"


def operation(event: Event) -> str:
    """The operation as a word; the effect of another event is indented."""
    if event.parent is not None:
        return f"  {event.op}"
    return _VERBS.get(event.op, event.op)


def _error(event: Event) -> str:
    if event.op == "get" and event.outcome == KEY_NOT_FOUND:
        return "-> not found"
    return f"-> {event.status} {printable(masked(event.note or ''))}".rstrip()


def _expiry(event: Event) -> str:
    if event.expires_at is None:
        return ""
    until = f"until {event.expires_at[:19]}Z"
    if event.expires_by == "worker":
        return f"{until} by the worker's clock"
    return until


def _kept(event: Event) -> str:
    """How long a key is kept, which is shorter than when it expires."""
    if event.expires_at is None:
        return ""
    seconds = (from_text(event.expires_at) - from_text(event.at)).total_seconds()
    words = f"for {duration(seconds)}"
    if seconds <= 0:
        words = "expired already"
    if event.expires_by == "worker":
        return f"{words} by the worker's clock"
    return words


def value_summary(value: Any, longest: int | None = LONGEST_VALUE) -> str:
    """A value as JSON, shortened at its end; a reference without credentials, at its beginning.

    :param longest: characters; None for the whole value.
    """
    ref = envelope.unwrap(value)
    if ref is not None:
        return f"ref {_ending(masked(ref), longest)}"
    text = json.dumps(value, ensure_ascii=True)
    if longest is not None and len(text) > longest:
        return f"{text[: longest - 1]}…"
    return text


def _ending(ref: str, longest: int | None = LONGEST_VALUE) -> str:
    if longest is not None and len(ref) > longest:
        return f"…{ref[1 - longest :]}"
    return ref


MOST_EXPLAINED = 8  # keys
_WIDTH = 80
ScopedKey = tuple[StoreScope, str]


def keys_to_explain(
    events: Iterable[Event], document: Mapping[str, Any], now: datetime
) -> list[ScopedKey]:
    """The first :data:`MOST_EXPLAINED` keys that may surprise the author of a test.

    They are missing keys that were read, expired keys, and keys of tasks that wait for a retry.

    :param document: the fixture document of the namespace.
    :param now: the time of the namespace's clock.
    """
    rows = {(scope_from(row), row["key"]): row for row in fixture_files.rows(dict(document))}
    last = {event.scope: event for event in events if event.op in ("state", "create")}
    waiting = {scope for scope, event in last.items() if event.state == "up_for_retry"}
    missed = [
        (event.scope, event.key)
        for event in events
        if event.op == "get" and event.status == 404 and event.scope and event.key
    ]
    keys = [key for key in missed if key not in rows]
    keys += [
        (scope, key)
        for (scope, key), row in rows.items()
        if scope in waiting or _has_expired(row, now)
    ]
    return list(dict.fromkeys(keys))[:MOST_EXPLAINED]


def _has_expired(row: Mapping[str, Any], now: datetime) -> bool:
    expires_at = row.get("expires_at")
    return expires_at is not None and has_expired(from_text(expires_at), now)


def explanations(keys: Iterable[ScopedKey], explain: Callable[[StoreScope, str], str]) -> str:
    """A paragraph for each key; an empty string without keys.

    :param explain: returns the explanation of a key.
    """
    paragraphs = [f"{label(scope)}: {explain(scope, key)}" for scope, key in keys]
    return "\n".join(
        textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
        for text in paragraphs
    )
