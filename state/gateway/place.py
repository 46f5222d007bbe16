"""Whether the place of a database's objects in a base is still its own.

A copy of a database file has the original's id and so the original's place, and would remove the
original's objects. Most copies are noticed at start (``state/store/database/identity.py``); one
that looks like the original, such as a clone of its disk, is not. So the place says who used it
last, by a random word that is stored in the database file too, and that is another one in every
process: a file without that word is not the last that used the place. It gets a place of its own,
reads the objects of the former one, and removes none of them.

Two copies that find the same word cannot be told apart: the first one keeps the place, and what it
removes before the second one uses it is removed for both.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import threading
import time

from ..backends.immutable import ImmutableBackend
from ..masking import masked
from ..model.clock import Clock, to_text
from ..store.database.connections import Database

log = logging.getLogger("stateroom.gateway")
_AGE = 10  # seconds after which the base is asked again who used the place


class Place:
    """The place of one database's objects; asked before an object is written or removed.

    The base is asked by the first call only, so that nothing waits for it at start.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._checked_at: float | None = None
        self._is_claimed = False  # by this process

    def hold(self, backend: ImmutableBackend, to_remove: bool = False) -> None:
        """Let a backend use the place of this database, a new one if another file has used it.

        :param to_remove: for a removal, which needs no room on the disk of the base.
        :raises Exception: whatever the storage raises.
        """
        if not self._database.is_file or getattr(backend, "in_process", False):
            return  # no other process has this database, or sees these objects
        with self._lock:
            if self._checked_at is None or time.monotonic() - self._checked_at > _AGE:
                self._check(backend, to_remove)
                self._checked_at = time.monotonic()
        backend.move(self._database.identity.database_id)

    def expire(self) -> None:
        """Ask the base at the next call."""
        self._checked_at = None

    def _check(self, backend: ImmutableBackend, to_remove: bool) -> None:
        backend.move(self._database.identity.database_id)
        own = self._database.identity.claims(_name(backend.base))
        owner = backend.owner()
        if owner is not None and owner.get("claim") not in own:
            self._leave(backend, owner)
            owner = None
        if owner is not None and self._is_claimed:
            return
        try:
            self._claim(backend, owner)
        except OSError as error:
            if not to_remove:
                raise
            log.warning("%s cannot be claimed: %s", masked(backend.base), masked(str(error)))

    def _leave(self, backend: ImmutableBackend, owner: dict[str, str]) -> None:
        place = f"{masked(backend.base)}/{self._database.identity.database_id}"
        self._database.identity.renew()
        log.warning(
            "another database file has used %s: %s on %s, at %s. %s was copied: its objects get a "
            "place of their own, and those written before are read, never removed; %s",
            place,
            owner.get("database"),
            owner.get("host"),
            owner.get("at"),
            self._database.path,
            self._database.identity.advice(),
        )
        backend.move(self._database.identity.database_id)

    def _claim(self, backend: ImmutableBackend, owner: dict[str, str] | None) -> None:
        claim = secrets.token_hex(16)
        claims = [claim]
        if owner is not None:  # a process that is killed now finds this word in the base, or that
            claims.append(owner["claim"])
        name = _name(backend.base)
        self._database.identity.set_claims(name, claims)
        backend.claim(
            {
                "claim": claim,
                "database": os.path.abspath(self._database.path),
                "host": socket.gethostname(),
                "at": to_text(Clock().now()),
            }
        )
        self._database.identity.set_claims(name, [claim])
        self._is_claimed = True


def _name(base: str) -> str:
    """A base without its credentials, which are never stored."""
    return hashlib.sha256(base.encode()).hexdigest()[:32]
