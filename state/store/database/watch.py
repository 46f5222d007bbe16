"""Whether the files of a database are, while it is served, the ones that were opened."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from typing import NoReturn

from ...errors import DatabaseReplaced
from . import identity, session
from .log_index import LogIndex
from .reserve import private

_AGE = 0.1  # seconds after which the numbers are checked anyhow: FAT gives folders no times
_TICK = 20_000_000  # nanoseconds; two changes within one of the kernel's ticks have the same time


class Watch:
    """The database file with its log and the log's index, as they were opened.

    A call looks at the last change of the database file and of its folder, which changes with the
    names in it: if it has, at the numbers of all three files. Only checkpoints write the database
    file: after each, and after any other change, its contents are compared too. They are the right
    ones if they have the row of this session, and if no count of rows is lower than it was. The log
    may not be shorter than its index says.

    :param path: absolute, of the database file.
    :param copying: held by whatever makes a checkpoint.
    """

    def __init__(self, path: str, copying: threading.Lock) -> None:
        self._path = path
        self._copying = copying
        self._folder = os.path.dirname(path)
        self._files: dict[str, str] = {}
        self._unchanged = (0, 0, 0)  # the folder, as it was when its files were the right ones
        self._checked_at = 0.0
        self._session = ""
        # kept open: with the first descriptor that is closed, a process loses its locks on a file
        self._open_file = -1
        self._log_index: LogIndex | None = None
        self._page = slice(0, 0)  # of the file, with the row of the session
        self._content: bytes | None = None  # of that page; None until it was seen in the file
        self._rows = 0
        self._compared = (0, 0)  # time and size at the last comparison
        self._seen = (0, 0)  # the same, once no other change can have that time
        self.refusal: str | None = None  # why no call is answered any more, in a sentence

    def begin(self, session_id: str) -> bool:
        """Watch the files as they are now.

        :returns: whether the row of the session is in the file; without room on the disk it is not.
        """
        self._session = session_id
        self._open_file = os.open(self._path, os.O_RDONLY)
        for file in (self._path, f"{self._path}-wal", f"{self._path}-shm"):
            number = identity.of_file(file)
            if number is not None:
                self._files[file] = number
        with contextlib.suppress(FileNotFoundError):  # no room on the disk for the index
            self._log_index = LogIndex(self._path)
        self.look()
        return self._content is not None

    def end(self) -> None:
        """Close the files; called after every connection was closed."""
        if self._log_index is not None:
            self._log_index.close()
            self._log_index = None
        if self._open_file != -1:
            os.close(self._open_file)
            self._open_file = -1

    def is_changed(self) -> bool:
        """Whether :meth:`look` has to be called.

        :raises DatabaseReplaced: if one of the files is another one.
        """
        if self.refusal is not None:
            raise DatabaseReplaced(self.refusal)
        try:
            folder = os.stat(self._folder)
        except OSError:
            raise _replaced(self._path) from None
        now = (folder.st_ino, folder.st_dev, folder.st_mtime_ns)
        moment = time.monotonic()
        if now != self._unchanged or moment - self._checked_at > _AGE:
            self._check_numbers()
            self._checked_at = moment
            if time.time_ns() - folder.st_mtime_ns > _TICK:
                self._unchanged = now
        return self._last_change() != self._seen or self._is_log_short()

    def _is_log_short(self) -> bool:
        return self._log_index is not None and self._log_index.is_log_short()

    def _last_change(self) -> tuple[int, int]:
        """The time and the size."""
        status = os.fstat(self._open_file)
        return status.st_mtime_ns, status.st_size

    def _check_numbers(self) -> None:
        for file, number in self._files.items():
            if identity.of_file(file) != number:
                raise _replaced(file)

    def lacks_log(self) -> bool:
        """Whether the database file is the one that was opened, and its log or index is gone."""
        if identity.of_file(self._path) != self._files[self._path]:
            return False
        return not all(os.path.exists(file) for file in self._files)

    def look(self) -> None:
        """Look at the log, and compare the contents of the database file; called with the writer's
        lock.

        :raises DatabaseReplaced: if one was truncated or overwritten, now and for good.
        :raises sqlite3.DatabaseError: if the file cannot be read any more.
        """
        if self.refusal is not None:  # by another thread, since it was asked
            raise DatabaseReplaced(self.refusal)
        if self._is_log_short():
            with self._copying:
                self._refuse(
                    f"{self._path}-wal was truncated while it was served, so that the writes in it "
                    "are lost"
                )
        if not self._copying.acquire(blocking=False):
            return  # a checkpoint writes to it; the next call looks again
        try:
            change = self._last_change()
            if self._is_overwritten(change):
                self._refuse(
                    f"{self._path} was overwritten while it was served, so that its log does not "
                    "belong to it any more"
                )
            self._compared = change
            if _is_settled(change):
                self._seen = change
        finally:
            self._copying.release()

    def is_right(self) -> bool:
        """Whether a checkpoint may write; called by whatever makes it."""
        if self._open_file == -1:  # not begun
            return True
        if self.refusal is not None or self._is_log_short():
            return False
        try:
            return not self._is_overwritten(self._last_change())
        except sqlite3.DatabaseError:  # a file of something else
            return False

    def _is_overwritten(self, change: tuple[int, int]) -> bool:
        if self._content is None:
            with contextlib.suppress(sqlite3.DatabaseError):  # no room yet for a whole checkpoint
                self._find_page()
            return False
        if self._read_page() == self._content:
            return (change != self._compared or _is_settled(change)) and self._is_older()
        return not self._find_page()  # VACUUM by another program may have moved it

    def _find_page(self) -> bool:
        """Look for the row of the session; whether it is in the file."""
        with contextlib.closing(session.alone(self._path)) as db:
            current = session.left(db)
            if current is None or current["id"] != self._session:
                return False
            self._page = session.page(db)
        self._content = self._read_page()
        return True

    def _read_page(self) -> bytes:
        return os.pread(self._open_file, self._page.stop - self._page.start, self._page.start)

    def _is_older(self) -> bool:
        """Whether the file is in an earlier state than it was."""
        try:
            with contextlib.closing(session.alone(self._path)) as db:
                rows = session.rows(db)
        except sqlite3.DatabaseError:  # a checkpoint found no room for all that it copies
            return False
        is_older = rows < self._rows
        self._rows = max(rows, self._rows)
        return is_older

    def _refuse(self, finding: str) -> NoReturn:
        """Answer no call any more, and set the log aside.

        :param finding: what was done to which file.
        """
        aside = self._set_log_aside()
        self.refusal = f"{finding}{aside}; start the service again to use what is in {self._path}"
        raise DatabaseReplaced(self.refusal)

    def _set_log_aside(self) -> str:
        """Keep what stands in the file from being mixed with a log that does not belong to it.

        The log is copied and emptied, because this process has it open and SQLite would copy it
        into the file at the end.

        :returns: where it is, as the end of a clause.
        """
        log = f"{self._path}-wal"
        aside = f"{log}.{self._session[:8]}"
        try:
            if not os.path.getsize(log):
                return ""
            with open(log, "rb") as source, open(aside, "wb", opener=private) as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            raise DatabaseReplaced(
                f"{self._path} or its log was overwritten or truncated while it was served, and "
                f"what is in {log} cannot be moved to {aside}: {error.strerror}"
            ) from error
        os.truncate(log, 0)
        return f"; what was in {log} is in {aside}"


def _is_settled(change: tuple[int, int]) -> bool:
    """Whether no other change can have the time of this one."""
    return time.time_ns() - change[0] > _TICK


def _replaced(file: str) -> DatabaseReplaced:
    return DatabaseReplaced(
        f"{file} was removed or replaced while it was served, so that writes would be lost; "
        "put it back, or start the service again"
    )
