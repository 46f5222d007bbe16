"""What a killed service left beside the former name of a file that was renamed."""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path

from . import session
from .ownership import lock_path
from .reserve import reserve_path

log = logging.getLogger("stateroom.store")


def remove(former: Path) -> None:
    """Remove the reserve, the log's index, an empty log and the lock, unless a file has that name
    again.

    :param former: the name, absolute.
    """
    if former.exists():
        return
    try:
        with open(lock_path(former), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for file in _files(former):
                file.unlink(missing_ok=True)
    except (FileNotFoundError, BlockingIOError):  # stopped in order, or a service starts there
        return
    except OSError as error:
        log.warning("the files of %s cannot be removed: %s", former, error.strerror)


def _files(former: Path) -> list[Path]:
    """The lock is the last one: without it, the next start would look for no other."""
    files = [reserve_path(former), lock_path(former)]
    if not session.has_log(former):
        files[:0] = [Path(f"{former}-shm"), session.log_of(former)]
    return files
