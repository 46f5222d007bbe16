"""The journal of a namespace, from outside: for assertions, for waiting, for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..backends.hooks import Hooks
from ..errors import NotInTime
from ..model import envelope, fixture_files
from ..model.events import CALLS, OPS
from ..model.scopes import AssetScope, StoreScope, label, scope_document, scope_from
from .events import Event, LostUpdate, lost_updates
from .http import StateroomClient
from .timeline import shown

PATH = "/_stateroom/journal"
_PAGE = 1000  # events in one answer
_LONGEST = 20  # seconds of one long poll; a client gives up after a minute
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
        :param wanted: members of :class:`Event`, or ``dag_id``, ``run_id``, ``task_id``,
            ``map_index``, ``asset``.
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
            raise TypeError(
                f"no event has {', '.join(unknown)}; there are {', '.join(sorted(_NAMES))}"
            )
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

    def wait(
        self, after: int, seconds: float, scope: StoreScope | None = None, **wanted: str
    ) -> list[Event]:
        """The next events after a number, as soon as there are some; none if the time is over.

        :param seconds: at most about twenty are waited in one call.
        :param wanted: ``op``, ``api``, ``key`` or ``ti_id``.
        """
        return [
            Event.read(row) for row in self._page(after, min(seconds, _LONGEST), scope, **wanted)
        ]

    @property
    def last(self) -> int:
        """The number of the newest event; 0 if there is none."""
        return int(self._client.call("GET", PATH, params={"limit": 1}).json()["last"])

    def lost_updates(self) -> list[LostUpdate]:
        """Where an attempt overwrote what it had not seen."""
        return lost_updates(self.events())

    def _page(
        self, after: int, wait: float, scope: StoreScope | None = None, **wanted: str
    ) -> list[dict[str, Any]]:
        parameters = {"after": after, "wait": wait, "limit": _PAGE, **wanted}
        if scope is not None:
            parameters.update(scope_document(scope))
        answer = self._client.call("GET", PATH, params=parameters)
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    def __repr__(self) -> str:
        from .timeline import table  # it draws events

        return table(self.events()) or "<an empty journal>"


def _check_op(op: str | None, known: tuple[str, ...]) -> None:
    if op is not None and op not in known:
        raise ValueError(f"no operation is called {op!r}; there are {', '.join(known)}")


Held = tuple[StoreScope, Any]


class Wait:
    """Waits for a key.

    :param document: asks for all that is held.
    :param hooks: the worker's backend, for values that are kept elsewhere.
    :param scope: whose key; anybody's without it.
    """

    def __init__(
        self,
        document: Callable[[], dict[str, Any]],
        journal: Journal,
        hooks: Hooks | None,
        key: str,
        scope: StoreScope | None,
    ) -> None:
        self._document, self._journal, self._hooks, self._key = document, journal, hooks, key
        self._scope = AssetScope(name=scope.name) if isinstance(scope, AssetScope) else scope
        self._seen: list[Held] = []

    def until(self, fits: Callable[[Any], Any], seconds: float) -> Any:
        """The first value that fits.

        :raises NotInTime: naming the last one that was seen.
        """
        deadline, after = time.monotonic() + seconds, self._journal.last
        found = self._held()
        while not self._look(found, fits):
            left = deadline - time.monotonic()
            if left <= 0 and self._look(
                self._held(), fits
            ):  # a restore is one event, and names no key
                break
            if left <= 0:
                raise NotInTime(self._key, seconds, self._last_seen())
            events = self._journal.wait(after, left, self._scope, op="set", key=self._key)
            if events:
                after = events[-1].seq
            found = [
                (event.scope, event.value)
                for event in events
                if event.scope and (event.status or 200) < 300
            ]
        return self._seen[-1][1]

    def _look(self, found: Iterable[Held], fits: Callable[[Any], Any]) -> bool:
        for scope, stored in found:
            self._seen.append((scope, self._value(scope, stored)))
            if fits(self._seen[-1][1]):
                return True
        return False

    def _held(self) -> list[Held]:
        rows = [
            (scope_from(row), row)
            for row in fixture_files.rows(self._document())
            if row["key"] == self._key
        ]
        return [(scope, row["value"]) for scope, row in rows if self._scope in (None, scope)]

    def _value(self, scope: StoreScope, stored: Any) -> Any:
        ref = envelope.unwrap(stored)
        return self._hooks.read(scope, ref)[0] if ref is not None and self._hooks else stored

    def _last_seen(self) -> str:
        if self._seen:
            scope, value = self._seen[-1]
            return f"the last that was seen was {shown(value)}, of {label(scope)}"
        keys = sorted({row["key"] for row in fixture_files.rows(self._document())})
        return f"it was never written; there is {', '.join(keys) or 'no other key'}"
