"""Events of the journal, and lost updates among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model.events import CALLS, Step
from ..model.events import lost_updates as find_lost_updates
from ..model.scopes import StoreScope, label, scope_from


@dataclass(frozen=True, repr=False)
class Event:
    """An event of the journal.

    :param seq: its number; numbers grow in the order in which the events took effect.
    :param at: the time of the namespace's clock, in ISO 8601.
    :param real_at: real time, in Unix seconds.
    :param by: the kind of the actor: ``task``, ``watcher``, ``api``, ``gateway``, ``stateroom``.
    :param ti_id: the id of the attempt, if the actor is a task.
    :param api: the API of the call: ``execution``, ``core``, ``gateway``, ``control``, ``page``.
    :param op: ``get``, ``set``, ``delete``, ``clear``, ``list``, ``state``, ``create`` and others.
    :param status: the HTTP status of the response.
    :param value: the new value, as it is stored; None if there is none.
    :param kind: the kind of the value: ``value``, ``reference`` or ``malformed``.
    :param parent: the number of the event that caused this one.
    :param saw: for a read, the number of the write whose value was read.
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
        """Read an event from the JSON of the Control API."""
        scope = None
        if row["scope"]:
            scope = scope_from(row["scope"])
        actor = row["actor"]
        return cls(
            **{name: row[name] for name in _UNCHANGED},
            by=actor["kind"],
            ti_id=actor["ti_id"],
            try_number=actor["try_number"],
            scope=scope,
            value=row.get("value"),
            lost=row.get("lost"),
        )

    @property
    def is_call(self) -> bool:
        """Whether it is a call on a key or on all keys, and not the effect of another event."""
        return self.parent is None and self.op in CALLS

    def matches(self, members: Mapping[str, Any]) -> bool:
        """Whether members of the event, or of its scope such as ``task_id``, have these values."""
        return all(
            getattr(self, name, getattr(self.scope, name, None)) == value
            for name, value in members.items()
        )

    def __repr__(self) -> str:
        words = [f"#{self.seq}", self.op]
        if self.scope is not None:
            words.append(label(self.scope))
        if self.key is not None:
            words.append(self.key)
        if self.value is not None:
            words.append(json.dumps(self.value))
        if self.status is not None:
            words.append(str(self.status))
        return f"<{' '.join(words)}>"


_UNCHANGED = (  # members of the JSON that an event takes as they are
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
    """A write that another attempt overwrote without having read it.

    :param read: the last read of the other attempt before the lost write.
    :param lost: the lost write.
    :param write: the write that overwrote it.
    """

    read: Event
    lost: Event
    write: Event


def lost_updates(events: list[Event]) -> list[LostUpdate]:
    """The lost updates among events, which are in their order.

    :func:`state.model.events.lost_updates` has the rule.
    """
    by_number = {event.seq: event for event in events}
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
    return [
        LostUpdate(*(by_number[seq] for seq in numbers)) for numbers in find_lost_updates(steps)
    ]
