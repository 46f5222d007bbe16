"""The lock file that makes one process the owner of a database file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import DatabaseOwned
from ...forks import close_in_children

_LONGEST = 4096  # bytes of a lock file
# struct flock: one byte far behind SQLite's, and behind any database
_CLAIM = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 2**62, 1, 0)


class Ownership:
    """The lock of a database file; ``PATH.lock`` has its owner's pid, address and session.

    The kernel releases it with the process, so a killed owner leaves nothing to clean up; the id of
    its session stays in the file and says whose log is beside the database.

    :raises DatabaseOwned: if another process holds it; the message names that process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: int | None = None  # with the claim
        self._file = os.open(lock_path(path), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.sessions = _sessions_in(self._file)  # of an owner that was killed
            self.announce(None)
        except BlockingIOError:
            os.close(self._file)
            raise DatabaseOwned(
                f"{path} is in use by {_named(owner(path))}; stop it, or give another --db"
            ) from None
        except OSError:
            os.close(self._file)
            raise
        close_in_children(self)

    def claim(self) -> None:
        """Claim the file itself, once: a hard link of it has a lock file of its own.

        By a lock of the descriptor, which only who may write the file can take, on a byte that
        SQLite does not use. Where the system has no such locks, nothing is claimed.

        :raises DatabaseOwned: if another process has claimed it.
        """
        if not hasattr(fcntl, "F_OFD_SETLK") or self._database is not None:
            return
        try:
            database = os.open(self._path, os.O_RDWR)
        except OSError:  # SQLite is going to say why
            return
        try:
            fcntl.fcntl(database, fcntl.F_OFD_SETLK, _CLAIM)
        except OSError as error:
            os.close(database)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                return
            raise DatabaseOwned(
                f"{self._path} is another name (a hard link) of a file that is in use; "
                "stop that service, or give another --db"
            ) from None
        # kept open: with the first descriptor that is closed, a process loses SQLite's locks
        self._database = database

    def announce(self, url: str | None) -> None:
        """Write the owner's pid and address, for the message of a second process."""
        self._write({"pid": os.getpid(), "url": url, "sessions": self.sessions})

    def note_session(self, session_id: str, alone: bool = False) -> None:
        """Write whose log is beside the file.

        :param alone: whether it is no other's.
        """
        if alone:
            self.sessions = []
        self.sessions.append(session_id)
        self.announce(None)

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        if self.sessions:
            self._write({"pid": None, "url": None, "sessions": self.sessions})
        self.close_in_child()

    def _write(self, content: dict[str, object]) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(content).encode(), 0)

    def close_in_child(self) -> None:
        os.close(self._file)
        if self._database is not None:
            os.close(self._database)


def _sessions_in(file: int) -> list[str]:
    """The session of the last owner, if it did not end in order."""
    sessions = _parsed(os.pread(file, _LONGEST, 0)).get("sessions")
    if not isinstance(sessions, list):
        return []
    return [session for session in sessions if isinstance(session, str)]


def _parsed(content: bytes) -> dict[str, Any]:
    """The members of a lock file; none after a stop in order, or if it is something else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return document


def lock_path(path: Path) -> Path:
    """The lock file's path: beside the file itself, also if the path is a symbolic link."""
    real = path.resolve()
    return real.with_name(real.name + ".lock")


def owner(path: Path) -> dict[str, object] | None:
    """The ``pid`` and ``url`` of a file's owner; None if the file has no owner."""
    try:
        with open(lock_path(path), "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                content = _parsed(file.read(_LONGEST))
                return {name: content.get(name) for name in ("pid", "url")}
    except FileNotFoundError:
        pass
    return None


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other command serves this file; others wait until the block ends."""
    if not path.is_file():
        yield
        return
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _named(owner: dict[str, object] | None) -> str:
    if owner is None or owner["pid"] is None:
        return "another process"
    if not owner["url"]:
        return f"process {owner['pid']}"
    return f"process {owner['pid']} at {owner['url']}"
