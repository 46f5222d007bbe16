"""The SQLite store: one writer under a lock, readers that never wait, namespaces of keyspaces."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ..errors import ReferenceBusy, StoreError
from .database import opening
from .database.connections import _PATIENCE, MEMORY
from .database.ownership import Ownership
from .faults import faulty
from .journal.writer import Log
from .namespace import Namespace
from .tables import namespaces

JOURNAL_LIMIT = 16 * 2**20  # bytes


class Store:
    """One database, in a file or in memory.

    A file has one writer connection, guarded by a lock, and a ``query_only`` connection for each read that is under
    way: with WAL a reader sees the last commit and waits for nobody. Memory has one connection and the lock for both;
    SQLite's shared cache would answer readers with "database table is locked".

    :param path: a file's path, or ``:memory:``.
    :param durable: wait for the disk on each commit (survives the power cut); without it an acknowledged write
        survives ``kill -9``.
    :param journal_limit: bytes of the journal that each namespace keeps; 0 keeps none.
    :raises StoreError: one of its leaves, if the file cannot be used; it is left as it was.
    """

    def __init__(
        self, path: str = MEMORY, durable: bool = False, journal_limit: int = JOURNAL_LIMIT
    ) -> None:
        self.path = path
        self.log = Log(self, journal_limit)
        self.lock = (
            threading.RLock()
        )  # held by whoever writes; hold it around a transaction and what must follow it
        self._removed = threading.Condition(self.lock)
        self._removing: set[str] = set()
        self._idle_readers: list[sqlite3.Connection] = []
        self._namespaces: dict[str, Namespace] = {}
        self._ownership: Ownership | None = None
        self._open = True
        self.faulty: frozenset[str] = frozenset()  # the names of the namespaces that have faults
        self.ending = threading.Event()
        self._file = (
            MEMORY if path == MEMORY else str(Path(path).resolve())
        )  # where it is, wherever the process goes
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
            self.log.begin(connection)
            self.faulty = faulty(connection)
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
        """The writer, inside ``BEGIN IMMEDIATE``: all that happens in the block is kept, or nothing.

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
                noted = self.log.write_pending(db)
                db.execute("COMMIT")
            except BaseException as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if noted:
                    self.log.put_back(noted)
                opening.explain(error, self.path)
                raise
            self.log.committed(noted)

    def begin_removal(self, ref: str) -> None:
        """Keep writes from pointing at a reference; called inside the transaction that found that no row does."""
        self._removing.add(ref)

    def end_removal(self, ref: str) -> None:
        with self.lock:
            self._removing.discard(ref)
            self._removed.notify_all()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reads: one that nobody else uses now, or with a memory database the one, under the lock."""
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

    def namespace(self, name: str = "default") -> Namespace:
        """A namespace by its name.

        :raises NamespaceNotFound: if there is none of this name; it names those that are spelt alike.
        """
        found = self._namespaces.get(name)
        if found is None:
            with self.lock:  # so that one that is being dropped does not come back
                found = self._namespaces.setdefault(name, namespaces.load(self, name))
        return found

    def namespaces(self) -> list[dict[str, Any]]:
        """Every namespace with what it holds, as :func:`state.store.namespaces.listed` says."""
        return namespaces.listed(self)

    def create_namespace(self, name: str, fixture: dict[str, Any] | None = None) -> Namespace:
        """Make an empty namespace.

        :param fixture: the document that it returns to when it is reset, as it was sent; applying it is the caller's.
        :raises InvalidName: for a name that cannot be.
        :raises NamespaceExists: if there is one of this name.
        """
        namespaces.create(self, name, fixture)
        return self.namespace(name)

    def drop_namespace(self, name: str) -> None:
        """Drop a namespace with all that it holds; objects behind its references become orphans of ``default``.

        :raises NamespaceNotFound: if there is none of this name.
        :raises NamespaceExists: for ``default``, which always is.
        """
        with self.lock:
            dropped = self.namespace(name)
            namespaces.drop(dropped)
            del self._namespaces[name]
            self.faulty -= {name}

    def problem(self) -> str | None:
        """What keeps the database from being read, or None if nothing does."""
        try:
            with self.reading() as db:
                db.execute("SELECT 1 FROM namespaces LIMIT 1").fetchone()
        except (sqlite3.Error, StoreError) as error:
            return str(error)
        return None

    def release(self) -> None:
        """End every wait: for events of the journal, and those that faults make."""
        self.ending.set()
        self.log.release()

    def close(self) -> None:
        """Close every connection and give up the file."""
        self.release()
        self.log.close()
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
