"""Checkpoints of the write-ahead log in a thread of their own, so that no call pays for one."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable

from ...errors import StoreError

COMMITS = 100  # between two checkpoints
LIMIT = 2_000  # pages of the log after which a commit makes a checkpoint itself
_LONG = 500  # pages of the log from which the writer is kept waiting, for a moment
_PAUSE = 0.1  # seconds between two checkpoints


class Checkpoints:
    """Copies the pages of the write-ahead log into the database file.

    SQLite does it in the commit that fills the log (1,000 pages): that call takes some 4 ms more.
    Here a thread copies while others write. Because SQLite begins the log anew only when all of it
    was copied, the thread copies the last few pages of a long log while it holds the writer's lock,
    for about 1 ms.

    :param connect: opens a connection to the database file.
    :param lock: held by every transaction.
    :param is_right: whether a checkpoint may write to the file, asked while no other one runs.
    :param check: compares what stands in the file after a checkpoint.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        lock: contextlib.AbstractContextManager[object],
        is_right: Callable[[], bool],
        check: Callable[[], object],
    ) -> None:
        self._connect = connect
        self._lock = lock
        self._is_right = is_right
        self._check = check
        self.running = threading.Lock()  # taken after the writer's: SQLite makes one at a time
        self._commits = 0
        self._due = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Count a commit; called with the lock."""
        self._commits += 1
        if self._commits % COMMITS:
            return
        self._due.set()
        if self._thread is None and not self._closing.is_set():
            self._thread = threading.Thread(
                target=self._run, name="stateroom-checkpoints", daemon=True
            )
            self._thread.start()

    def truncate(self, db: sqlite3.Connection) -> None:
        """Copy the whole log and give its room on the disk back; called with the lock.

        :raises sqlite3.OperationalError: if there is no room for what it copies.
        """
        with self.running:
            if self._is_right():
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """End the thread; called without the lock."""
        self._closing.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._due.wait()
            if self._closing.wait(_PAUSE):
                return
            self._due.clear()
            # as when SQLite does it in a commit, an error (such as a full disk) harms no row: the
            # log keeps its pages, and a later checkpoint copies them
            with contextlib.suppress(sqlite3.Error, StoreError):
                self._checkpoint()

    def _checkpoint(self) -> None:
        with contextlib.closing(self._connect()) as db:
            if self.copy(db) > _LONG:
                with self._lock:
                    self.copy(db)
        self._check()

    def copy(self, db: sqlite3.Connection) -> int:
        """Copy what no reader needs in the log; returns the pages in the log."""
        with self.running:
            if not self._is_right():  # the next call says it
                return 0
            _, pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(pages)
