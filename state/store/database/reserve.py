"""Room on the disk for the calls that free room, which SQLite cannot do without writing first."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .checkpoints import LIMIT

log = logging.getLogger("stateroom")
# bytes: a log as large as SQLite lets it grow, which is copied into the file, and one call more
SIZE = LIMIT * 4096 + 2 * 2**20
_LEAST = 2**20  # bytes, enough for a call that deletes a few keys
_AGAIN = 1.0  # seconds until more room is looked for


def private(path: str, flags: int) -> int:
    """Open a file that only its owner can read."""
    return os.open(path, flags, 0o600)


def reserve_path(database: str | Path) -> Path:
    return Path(f"{database}-reserve")


class Reserve:
    """A file beside the database that is removed while a call needs its room.

    :param database: the database's path.
    :ivar problem: why there is too little to delete something on a full disk, in a sentence; None
        if there is enough.
    """

    problem: str | None = None

    def __init__(self, database: str) -> None:
        self._path = reserve_path(database)
        self._number = 0  # of the file; another service may have replaced folder and file
        self._size = 0
        self._next = 0.0  # of the monotonic clock, when more room is looked for

    def take(self) -> None:
        """Take the room; where there is little, only half of it, so that there is some to write.

        What one more call needs to free room is taken in any case.
        """
        self._next = time.monotonic() + _AGAIN
        try:
            self._size = self._take()
        except OSError as error:  # a quota, a file system that cannot, or no room for an empty file
            self.end()
            self._size = 0
            self._tell(str(error.strerror))
        else:
            self._tell(f"only {self._size // 1024} KiB were free")

    def _take(self) -> int:
        """Returns how many bytes were taken."""
        with open(self._path, "wb", opener=private) as file:
            self._number = os.fstat(file.fileno()).st_ino
            disk = os.fstatvfs(file.fileno())
            free = disk.f_bavail * disk.f_frsize
            size = min(free, max(_LEAST, free // 2), SIZE)
            if size and hasattr(os, "posix_fallocate"):  # not on macOS
                os.posix_fallocate(file.fileno(), 0, size)
        return size

    def _tell(self, reason: str) -> None:
        """Say that there is too little, or that there is enough again; both once."""
        if self._size >= _LEAST:
            if self.problem is not None:
                log.warning("%s is kept again", self._path)
            self.problem = None
            return
        problem = (
            f"{self._path} could not be kept ({reason}), without which deleting may be refused "
            "once the disk is full; make room on the disk, and the next write takes it"
        )
        if self.problem is None:
            log.warning("%s", problem)
        self.problem = problem

    def renew(self) -> None:
        """Take the room where there was too little before; from time to time."""
        if self._size < SIZE and time.monotonic() >= self._next:
            self.take()

    def end(self) -> None:
        """Give the room back: a closed database is one file."""
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._number:
                self._path.unlink()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Give the room to what the block writes."""
        self.end()
        try:
            yield
        finally:
            self.take()
