"""Number events, write reads in batches, and keep the journal within its size limit."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable
from contextvars import ContextVar
from functools import partial
from typing import Any

from ...errors import DatabaseFull
from ..database import meta
from ..database.connections import Database
from ..database.slices import in_slices

log = logging.getLogger("stateroom.journal")
# collects the numbers of the events that the current request writes; None if they are not collected
NUMBERS: ContextVar[list[int] | None] = ContextVar("numbers", default=None)
BATCH = 0.1  # seconds between two batches of reads
_ROWS = 100  # of a batch that is written at once, so that no call waits long for the writer
COLUMNS = (
    *("seq", "ns", "at", "real_at", "actor", "ti_id", "api", "op", "scope_id", "key", "status"),
    *("value", "kind", "expires_at", "expires_by", "parent", "saw", "note"),
    *("delay", "outcome", "state"),
)
_DROPPED = "journal_seq"  # the last number when a namespace was dropped, in the table meta
_PAUSE = 0.02  # seconds between two reads of a waiting reader
_OVERHEAD = 200  # bytes of an event beside its texts, indexes included
_MOST_PENDING = 10_000  # events that are kept until there is room for them
_UNKNOWN = -1  # the size of a namespace's events before it is measured
_KEPT = 0.9  # of the limit, after the oldest events were deleted
_INSERT = f"INSERT INTO journal ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_TEXTS = [COLUMNS.index(name) for name in ("key", "value", "note")]
_SIZE = (
    f"({_OVERHEAD} + ifnull(length(value), 0) + ifnull(length(key), 0) + ifnull(length(note), 0))"
)
Row = tuple[Any, ...]


class Log:
    """The numbers and the batch of one database; a namespace's own journal is :class:`Journal`.

    :param limit: bytes of events per namespace, of which the oldest are deleted first; 0 keeps no
        journal.
    """

    def __init__(self, database: Database, limit: int) -> None:
        self.limit = limit
        self.written = 0  # the highest number in the database
        self._database = database
        self._lock = threading.Lock()
        self._last = 0  # the highest number given out
        self._lacks_room = False  # whether the last batch found no room on the disk
        self._reached = 0  # the highest number in the current transaction
        self._pending: list[Row] = []
        self._sizes: dict[int, int] = {}
        self._dropped: set[int] = set()
        self._committed = threading.Condition()
        self._commits = 0
        self._waiting = 0
        self._work = threading.Event()
        self._is_full = threading.Event()  # the batch; or the log is closed
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, db: sqlite3.Connection) -> None:
        """Continue with the numbers of an earlier process."""
        (newest,) = db.execute("SELECT ifnull(max(seq), 0) FROM journal").fetchone()
        self._last = max(newest, meta.number(db, _DROPPED))
        self.written = self._last

    def _next(self) -> int:
        self._last += 1
        numbers = NUMBERS.get()
        if numbers is not None:
            numbers.append(self._last)
        return self._last

    def write(self, db: sqlite3.Connection, event: Row) -> int:
        """Number an event and write it in the caller's transaction; returns its number."""
        if not self.limit:
            return 0
        with self._lock:
            number = self._next()
        row = (number, *event)
        db.execute(_INSERT, row)
        self._count(row)
        return number

    def reserve(self, ns: int, count: int) -> int:
        """Take numbers for many events that are written in the current transaction; the first."""
        with self._lock:
            first = self._last + 1
            self._last += count
            self._sizes[ns] = _UNKNOWN
        self._wake()
        return first

    def kept(self, sizes: Iterable[int]) -> int:
        """The number of events that have room in the journal, of many, the newest first.

        :param sizes: bytes of their values.
        """
        size = 0
        kept = 0
        for value in sizes:
            size += _OVERHEAD + value
            if size > self.limit:
                break
            kept += 1
        return kept

    def note(self, row: Row) -> int:
        """Number an event now, and write it with the next batch."""
        if not self.limit:
            return 0
        with self._lock:
            number = self._next()
            if row[0] not in self._dropped:
                self._pending.append((number, *row))
        self._wake()
        if len(self._pending) >= _ROWS:
            self._is_full.set()
        return number

    def write_pending(self, db: sqlite3.Connection) -> list[Row]:
        """Write the batch in the caller's transaction; returns its rows, for :meth:`put_back`."""
        if self._database.is_short or self._lacks_room:  # no write fails for the sake of reads
            return []
        with self._lock:
            rows = self._pending
            self._pending = []
            self._reached = self._last
        if rows:
            try:
                db.executemany(_INSERT, rows)
            except BaseException:
                self.put_back(rows)
                raise
        return rows

    def put_back(self, rows: list[Row]) -> None:
        """Take a batch back whose transaction failed."""
        with self._lock:
            self._pending[:0] = rows
            del self._pending[:-_MOST_PENDING]

    def committed(self, rows: list[Row]) -> None:
        """Count a batch that was written, and wake the waiting readers."""
        for row in rows:
            self._count(row)
        self.written = self._reached
        self._commits += 1
        if self._waiting:
            with self._committed:
                self._committed.notify_all()

    def commits(self) -> int:
        """The number of transactions; to be read before the events, for :meth:`wait`."""
        return self._commits

    def wait(self, seen: int, seconds: float) -> None:
        """Wait for a transaction.

        Two reads of one reader are a pause apart, so that many readers cost busy writers little.

        :param seen: what :meth:`commits` returned before.
        """
        self._closing.wait(min(_PAUSE, seconds))
        with self._committed:
            self._waiting += 1
            try:
                self._committed.wait_for(
                    lambda: self._commits != seen or self._closing.is_set(), seconds
                )
            finally:
                self._waiting -= 1

    @property
    def is_closed(self) -> bool:
        return self._closing.is_set()

    def flush(self) -> None:
        """Write the batch now, or once there is room for it on the disk."""
        if not self._pending:
            return
        with self._database.lock:
            lacked_room = self._lacks_room
            self._lacks_room = False
            try:
                with self._database.transaction():
                    pass  # it is written at the end of every transaction
            except DatabaseFull as error:
                if not lacked_room:
                    log.error("reads are not written to the journal: %s", error)
                self._lacks_room = True

    def drop(self, db: sqlite3.Connection, ns: int) -> None:
        """Refuse further events of a namespace that the caller's transaction deletes: they would
        violate the foreign key.

        The last number is kept, because the newest event may be among those that are deleted.
        """
        with self._lock:
            meta.write(db, _DROPPED, str(self._last))
            self._dropped.add(ns)
            self._pending = [row for row in self._pending if row[1] != ns]
            self._sizes.pop(ns, None)

    def keep(self, ns: int) -> None:
        """Take events of a namespace again whose :meth:`drop` was rolled back."""
        with self._lock:
            self._dropped.discard(ns)

    def is_dropped(self, ns: int) -> bool:
        return ns in self._dropped

    def release(self) -> None:
        """End every :meth:`wait` and the thread; further batches are written with writes and by
        :meth:`close`.
        """
        self._closing.set()
        self._is_full.set()
        self._work.set()
        with self._committed:
            self._committed.notify_all()

    def close(self) -> None:
        """Write the last batch, and end the thread."""
        self.release()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _count(self, row: Row) -> None:
        size = self._sizes.get(row[1], _UNKNOWN)
        if size != _UNKNOWN:
            size += _OVERHEAD + sum(len(row[index] or "") for index in _TEXTS)
        self._sizes[row[1]] = size
        if size == _UNKNOWN or size > self.limit:
            self._wake()

    def _wake(self) -> None:
        if self._work.is_set():
            return
        self._work.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closing.is_set():
                    self._thread = threading.Thread(
                        target=self._keep, name="stateroom-journal", daemon=True
                    )
                    self._thread.start()

    def _keep(self) -> None:
        """Write batches and delete the oldest events, until the log is closed."""
        while not self._closing.is_set():
            self._work.wait()
            self._is_full.wait(BATCH)
            if not self._closing.is_set():
                self._is_full.clear()
            self._work.clear()
            try:
                self.flush()
                self._trim()
            except Exception:  # such as a replaced file, which each call says
                self._closing.wait(1)
            if self._lacks_room:
                self._closing.wait(1)
                self._work.set()

    def _trim(self) -> None:
        """Delete the oldest events of namespaces above the limit, in slices."""
        for ns, size in list(self._sizes.items()):
            if size == _UNKNOWN or size > self.limit:
                self._sizes[ns], last = self._excess(ns)
                if last is not None:
                    in_slices(partial(self._delete_until, ns, last))

    def _excess(self, ns: int) -> tuple[int, int | None]:
        """The bytes of a namespace's events that may stay, and the number of the last other one;
        None if all may.
        """
        sql = f"SELECT seq, {_SIZE} FROM journal WHERE ns = ? ORDER BY seq"
        with self._database.reading() as db:
            events = db.execute(sql, (ns,)).fetchall()
        size = sum(bytes_of_event for _, bytes_of_event in events)
        if size <= self.limit:
            return size, None
        last = None
        for seq, bytes_of_event in events:
            last = seq
            size -= bytes_of_event
            if size <= self.limit * _KEPT:
                break
        return size, last

    def _delete_until(self, ns: int, last: int, most: int) -> int:
        sql = """DELETE FROM journal WHERE seq IN (
            SELECT seq FROM journal WHERE ns = ? AND seq <= ? ORDER BY seq LIMIT ?)"""
        return self._database.free(lambda db: db.execute(sql, (ns, last, most)).rowcount)
