"""Waiting for a value, by long poll of the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from .. import documents, envelope
from ..backends.hooks import Hooks
from ..errors import NotInTime
from ..scopes import AssetScope, StoreScope
from .journal import Journal
from .places import label, scope_from
from .timeline import shown

Held = tuple[StoreScope, Any]


class Wait:
    """Waits for a key.

    :param document: asks for all that is held.
    :param hooks: the worker's backend, for values that are kept elsewhere.
    :param scope: whose key; anybody's without it.
    """

    def __init__(
        self, document: Callable[[], dict[str, Any]], journal: Journal, hooks: Hooks | None, key: str,
        scope: StoreScope | None,
    ) -> None:  # fmt: skip
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
            if left <= 0 and self._look(self._held(), fits):  # a restore is one event, and names no key
                break
            if left <= 0:
                raise NotInTime(self._key, seconds, self._last_seen())
            events = self._journal.wait(after, left, self._scope, op="set", key=self._key)
            after = events[-1].seq if events else after
            found = [(event.scope, event.value) for event in events if event.scope and (event.status or 200) < 300]
        return self._seen[-1][1]

    def _look(self, found: Iterable[Held], fits: Callable[[Any], Any]) -> bool:
        for scope, stored in found:
            self._seen.append((scope, self._value(scope, stored)))
            if fits(self._seen[-1][1]):
                return True
        return False

    def _held(self) -> list[Held]:
        rows = [(scope_from(row), row) for row in documents.rows(self._document()) if row["key"] == self._key]
        return [(scope, row["value"]) for scope, row in rows if self._scope in (None, scope)]

    def _value(self, scope: StoreScope, stored: Any) -> Any:
        ref = envelope.unwrap(stored)
        return self._hooks.read(scope, ref)[0] if ref is not None and self._hooks else stored

    def _last_seen(self) -> str:
        if self._seen:
            scope, value = self._seen[-1]
            return f"the last that was seen was {shown(value)}, of {label(scope)}"
        there = sorted({row["key"] for row in documents.rows(self._document())})
        return f"it was never written; there is {', '.join(there) if there else 'no other key'}"
