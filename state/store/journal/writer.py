"""Number events, write reads in batches, and keep the journal within its size limit."""

from __future__ import annotations

import sqlite3
import threading
from contextvars import ContextVar
from typing import Any

from ..database.connections import Database

# where the numbers go of the events that this thread's request makes, if somebody wants them
NUMBERS: ContextVar[list[int] | None] = ContextVar("numbers", default=None)
BATCH = 0.1  # seconds that a read waits for its batch
COLUMNS = (
    *("seq", "ns", "at", "real_at", "actor", "ti_id", "api", "op", "scope_id", "key", "status"),
    *("value", "kind", "expires_at", "expires_by", "parent", "saw", "note"),
    *("delay", "outcome", "state"),
)
_DROPPED = "journal_seq"  # the last number when a namespace was dropped, in the table meta
_PAUSE = 0.02  # seconds between two looks of a waiting reader
_OVERHEAD = 200  # bytes of an event beside its texts, indexes included
_UNKNOWN = -1  # how much a namespace holds that was not looked at yet
_KEPT = 0.9  # of the limit, after the oldest were dropped
_INSERT = f"INSERT INTO journal ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_TEXTS = [COLUMNS.index(name) for name in ("key", "value", "note")]
_SIZE = (
    f"({_OVERHEAD} + ifnull(length(value), 0) + ifnull(length(key), 0) + ifnull(length(note), 0))"
)
Row = tuple[Any, ...]


class Log:
    """The numbers and the batch of one database; a namespace's own journal is :class:`Journal`.

    :param limit: bytes that each namespace may fill, the oldest events go first; 0 keeps no journal
        at all.
    """

    def __init__(self, database: Database, limit: int) -> None:
        self._database, self.limit = database, limit
        self._lock = threading.Lock()
        self._last = self._reached = self.written = (
            0  # numbers: given out, in this transaction, in the database
        )
        self._pending: list[Row] = []
        self._sizes: dict[int, int] = {}
        self._dropped: set[int] = set()
        self._changed = threading.Condition()
        self._commits = self._waiting = 0
        self._work, self._closing = threading.Event(), threading.Event()
        self._keeper: threading.Thread | None = None

    def begin(self, db: sqlite3.Connection) -> None:
        """Go on with the numbers where an earlier process stopped."""
        sql = """SELECT max(seq) FROM journal UNION ALL SELECT cast(value AS INTEGER) FROM meta
            WHERE name = ?"""
        self._last = self.written = max(row[0] or 0 for row in db.execute(sql, (_DROPPED,)))

    def number(self) -> int:
        """The next number, for an event that is written in the transaction that runs now."""
        if not self.limit:
            return 0
        with self._lock:
            self._last += 1
            number = self._last
        _tell(number)
        return number

    def write(self, db: sqlite3.Connection, row: Row) -> None:
        """Write an event in the caller's transaction."""
        if self.limit:
            db.execute(_INSERT, row)
            self._count(row)

    def reserve(self, ns: int, count: int) -> int:
        """The first of many numbers in a row, for events that are written in the transaction that
        runs now.
        """
        with self._lock:
            first = self._last + 1
            self._last += count
            self._sizes[ns] = _UNKNOWN
        self._wake()
        return first

    def note(self, row: Row) -> int:
        """Number an event now, and write it with the next batch."""
        if not self.limit:
            return 0
        with self._lock:
            self._last += 1
            number = self._last
            if row[0] not in self._dropped:
                self._pending.append((number, *row))
        _tell(number)
        self._wake()
        return number

    def write_pending(self, db: sqlite3.Connection) -> list[Row]:
        """Write the batch in the caller's transaction; its rows, for :meth:`put_back`."""
        with self._lock:
            rows, self._pending = self._pending, []
            self._reached = self._last
        if rows:
            db.executemany(_INSERT, rows)
        return rows

    def put_back(self, rows: list[Row]) -> None:
        """Take a batch back whose transaction failed."""
        with self._lock:
            self._pending[:0] = rows

    def committed(self, rows: list[Row]) -> None:
        """Count a batch that was written, and tell those who wait."""
        for row in rows:
            self._count(row)
        self.written = self._reached
        self._commits += 1
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def commits(self) -> int:
        """How many transactions there have been; ask it before a look after which :meth:`wait` is
        called.
        """
        return self._commits

    def wait(self, seen: int, seconds: float) -> None:
        """Wait for a transaction after those that were seen.

        Looks of one waiter are apart, so that many of them cost busy writers little.
        """
        self._closing.wait(min(_PAUSE, seconds))
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(
                    lambda: self._commits != seen or self._closing.is_set(), seconds
                )
            finally:
                self._waiting -= 1

    @property
    def is_closed(self) -> bool:
        return self._closing.is_set()

    def flush(self) -> None:
        """Write the batch now."""
        if self._pending:
            with self._database.transaction():
                pass  # it is written at the end of every transaction

    def drop(self, db: sqlite3.Connection, ns: int) -> None:
        """Take no more events of a namespace that goes in the caller's transaction, perhaps with
        the newest of all.

        They would find no row to belong to.
        """
        with self._lock:
            db.execute(
                "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (_DROPPED, self._last)
            )
            self._dropped.add(ns)
            self._pending = [row for row in self._pending if row[1] != ns]
            self._sizes.pop(ns, None)

    def is_dropped(self, ns: int) -> bool:
        return ns in self._dropped

    def release(self) -> None:
        """End the waits, and the thread; from then on batches are written with writes, and by
        :meth:`close`.
        """
        self._closing.set()
        self._work.set()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self.release()
        if self._keeper is not None:
            self._keeper.join()
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
        if self._keeper is None:
            with self._lock:
                if self._keeper is None and not self._closing.is_set():
                    self._keeper = threading.Thread(
                        target=self._keep, name="stateroom-journal", daemon=True
                    )
                    self._keeper.start()

    def _keep(self) -> None:
        """Write batches and drop the oldest events, as long as there is something to do."""
        while not self._closing.is_set():
            self._work.wait()
            self._closing.wait(BATCH)
            self._work.clear()
            try:
                self.flush()
                self._trim()
            except (
                Exception
            ):  # a full disk, say: the batch is put back, and the next one tries again
                self._closing.wait(1)

    def _trim(self) -> None:
        for ns, size in list(self._sizes.items()):
            if size == _UNKNOWN or size > self.limit:
                with self._database.transaction() as db:
                    self._sizes[ns] = self._trimmed(db, ns)

    def _trimmed(self, db: sqlite3.Connection, ns: int) -> int:
        """Drop the oldest events of a namespace if they are too many; how many bytes are left."""
        (size,) = db.execute(
            f"SELECT ifnull(sum({_SIZE}), 0) FROM journal WHERE ns = ?", (ns,)
        ).fetchone()
        if size <= self.limit:
            return int(size)
        for seq, own in db.execute(
            f"SELECT seq, {_SIZE} FROM journal WHERE ns = ? ORDER BY seq", (ns,)
        ).fetchall():
            size -= own
            if size <= self.limit * _KEPT:
                db.execute("DELETE FROM journal WHERE ns = ? AND seq <= ?", (ns, seq))
                break
        return int(size)


def _tell(number: int) -> None:
    if (numbers := NUMBERS.get()) is not None:
        numbers.append(number)
