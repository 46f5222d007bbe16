"""Room on the disk for the calls that free room, which SQLite cannot do without writing first."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .checkpoints import LIMIT

# bytes: a log as large as SQLite lets it grow, which is copied into the file, and one call more
SIZE = LIMIT * 4096 + 2 * 2**20
_LEAST = 2**20  # bytes, enough for a call that deletes a few keys


def private(path: str, flags: int) -> int:
    """Open a file that only its owner can read."""
    return os.open(path, flags, 0o600)


class Reserve:
    """A file beside the database that is removed while a call needs its room.

    :param database: the database's path.
    """

    def __init__(self, database: str) -> None:
        self._path = Path(f"{database}-reserve")
        self._number = 0  # of the file; another service may have replaced folder and file

    def take(self) -> None:
        """Take the room; where there is little, only half of it, so that there is some to write.

        What one more call needs to free room is taken in any case.
        """
        try:
            with open(self._path, "wb", opener=private) as file:
                self._number = os.fstat(file.fileno()).st_ino
                disk = os.fstatvfs(file.fileno())
                free = disk.f_bavail * disk.f_frsize
                size = min(free, max(_LEAST, free // 2), SIZE)
                if size and hasattr(os, "posix_fallocate"):  # not on macOS
                    os.posix_fallocate(file.fileno(), 0, size)
        except OSError:  # a quota, a file system that cannot, or no room even for an empty file
            self.end()

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
