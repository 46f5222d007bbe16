"""The SQLite store: one writer under a lock, readers that never wait, namespaces of keyspaces."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from ..clock import Clock
from ..errors import CorruptDatabase, DatabaseFull, NamespaceNotFound, ReadOnlyDatabase, ReferenceBusy
from . import opening
from .registry import Namespace

MEMORY = ":memory:"
_FULL, _READ_ONLY, _CORRUPT = 13, 8, 11  # SQLite's primary result codes
_PATIENCE = 5  # seconds that a write waits for the removal of the object that it points at


class Store:
    """One database, in a file or in memory.

    A file has one writer connection, guarded by a lock, and one ``query_only`` connection per thread for reads:
    with WAL a reader sees the last commit and waits for nobody. Memory has one connection and the lock for both;
    SQLite's shared cache would answer readers with "database table is locked".

    :param path: a file's path, or ``:memory:``.
    :param durable: wait for the disk on each commit (survives the power cut); without it an acknowledged write
        survives ``kill -9``.
    :raises StoreError: one of its leaves, if the file cannot be used; it is left as it was.
    """

    def __init__(self, path: str = MEMORY, durable: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._removed = threading.Condition(self._lock)
        self._removing: set[str] = set()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._namespaces: dict[str, Namespace] = {}
        self._ownership: opening.Ownership | None = None
        try:
            self._writer = self._open(durable)
        except BaseException:
            self._release()
            raise

    def _open(self, durable: bool) -> sqlite3.Connection:
        if self.path != MEMORY:
            path = Path(self.path)
            opening.check_writable(path)
            self._ownership = opening.Ownership(path)
            if path.exists():
                opening.check_ours(path)
        connection = self._connect()
        if self.path != MEMORY:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        with translated(self.path):
            opening.prepare(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=256)

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
        with self._lock, translated(self.path):
            if refs and not self._removed.wait_for(lambda: self._removing.isdisjoint(refs), _PATIENCE):
                raise ReferenceBusy(next(ref for ref in refs if ref in self._removing))
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def begin_removal(self, ref: str) -> None:
        """Keep writes from pointing at a reference; called inside the transaction that found that no row does."""
        self._removing.add(ref)

    def end_removal(self, ref: str) -> None:
        with self._lock:
            self._removing.discard(ref)
            self._removed.notify_all()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reads: this thread's own, or with a memory database the one, under the lock."""
        if self.path == MEMORY:
            with self._lock:
                yield self._writer
        else:
            yield self._reader()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection for several reads that have to see one and the same moment."""
        with self.reading() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    def _reader(self) -> sqlite3.Connection:
        reader: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._connect()
            reader.execute("PRAGMA query_only = ON")
            with self._lock:
                self._readers.append(reader)
        return reader

    @functools.cached_property
    def database_id(self) -> str:
        """What tells this database's objects from another's in one bucket."""
        with self.reading() as db:
            (found,) = db.execute("SELECT value FROM meta WHERE name = 'database_id'").fetchone()
        return str(found)

    def namespace(self, name: str = "default", clock: Clock | None = None) -> Namespace:
        """A namespace by its name.

        :raises NamespaceNotFound: if there is none of this name.
        """
        found = self._namespaces.get(name)
        if found is None:
            found = self._namespaces.setdefault(name, self._load_namespace(name, clock or Clock()))
        return found

    def _load_namespace(self, name: str, clock: Clock) -> Namespace:
        with self.reading() as db:
            row = db.execute("SELECT ns, config FROM namespaces WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NamespaceNotFound(f"Namespace {name!r} not found")
        return Namespace(self, row[0], name, row[1], clock)

    def close(self) -> None:
        """Close every connection and give up the file."""
        with self._lock:
            for connection in [*self._readers, self._writer]:
                connection.close()
            self._readers.clear()
            self._release()

    def _release(self) -> None:
        if self._ownership:
            self._ownership.release()
            self._ownership = None


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn SQLite's own errors about the file into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == _FULL or "is full" in str(error):
            raise DatabaseFull(f"{path} has no room left ({error}); nothing was changed") from error
        if code == _READ_ONLY:
            raise ReadOnlyDatabase(f"{path} cannot be written ({error})") from error
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == _CORRUPT:
            raise CorruptDatabase(f"{path} is damaged: {error}") from error
        raise
