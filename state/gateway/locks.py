"""One write of a key at a time: its object and its row belong together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backends.deadlines import Abandoned, Call

_PAUSE = 0.05  # seconds between two looks for a holder that was abandoned


class KeyLocks:
    """The keys that calls are writing now.

    A call that was abandoned holds nothing any more: it may not change a row.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[Call[Any], tuple[int, str | None]] = {}

    @contextmanager
    def hold(self, call: Call[Any], scope_id: int, key: str | None) -> Iterator[None]:
        """Wait until no other call writes this key, and keep it for the block.

        :param key: None for every key of the scope.
        :raises Abandoned: if the call's own deadline passes meanwhile.
        """
        with self._changed:
            while not self._is_free(scope_id, key):
                if call.abandoned:
                    raise Abandoned
                self._changed.wait(_PAUSE)
            self._held[call] = (scope_id, key)
        try:
            yield
        finally:
            with self._changed:
                del self._held[call]
                self._changed.notify_all()

    def _is_free(self, scope_id: int, key: str | None) -> bool:
        return not any(
            scope_id == held_scope and (key == held_key or None in (key, held_key))
            for call, (held_scope, held_key) in self._held.items()
            if not call.abandoned
        )
