"""An event of the journal as the client reads it, and lost updates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model.events import CALLS, Step
from ..model.events import lost_updates as judged
from ..model.scopes import StoreScope, label, scope_from


@dataclass(frozen=True, repr=False)
class Event:
    """One thing that happened.

    :param seq: its number; numbers grow in the order of effects.
    :param at: by the namespace's clock, as text.
    :param real_at: Unix seconds.
    :param by: ``task``, ``watcher``, ``api``, ``gateway`` or ``stateroom``.
    :param ti_id: the attempt's, for ``task``.
    :param api: the way it came: ``execution``, ``core``, ``gateway``, ``control``, ``page``.
    :param op: ``get``, ``set``, ``delete``, ``clear``, ``list``, ``state``, ``create`` and others.
    :param status: the HTTP status that was answered.
    :param value: the new value, as it is stored; None if there is none.
    :param kind: ``value``, ``reference`` or ``malformed``.
    :param parent: the event that this one is an effect of.
    :param saw: for reads, the number of the write whose value was read.
    :param note: a sentence for people.
    :param delay: for a fault, the seconds that it made the call wait.
    :param outcome: ``key_not_found``, ``unchanged`` or ``closed``; None if the call took effect.
    :param state: for ``state``, the task instance's new state.
    :param lost: in the history of a key, the number of the write that this one overwrote unseen.
    """

    seq: int
    at: str
    real_at: float
    by: str
    ti_id: str | None
    try_number: int | None
    api: str
    op: str
    scope: StoreScope | None
    key: str | None
    status: int | None
    value: Any
    kind: str | None
    expires_at: str | None
    expires_by: str | None
    parent: int | None
    saw: int | None
    note: str | None
    delay: float | None = None
    outcome: str | None = None
    state: str | None = None
    lost: int | None = None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Event:
        """Read an event as the Control API sends it."""
        facts = {name: row[name] for name in _AS_SENT}
        actor, place = row["actor"], row["scope"]
        return cls(
            **facts,
            by=actor["kind"],
            ti_id=actor["ti_id"],
            try_number=actor["try_number"],
            scope=scope_from(place) if place else None,
            value=row.get("value"),
            lost=row.get("lost"),
        )

    @property
    def is_call(self) -> bool:
        """Whether somebody asked for it on a key or on all keys, rather than that it followed from
        something else.
        """
        return self.parent is None and self.op in CALLS

    def fits(self, wanted: Mapping[str, Any]) -> bool:
        """Whether its members have these values; ``task_id`` and such are its scope's."""
        return all(
            getattr(self, name, getattr(self.scope, name, None)) == value
            for name, value in wanted.items()
        )

    def __repr__(self) -> str:
        place = label(self.scope) if self.scope else None
        value = None if self.value is None else json.dumps(self.value)
        words = (f"#{self.seq}", self.op, place, self.key, value, self.status)
        return f"<{' '.join(str(word) for word in words if word is not None)}>"


_AS_SENT = (
    "seq",
    "at",
    "real_at",
    "api",
    "op",
    "key",
    "status",
    "kind",
    "expires_at",
    "expires_by",
    "parent",
    "saw",
    "note",
    "delay",
    "outcome",
    "state",
)


@dataclass(frozen=True)
class LostUpdate:
    """A read and a write of one attempt with another's write between them, which is lost.

    :param read: what the attempt had seen.
    :param lost: the other's write.
    :param write: what overwrote it.
    """

    read: Event
    lost: Event
    write: Event


def lost_updates(events: list[Event]) -> list[LostUpdate]:
    """Look through events in their order, see :func:`state.events.lost_updates`."""
    numbered = {event.seq: event for event in events}
    steps = (
        Step(
            event.seq,
            (event.scope, event.key),
            event.op,
            event.ti_id,
            event.by,
            event.status,
            event.outcome,
            event.saw,
        )
        for event in events
    )
    return [LostUpdate(*(numbered[seq] for seq in update)) for update in judged(steps)]
