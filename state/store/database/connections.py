"""The database and its connections: one writer under a lock, readers that never wait."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Protocol

from ...errors import ReferenceBusy, StoreError
from . import opening
from .ownership import Ownership

MEMORY = ":memory:"
_PATIENCE = 5  # seconds that a write waits for the removal of the object that it points at


class Companion(Protocol):
    """What every transaction takes along: rows that wait to be written, which are the journal's."""

    def write_pending(self, db: sqlite3.Connection) -> Any:
        """Write them before the commit; what the other two are given."""

    def put_back(self, written: Any) -> None:
        """Take them back, because the transaction failed."""

    def committed(self, written: Any) -> None:
        """Learn that they are in the database."""


class Database:
    """One SQLite database, in a file or in memory.

    A file has one writer connection, guarded by a lock, and a ``query_only`` connection for each
    read that is under way: with WAL a reader sees the last commit and waits for nobody. Memory has
    one connection and the lock for both; SQLite's shared cache would answer readers with "database
    table is locked".

    :param path: a file's path, or ``:memory:``.
    :param durable: wait for the disk on each commit (survives the power cut); without it an
        acknowledged write survives ``kill -9``.
    :raises StoreError: one of its leaves, if the file cannot be used; it is left as it was.
    """

    companion: Companion

    def __init__(self, path: str, durable: bool = False) -> None:
        self.path = path
        self.durable = durable
        # held by whoever writes; hold it around a transaction and what must follow it
        self.lock = threading.RLock()
        self.ending = threading.Event()
        self._removed = threading.Condition(self.lock)
        self._removing: set[str] = set()
        self._idle_readers: list[sqlite3.Connection] = []
        self._ownership: Ownership | None = None
        self._open = True
        # absolute, wherever the process goes
        self._file = MEMORY if path == MEMORY else str(Path(path).resolve())
        if path != MEMORY:
            self._ownership = opening.own(Path(path))
        try:
            self._writer = self._open_writer(durable)
        except BaseException:
            self._release()
            raise

    def _open_writer(self, durable: bool) -> sqlite3.Connection:
        connection = self._connect()
        try:
            opening.prepare(connection, self.path, durable)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._file, isolation_level=None, check_same_thread=False, cached_statements=256
        )

    def announce(self, url: str) -> None:
        """Write the address into the lock file, so that a second process can name it."""
        if self._ownership:
            self._ownership.announce(url)

    @contextlib.contextmanager
    def transaction(self, refs: Collection[str] = ()) -> Iterator[sqlite3.Connection]:
        """The writer, inside ``BEGIN IMMEDIATE``: all that happens in the block is kept, or
        nothing.

        :param refs: the references that rows are going to point at.
        :raises DatabaseFull: if there is no room; the transaction was rolled back.
        :raises ReferenceBusy: if the removal of one of their objects takes too long.
        """
        with self.lock:
            if refs and not self._removed.wait_for(
                lambda: self._removing.isdisjoint(refs), _PATIENCE
            ):
                raise ReferenceBusy(next(ref for ref in refs if ref in self._removing))
            db, noted = self._writer, None
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                noted = self.companion.write_pending(db)
                db.execute("COMMIT")
            except BaseException as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if noted:
                    self.companion.put_back(noted)
                opening.explain(error, self.path)
                raise
            self.companion.committed(noted)

    @contextlib.contextmanager
    def if_free(self) -> Iterator[bool]:
        """Whether nothing would keep a short call waiting; keeps it so for the block.

        That is: no other thread writes, no commit waits for the disk, no object is being removed.
        """
        if self.durable or not self.lock.acquire(blocking=False):
            yield False
            return
        try:
            yield not self._removing
        finally:
            self.lock.release()

    def begin_removal(self, ref: str) -> None:
        """Keep writes from pointing at a reference; called inside the transaction that found that
        no row does.
        """
        self._removing.add(ref)

    def end_removal(self, ref: str) -> None:
        with self.lock:
            self._removing.discard(ref)
            self._removed.notify_all()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reads: one that nobody else uses now, or with a memory database the one,
        under the lock.
        """
        if self.path == MEMORY:
            with self.lock:
                yield self._writer
            return
        reader = self._reader()
        try:
            yield reader
        except sqlite3.Error as error:
            opening.explain(error, self.path)
            raise
        finally:
            self._idle_readers.append(reader)
            if not self._open:
                self._close_readers()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection for several reads that have to see one and the same moment."""
        with self.reading() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def _reader(self) -> sqlite3.Connection:
        try:
            return self._idle_readers.pop()
        except IndexError:
            if not self._open:
                raise StoreError(f"{self.path} was closed") from None
            reader = self._connect()
            reader.execute("PRAGMA query_only = ON")
            return reader

    @property
    def is_file(self) -> bool:
        """Whether what it holds outlives the process."""
        return self.path != MEMORY

    @functools.cached_property
    def database_id(self) -> str:
        """What tells this database's objects from another's in one bucket."""
        with self.reading() as db:
            (found,) = db.execute("SELECT value FROM meta WHERE name = 'database_id'").fetchone()
        return str(found)

    def problem(self) -> str | None:
        """What keeps the database from being read, or None if nothing does."""
        try:
            with self.reading() as db:
                db.execute("SELECT 1 FROM namespaces LIMIT 1").fetchone()
        except (sqlite3.Error, StoreError) as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close every connection and give up the file."""
        with self.lock:
            self._open = False
            self._close_readers()
            self._writer.close()
            self._release()

    def _close_readers(self) -> None:
        while self._idle_readers:
            self._idle_readers.pop().close()

    def _release(self) -> None:
        if self._ownership:
            self._ownership.release()
            self._ownership = None
