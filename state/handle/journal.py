"""The journal of a namespace, from outside: for assertions, for waiting, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..client import StateroomClient
from ..events import CALLS, OPS, Step
from ..events import lost_updates as judged
from ..scopes import StoreScope
from .places import label, query, scope_from

PATH = "/_stateroom/journal"
_PAGE = 1000  # events in one answer
_LONGEST = 20  # seconds of one long poll; a client gives up after a minute


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
    lost: int | None = None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Event:
        """Read an event as the Control API sends it."""
        facts = {name: row[name] for name in _AS_SENT}
        actor, place = row["actor"], row["scope"]
        return cls(
            **facts, by=actor["kind"], ti_id=actor["ti_id"], try_number=actor["try_number"],
            scope=scope_from(place) if place else None, value=row.get("value"), lost=row.get("lost"),
        )  # fmt: skip

    @property
    def is_call(self) -> bool:
        """Whether somebody asked for it on a key or on all keys, rather than that it followed from something else."""
        return self.parent is None and self.op in CALLS

    def fits(self, wanted: Mapping[str, Any]) -> bool:
        """Whether its members have these values; ``task_id`` and the like are those of its scope."""
        return all(getattr(self, name, getattr(self.scope, name, None)) == value for name, value in wanted.items())

    def __repr__(self) -> str:
        place = label(self.scope) if self.scope else None
        value = None if self.value is None else json.dumps(self.value)
        words = (f"#{self.seq}", self.op, place, self.key, value, self.status)
        return f"<{' '.join(str(word) for word in words if word is not None)}>"


_AS_SENT = (
    "seq", "at", "real_at", "api", "op", "key", "status", "kind", "expires_at", "expires_by", "parent", "saw", "note"
)  # fmt: skip
_NAMES = {*Event.__dataclass_fields__, "dag_id", "run_id", "task_id", "map_index", "asset"}


class Journal:
    """What happened in a namespace; iterating it asks the service each time.

    :param client: of the namespace.
    """

    def __init__(self, client: StateroomClient) -> None:
        self._client = client

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events())

    def __len__(self) -> int:
        return len(self.events())

    def calls(self, op: str | None = None, **wanted: Any) -> list[Event]:
        """What was asked for: ``calls("set", key="job_id", try_number=2)``.

        :param op: ``get``, ``set``, ``delete``, ``clear`` or ``list``; all of them without it.
        :param wanted: members of :class:`Event`, or ``dag_id``, ``run_id``, ``task_id``, ``map_index``, ``asset``.
        :raises ValueError: for another operation, since none would ever be found.
        """
        _check_op(op, CALLS)
        return [event for event in self.find(op, **wanted) if event.is_call]

    def find(self, op: str | None = None, **wanted: Any) -> list[Event]:
        """Events of every kind, effects too, with these members.

        :raises TypeError: for a name that no event has.
        :raises ValueError: for an operation that there is not.
        """
        _check_op(op, OPS)
        unknown = sorted(set(wanted) - _NAMES)
        if unknown:
            raise TypeError(f"no event has {', '.join(unknown)}; there are {', '.join(sorted(_NAMES))}")
        if "asset" in wanted:
            wanted["name"] = wanted.pop("asset")
        if op is not None:
            wanted["op"] = op
        return [event for event in self.events() if event.fits(wanted)]

    def events(self, after: int = 0) -> list[Event]:
        """Every event after a number."""
        return [Event.read(row) for row in self.documents(after)]

    def documents(self, after: int = 0) -> list[dict[str, Any]]:
        """Every event after a number, as the Control API sends it."""
        found: list[dict[str, Any]] = []
        while page := self._page(found[-1]["seq"] if found else after, 0):
            found += page
        return found

    def wait(self, after: int, seconds: float, scope: StoreScope | None = None, **wanted: str) -> list[Event]:
        """The next events after a number, as soon as there are some; none if the time is over.

        :param seconds: at most about twenty are waited in one call.
        :param wanted: ``op``, ``api``, ``key`` or ``ti_id``.
        """
        return [Event.read(row) for row in self._page(after, min(seconds, _LONGEST), scope, **wanted)]

    @property
    def last(self) -> int:
        """The number of the newest event; 0 if there is none."""
        return int(self._client.call("GET", PATH, params={"limit": 1}).json()["last"])

    def lost_updates(self) -> list[LostUpdate]:
        """Where an attempt overwrote what it had not seen."""
        return lost_updates(self.events())

    def _page(
        self, after: int, wait: float, scope: StoreScope | None = None, **wanted: str
    ) -> list[dict[str, Any]]:  # fmt: skip
        asked = {"after": after, "wait": wait, "limit": _PAGE, **wanted, **(query(scope) if scope else {})}
        events: list[dict[str, Any]] = self._client.call("GET", PATH, params=asked).json()["events"]
        return events

    def __repr__(self) -> str:
        from .timeline import table  # it draws events

        return table(self.events()) or "<an empty journal>"


def _check_op(op: str | None, known: tuple[str, ...]) -> None:
    if op is not None and op not in known:
        raise ValueError(f"no operation is called {op!r}; there are {', '.join(known)}")


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
        Step(event.seq, (event.scope, event.key), event.op, event.ti_id, event.by, event.status, event.note, event.saw)
        for event in events
    )
    return [LostUpdate(*(numbered[seq] for seq in update)) for update in judged(steps)]
