"""The database and its connections: one writer with a lock, readers that never wait."""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ...errors import CorruptDatabase, DatabaseFull, DatabaseReplaced, StoreError
from ...forks import close_in_children
from . import identity, leftovers, opening, session
from .checkpoints import LIMIT, Checkpoints
from .ownership import Ownership
from .removals import Removals
from .reserve import SIZE, Reserve
from .watch import Watch

log = logging.getLogger("stateroom.store")
MEMORY = ":memory:"
Result = TypeVar("Result")
_SHORT = 0.001  # seconds
# in a forked child: the parent's connections, which a child can neither use nor close
_inherited: list[sqlite3.Connection] = []


class Companion(Protocol):
    """Pending rows that are written with the next transaction: the journal's."""

    def write_pending(self, db: sqlite3.Connection) -> Any:
        """Write the rows before the commit, and return them for the other two methods."""

    def put_back(self, written: Any) -> None:
        """Keep the rows for the next transaction, because this one failed."""

    def committed(self, written: Any) -> None:
        """The rows are in the database."""


class Database:
    """One SQLite database, in a file or in memory.

    A file has one writer connection with a lock, and a ``query_only`` connection per concurrent
    read: with WAL a reader sees the last commit and never waits. A database in memory has one
    connection and the lock for both, because SQLite's shared cache answers readers with "database
    table is locked".

    :param path: a file's path, or ``:memory:``.
    :param durable: wait for the disk on each commit, so that an acknowledged write survives a power
        cut; without it, it survives ``kill -9``.
    :raises StoreError: a subclass, if the file cannot be used; the file is not changed.
    """

    companion: Companion
    # whether this transaction uses the reserve: it writes nothing that it can do without
    is_short = False

    def __init__(self, path: str, durable: bool = False) -> None:
        self.path = path
        self.durable = durable
        # held by every transaction; hold it around one and the assignments that must follow it
        self.lock = threading.RLock()
        self.ending = threading.Event()
        self.removals = Removals(self.lock)
        self.identity = identity.Identity(self, path)
        self._idle_readers: list[sqlite3.Connection] = []
        self._ownership: Ownership | None = None
        self._checkpoints = Checkpoints(
            functools.partial(self._connect_again, wait=True),
            self.lock,
            lambda: self._watch.is_right(),
            functools.partial(self._check_file, wait=True),
        )
        self._is_long = False  # the transaction that runs
        self._damage: CorruptDatabase | None = None  # that a read found
        self._open = True
        self.is_parents = False  # whether this process is a fork of the one that opened the file
        self._found: list[str] = []  # if the file is another than it was, or its log is missing
        self._file = path
        self.is_file = path != MEMORY  # whether its contents outlive the process
        if self.is_file:
            self._file = str(Path(path).resolve())  # the process may change its folder
            self._ownership = opening.own(Path(path))
        self._reserve = Reserve(self._file)
        self._watch = Watch(self._file, self._checkpoints.running)
        try:
            if self._ownership is not None:
                opening.create(Path(self._file))
                self._ownership.claim()
            self._writer = self._open_writer(durable)
            if self.is_file:
                self._reserve.take()
        except BaseException:
            self._release()
            raise
        if self.is_file:
            close_in_children(self)

    def _open_writer(self, durable: bool) -> sqlite3.Connection:
        had_log = self.is_file and session.has_log(self._file)
        connection = self._connect()
        try:
            opening.prepare(connection, self.path, durable)
            if self.is_file:
                former = identity.former_path(connection, self._file)
                found = identity.bind(connection, self._file)
                missing = session.missing(connection, self._file, had_log)
                self._found = [note for note in (found, missing) if note is not None]
                connection.execute(f"PRAGMA wal_autocheckpoint = {LIMIT}")
                connection.execute(f"PRAGMA journal_size_limit = {SIZE}")  # of a log begun anew
                self._begin_session(connection, missing)
                if former is not None:
                    leftovers.remove(Path(former))
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin_session(self, db: sqlite3.Connection, missing: str | None) -> None:
        assert self._ownership is not None
        session_id = session.new_id()
        # a process that is killed now leaves a file with this session or with the one before
        self._ownership.note_session(session_id)
        try:
            session.begin(db, session_id, self._file, missing)
            self._checkpoints.copy(db)
        except sqlite3.OperationalError as error:
            try:
                opening.explain(error, self.path)
                raise
            except DatabaseFull:
                pass  # what frees room has to work
        if self._watch.begin(session_id):
            self._ownership.note_session(session_id, alone=True)

    def _end_session(self) -> None:
        try:
            self._check_file(wait=True)
            session.end(self._writer)
            if self._ownership is not None:
                self._ownership.sessions = []
        except (CorruptDatabase, DatabaseReplaced):
            pass  # said with each call since
        except sqlite3.OperationalError as error:
            log.warning("%s is not marked as stopped in order: %s", self.path, error)

    def _connect(self) -> sqlite3.Connection:
        database = self._file
        if self.is_file:
            database = f"{Path(self._file).as_uri()}?mode=rw"  # never create one
        return sqlite3.connect(
            database,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            uri=self.is_file,
        )

    def _connect_again(self, wait: bool = False) -> sqlite3.Connection:
        self._check_file(wait)
        return self._connect()

    def _check_file(self, wait: bool = False) -> None:
        """Look whether the files are the ones that were opened.

        :param wait: for other writers, if the contents have to be compared; without it, that is
            left to them.
        :raises DatabaseReplaced: if they are others, or were overwritten or truncated.
        """
        if not self.is_file:
            return
        try:
            is_changed = self._watch.is_changed()
        except DatabaseReplaced:
            self._save_log()
            raise
        if is_changed and self.lock.acquire(blocking=wait):
            try:
                self._watch.look()
            except sqlite3.DatabaseError as error:
                opening.explain(error, self.path)
                raise
            finally:
                self.lock.release()

    def _save_log(self) -> None:
        """Copy what is in a log that was removed: this process still has it."""
        if not self._watch.lacks_log() or not self.lock.acquire(timeout=1):
            return
        try:
            if not self._writer.in_transaction:
                with contextlib.suppress(sqlite3.OperationalError):  # the next call tries again
                    self._checkpoints.copy(self._writer)
        finally:
            self.lock.release()

    def _check_open(self) -> None:
        """:raises StoreError: if the store was closed, or is that of a parent process."""
        if self.is_parents:
            raise StoreError(
                f"{self.path} is open in the process from which this one was forked; call that "
                "one over HTTP, or open another file"
            )
        if not self._open:
            raise StoreError(f"{self.path} was closed")

    def _check_damage(self) -> None:
        """:raises CorruptDatabase: if a read has found damage, to which writes would add."""
        if self._damage is not None:
            raise CorruptDatabase(
                f"{self._damage}; it is not written any more: stop the service and restore a copy"
            )

    def announce(self, url: str) -> None:
        """Write the owner's address into the lock file, for the message of a second process."""
        if self._ownership:
            self._ownership.announce(url)

    @contextlib.contextmanager
    def transaction(self, refs: Collection[str] = ()) -> Iterator[sqlite3.Connection]:
        """The writer, inside ``BEGIN IMMEDIATE``: the writes of the block are committed together or
        rolled back.

        :param refs: the references that rows will point at.
        :raises DatabaseFull: if the disk is full; the transaction was rolled back.
        :raises CorruptDatabase: if a read has found damage.
        :raises DatabaseReplaced: if the file or its log was removed, replaced or overwritten.
        :raises ReferenceBusy: if the removal of one of their objects takes too long.
        :raises StoreError: if the store was closed.
        """
        with self.lock:
            self._check_open()
            if refs:
                self.removals.wait(refs)
            self._check_file()
            self._check_damage()
            db = self._writer
            pending = None
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                pending = self.companion.write_pending(db)
                db.execute("COMMIT")
            except BaseException as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if pending:
                    self.companion.put_back(pending)
                opening.explain(error, self.path, self._advice_if_full)
                raise
            self.companion.committed(pending)
            if self.is_file:
                self._checkpoints.committed()
                if not self.is_short:
                    self._reserve.renew()

    @property
    def notes(self) -> list[str]:
        """What whoever starts the service has to know about the file, in sentences."""
        if self._reserve.problem is None:
            return self._found
        return [*self._found, self._reserve.problem]

    @property
    def _advice_if_full(self) -> str:
        return self._reserve.problem or opening.DELETE

    def free(
        self, act: Callable[[sqlite3.Connection], Result], refs: Collection[str] = ()
    ) -> Result:
        """Run a function that frees room in a transaction, on a full disk with the reserve.

        :param act: called with the writer; called again with :attr:`is_short` set, if there was
            too little room.
        :param refs: as for :meth:`transaction`, which says what is raised.
        :raises DatabaseFull: if there is too little even so.
        """
        try:
            with self.transaction(refs) as db:
                return act(db)
        except DatabaseFull:
            if not self.is_file:
                raise
        with self.lock, self._reserve.released():
            self.is_short = True
            try:
                with self.transaction(refs) as db:
                    result = act(db)
            finally:
                self.is_short = False
            with contextlib.suppress(sqlite3.OperationalError):  # for readers, or still no room
                self._checkpoints.truncate(self._writer)
        return result

    @contextlib.contextmanager
    def if_free(self) -> Iterator[bool]:
        """Whether nothing would keep a short call waiting; keeps it so for the block.

        That is: no other thread writes, no commit waits for the disk, no object is being removed.
        Asked by one thread.
        """
        if self.durable or not self._is_free_soon():
            yield False
            return
        try:
            yield not self.removals
        finally:
            self.lock.release()

    def _is_free_soon(self) -> bool:
        """Take the lock if it is free, or will be when a short write ends.

        Without the wait, one write in another thread would send all that follow to other threads
        too, for as long as they follow each other. A long write is waited for once.
        """
        if self.lock.acquire(blocking=False):
            self._is_long = False
        elif not self._is_long:
            self._is_long = not self.lock.acquire(timeout=_SHORT)
        else:
            return False
        return not self._is_long

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reads: an idle one, or with a database in memory the only one and the
        lock.
        """
        if not self.is_file:
            with self.lock:
                yield self._writer
            return
        if self._watch.refusal is not None:
            raise DatabaseReplaced(self._watch.refusal)
        reader = self._reader()
        try:
            yield reader
        except sqlite3.Error as error:
            self._check_file()  # the error of a file that was changed says less
            self._explain_read(error)
            raise
        finally:
            self._idle_readers.append(reader)
            if not self._open:
                self._close_readers()

    def _explain_read(self, error: sqlite3.Error) -> None:
        """:raises StoreError: the error, if it is one of the file; after damage for good."""
        try:
            opening.explain(error, self.path)
        except CorruptDatabase as damage:
            self._damage = damage
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection for several reads of the same state of the database."""
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
            pass
        self._check_open()
        reader = self._connect_again()
        reader.execute("PRAGMA query_only = ON")
        return reader

    def copy_log(self) -> None:
        """Copy the log into the file, safe from a power cut; without room the rows stay in it."""
        with contextlib.suppress(sqlite3.OperationalError):
            self._checkpoints.copy(self._writer)

    def problem(self) -> str | None:
        """The error of a read; None if the database can be read."""
        try:
            self._check_file()
            self._check_damage()
            with self.reading() as db:
                db.execute("SELECT 1 FROM namespaces LIMIT 1").fetchone()
        except (sqlite3.Error, StoreError) as error:
            return str(error)
        return None

    def close_in_child(self) -> None:
        """Leave the file to the parent: calls of the child are refused, and it closes nothing."""
        self.is_parents = True
        self.lock = threading.RLock()  # a thread of the parent may have held it
        _inherited.extend((self._writer, *self._idle_readers))
        self._idle_readers = []

    def close(self) -> None:
        """Close every connection and give up the file; not in a forked child."""
        if self.is_parents:
            return
        self._checkpoints.close()
        with self.lock:
            self._open = False
            self._close_readers()
            if self._ownership is not None:  # not closed before
                self._reserve.end()
                self._end_session()
            self._writer.close()
            self._release()

    def _close_readers(self) -> None:
        while self._idle_readers:
            self._idle_readers.pop().close()

    def _release(self) -> None:
        self._watch.end()
        if self._ownership:
            self._ownership.release()
            self._ownership = None
