"""The journal of a namespace, over the Control API, and waiting for a key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..backends.hooks import Hooks
from ..errors import NotInTime
from ..model import envelope, fixture_files
from ..model.events import CALLS, OPS
from ..model.scopes import (
    SCOPE_MEMBERS,
    AssetScope,
    StoreScope,
    label,
    scope_document,
    scope_from,
)
from ..words import unknown
from .events import Event, LostUpdate, lost_updates
from .http import StateroomClient
from .timeline import table, value_summary

PATH = "/_stateroom/journal"
_PAGE = 1000  # events in one response
_LONGEST_POLL = 20  # seconds; a client times out after a minute
_MEMBERS = {*Event.__dataclass_fields__, *SCOPE_MEMBERS}


class Journal:
    """The journal of a namespace; iterating it requests all events each time.

    :param client: a client of the namespace.
    """

    def __init__(self, client: StateroomClient) -> None:
        self._client = client

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events())

    def __len__(self) -> int:
        return len(self.events())

    def calls(self, op: str | None = None, **members: Any) -> list[Event]:
        """The calls on keys, such as ``calls("set", key="job_id", try_number=2)``.

        :param op: ``get``, ``set``, ``delete``, ``clear`` or ``list``; None for all of them.
        :param members: values of members of :class:`Event`, or of ``dag_id``, ``run_id``,
            ``task_id``, ``map_index``, ``asset``.
        :raises TypeError: for an unknown member.
        :raises ValueError: for an unknown operation.
        """
        _check_op(op, CALLS)
        return [event for event in self.find(op, **members) if event.is_call]

    def find(self, op: str | None = None, **members: Any) -> list[Event]:
        """The events of any kind, effects included; otherwise like :meth:`calls`."""
        _check_op(op, OPS)
        for name in sorted(set(members) - _MEMBERS):
            raise TypeError(unknown("member of an event", name, sorted(_MEMBERS)))
        if "asset" in members:
            members["name"] = members.pop("asset")
        if op is not None:
            members["op"] = op
        return [event for event in self.events() if event.matches(members)]

    def events(self, after: int = 0) -> list[Event]:
        """All events after the event of this number."""
        return [Event.read(row) for row in self.documents(after)]

    def documents(self, after: int = 0) -> list[dict[str, Any]]:
        """All events after the event of this number, as JSON of the Control API."""
        rows: list[dict[str, Any]] = []
        while page := self._page(after, 0):
            rows += page
            after = page[-1]["seq"]
        return rows

    def wait(
        self, after: int, seconds: float, scope: StoreScope | None = None, **filters: str
    ) -> list[Event]:
        """Wait for the next events after a number; an empty list after a timeout.

        :param seconds: the timeout, at most 20 in one call.
        :param scope: only events of this scope.
        :param filters: ``op``, ``api``, ``key`` or ``ti_id``.
        """
        rows = self._page(after, min(seconds, _LONGEST_POLL), scope, **filters)
        return [Event.read(row) for row in rows]

    def event(self, number: int) -> Event | None:
        """The event of this number; None if it is no longer in the journal."""
        parameters = {"after": number - 1, "limit": 1}
        rows = self._client.call("GET", PATH, params=parameters).json()["events"]
        if rows and rows[0]["seq"] == number:
            return Event.read(rows[0])
        return None

    @property
    def last(self) -> int:
        """The number of the newest event; 0 without events."""
        return int(self._client.call("GET", PATH, params={"limit": 1}).json()["last"])

    def lost_updates(self) -> list[LostUpdate]:
        """The writes that another attempt overwrote without having read them."""
        return lost_updates(self.events())

    def _page(
        self, after: int, wait: float, scope: StoreScope | None = None, **filters: str
    ) -> list[dict[str, Any]]:
        parameters = {"after": after, "wait": wait, "limit": _PAGE, **filters}
        if scope is not None:
            parameters.update(scope_document(scope))
        response = self._client.call("GET", PATH, params=parameters)
        rows: list[dict[str, Any]] = response.json()["events"]
        return rows

    def __repr__(self) -> str:
        return table(self.events()) or "<an empty journal>"


def _check_op(op: str | None, known: tuple[str, ...]) -> None:
    if op is not None and op not in known:
        raise ValueError(unknown("operation", op, known))


StoredValue = tuple[StoreScope, Any]


class Wait:
    """Waits for the value of a key.

    :param document: requests the fixture document of the namespace.
    :param hooks: the worker's backend, to resolve references; None returns their envelopes.
    :param scope: the scope of the key; None for any scope.
    """

    def __init__(
        self,
        document: Callable[[], dict[str, Any]],
        journal: Journal,
        hooks: Hooks | None,
        key: str,
        scope: StoreScope | None,
    ) -> None:
        self._document = document
        self._journal = journal
        self._hooks = hooks
        self._key = key
        self._scope = scope
        if isinstance(scope, AssetScope):
            self._scope = AssetScope(name=scope.name)
        self._seen: list[StoredValue] = []

    def until(self, predicate: Callable[[Any], Any], seconds: float) -> Any:
        """Wait for the first value for which the predicate is true, and return it.

        :raises NotInTime: after the timeout, with the last value.
        """
        deadline = time.monotonic() + seconds
        after = self._journal.last
        values = self._current()
        while not self._any_matches(values, predicate):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                # a restore is one event, without the keys that it changed
                if self._any_matches(self._current(), predicate):
                    break
                raise NotInTime(self._key, seconds, self._last_seen())
            events = self._journal.wait(after, remaining, self._scope, op="set", key=self._key)
            if events:
                after = events[-1].seq
            values = [
                (event.scope, event.value)
                for event in events
                if event.scope and (event.status or 200) < 300
            ]
        return self._seen[-1][1]

    def _any_matches(self, values: Iterable[StoredValue], predicate: Callable[[Any], Any]) -> bool:
        for scope, stored in values:
            value = self._resolved(scope, stored)
            self._seen.append((scope, value))
            if predicate(value):
                return True
        return False

    def _current(self) -> list[StoredValue]:
        """The values that the key has now, in any scope that is waited for."""
        values = [
            (scope_from(row), row["value"])
            for row in fixture_files.rows(self._document())
            if row["key"] == self._key
        ]
        return [(scope, value) for scope, value in values if self._scope in (None, scope)]

    def _resolved(self, scope: StoreScope, stored: Any) -> Any:
        ref = envelope.unwrap(stored)
        if ref is None or self._hooks is None:
            return stored
        return self._hooks.read(scope, ref)[0]

    def _last_seen(self) -> str:
        if self._seen:
            scope, value = self._seen[-1]
            return f"its last value was {value_summary(value)}, in {label(scope)}"
        keys = sorted({row["key"] for row in fixture_files.rows(self._document())})
        return f"it was never written; the keys are {', '.join(keys) or 'none'}"
