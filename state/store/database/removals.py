"""The removals of objects, and the writes that wait for them."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Collection, Iterator

from ...errors import ReferenceBusy

_TIMEOUT = 5  # seconds that a write waits for the removal of its reference's object


class Removals:
    """The references whose objects are being removed, and those that a row is going to point at.

    :param lock: of the database; it is held by whoever finds that no row points at a reference.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._ended = threading.Condition(lock)
        self._removing: set[str] = set()
        self._expected: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether an object is being removed."""
        return bool(self._removing)

    def wait(self, refs: Collection[str]) -> None:
        """Wait, with the lock, until none of the objects is being removed.

        :raises ReferenceBusy: if that takes too long.
        """
        if not self._ended.wait_for(lambda: self._removing.isdisjoint(refs), _TIMEOUT):
            raise ReferenceBusy(next(ref for ref in refs if ref in self._removing))

    @contextlib.contextmanager
    def expecting(self, ref: str) -> Iterator[None]:
        """Keep the object of a reference, which a row is going to point at, from being removed.

        :raises ReferenceBusy: if the removal that is under way takes too long.
        """
        with self._lock:
            self.wait((ref,))
            self._expected[ref] += 1
        try:
            yield
        finally:
            with self._lock:
                self._expected[ref] -= 1
                if not self._expected[ref]:
                    del self._expected[ref]

    def is_expected(self, ref: str) -> bool:
        """Whether a row is going to point at a reference; asked inside a transaction."""
        return ref in self._expected

    def begin(self, ref: str) -> None:
        """Let writes of a reference wait until :meth:`end`; called with the lock that was held when
        it was found that no row points at it.
        """
        self._removing.add(ref)

    def end(self, ref: str) -> None:
        with self._lock:
            self._removing.discard(ref)
            self._ended.notify_all()
