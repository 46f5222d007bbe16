"""One process owns a database file: the lock beside it, and who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ...errors import DatabaseOwned


class Ownership:
    """The lock that makes one process the owner of a file; ``PATH.lock`` says which (pid and
    address).

    The kernel drops it with the process, so a killed owner leaves nothing to clean up.

    :raises DatabaseOwned: naming the process that has it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(lock_path(path), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.announce(None)
        except BlockingIOError:
            os.close(self._file)
            raise DatabaseOwned(
                f"{path} is in use by {_named(owner(path))}; stop it, or give another --db"
            ) from None
        except OSError:
            os.close(self._file)
            raise

    def announce(self, url: str | None) -> None:
        """Write who owns the file, for the message that a second process prints."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def lock_path(path: Path) -> Path:
    """The lock's place: beside the file itself, whatever link it was reached by."""
    real = path.resolve()
    return real.with_name(real.name + ".lock")


def owner(path: Path) -> dict[str, object] | None:
    """What the living owner of a file wrote about itself, or None if nobody owns it."""
    try:
        with open(lock_path(path), encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return {"pid": None, "url": None, **json.loads(file.read() or "{}")}
    except FileNotFoundError:
        pass
    return None


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait for other commands that serve this file, and let the next ones wait."""
    if not path.is_file():
        yield
        return
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _named(who: dict[str, object] | None) -> str:
    if who is None or who["pid"] is None:
        return "another process"
    return f"process {who['pid']}" + (f" at {who['url']}" if who["url"] else "")
