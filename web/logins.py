"""Open logins to the pages, and wrong passwords.

Both are kept in memory: a restart ends every login.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field

_MOST = 4096  # entries of each kind
_FREE = 3  # wrong passwords before one has to wait
_LONGEST = 60.0  # seconds


@dataclass
class Logins:
    """The open logins by their ids, and the wrong passwords by user and address."""

    _until: dict[str, float] = field(default_factory=dict)
    _failures: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, until: float) -> str:
        """Open a login; its id.

        :param until: when it ends, in seconds since the epoch.
        """
        now = time.time()
        login = secrets.token_urlsafe(18)
        with self._lock:
            for id_ in [id_ for id_, end in self._until.items() if end <= now]:
                del self._until[id_]
            if len(self._until) >= _MOST:
                del self._until[next(iter(self._until))]
            self._until[login] = until
        return login

    def is_open(self, login: str | None) -> bool:
        return self._until.get(login or "", 0.0) > time.time()

    def end(self, login: str | None) -> None:
        with self._lock:
            self._until.pop(login or "", None)

    def wait(self, user: str, address: str) -> float:
        """The seconds until this user may try a password from this address again."""
        count, last = self._failures.get((user, address), (0, 0.0))
        if count < _FREE:
            return 0.0
        pause = min(_LONGEST, 2.0 ** min(count - _FREE, 10))
        return max(0.0, last + pause - time.monotonic())

    def failed(self, user: str, address: str) -> None:
        """Count a wrong password of a known user; from the third on, each wait is twice as long."""
        with self._lock:
            count, _ = self._failures.pop((user, address), (0, 0.0))
            if len(self._failures) >= _MOST:
                del self._failures[next(iter(self._failures))]
            self._failures[user, address] = (count + 1, time.monotonic())

    def succeeded(self, user: str, address: str) -> None:
        self._failures.pop((user, address), None)
