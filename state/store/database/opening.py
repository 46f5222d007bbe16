"""Opening a database file: what has to be true of it before anything in it is touched."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path

from sqlite_utils import Database

from ...errors import (
    CorruptDatabase,
    DatabaseFull,
    NamespaceDropped,
    NewerDatabase,
    NotADatabase,
    ReadOnlyDatabase,
    StoreError,
)
from .migrations import APPLICATION_ID, migrations
from .ownership import Ownership, lock_path

MAGIC = b"SQLite format 3\x00"
_ROOM = 64 * 1024  # bytes; the log's index grows by half of it
_ID_AT = slice(68, 72)  # where SQLite's header keeps the application id


def own(path: Path) -> Ownership:
    """Become the owner of a file that is sound and this release's or an older one's, or of one that
    is not there yet.

    Until this returns, nothing in the file or beside it has changed but its lock.

    :raises StoreError: one of its leaves, in one sentence that says what to do.
    """
    check_writable(path)
    check_header(path)
    try:
        ownership = Ownership(path)
    except OSError as error:
        kind = DatabaseFull if error.errno == errno.ENOSPC else ReadOnlyDatabase
        raise kind(f"{lock_path(path)} cannot be written: {error.strerror}") from error
    try:
        if path.exists():
            check_contents(path)
    except BaseException:
        ownership.release()
        raise
    return ownership


def check_writable(path: Path) -> None:
    """Refuse a file or a folder without write permission, also for root, who could write all the
    same.

    :raises ReadOnlyDatabase: naming what cannot be written.
    :raises StoreError: if the folder does not exist or the path is no file.
    """
    folder = path.parent
    if not folder.is_dir():
        raise StoreError(f"the folder {folder} does not exist; make it, or give another --db")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is not a file; give another --db")
    for place in (path, folder) if path.exists() else (folder,):
        if not (os.access(place, os.W_OK) and place.stat().st_mode & 0o222):
            raise ReadOnlyDatabase(f"{place} is read-only; make it writable, or give another --db")


def check_header(path: Path) -> None:
    """Refuse a file of another program's by its first bytes, without opening it as a database;
    empty counts as new.

    :raises NotADatabase: for anything that is not SQLite, and for other programs' SQLite files.
    """
    if not path.exists() or not path.stat().st_size:
        return
    with open(path, "rb") as file:
        header = file.read(_ID_AT.stop)
    if not header.startswith(MAGIC):
        raise NotADatabase(f"{path} is not an SQLite database; give another --db")
    if header[_ID_AT] != APPLICATION_ID.to_bytes(4, "big"):
        raise NotADatabase(
            f"{path} is an SQLite database, but not one of Stateroom's; give another --db"
        )


def check_contents(path: Path) -> None:
    """Refuse a file that is damaged or comes from a newer release. Only reads.

    :raises CorruptDatabase: if SQLite cannot read it or its quick check finds damage.
    :raises NewerDatabase: if it has had migrations that this release does not know.
    """
    real = path.resolve()
    index = real.with_name(real.name + "-shm")
    made_here = not index.exists()
    connection = sqlite3.connect(f"{real.as_uri()}?{_how_to_read(real)}", uri=True)
    try:
        _check(path, connection)
    except sqlite3.DatabaseError as error:
        raise CorruptDatabase(
            f"{path} is damaged: {error}; restore a copy, or give another --db"
        ) from error
    finally:
        connection.close()
        if made_here:
            index.unlink(missing_ok=True)


def _how_to_read(path: Path) -> str:
    """``immutable`` makes no files beside the database, but does not see a log that a killed
    process left.
    """
    log = path.with_name(path.name + "-wal")
    return "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"


def _check(path: Path, connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise CorruptDatabase(
            f"{path} is damaged: {verdict.splitlines()[-1]}; restore a copy, or give another --db"
        )
    with contextlib.closing(Database(memory=True, execute_plugins=False)) as nothing:
        known = {step.name for step in migrations.pending(nothing)}
    newer = {step.name for step in migrations.applied(_tables(connection))} - known
    if newer:
        raise NewerDatabase(
            f"{path} was written by a newer Stateroom (it has {', '.join(sorted(newer))}); upgrade"
        )


def prepare(connection: sqlite3.Connection, path: str, durable: bool) -> None:
    """Bring a database to this release's tables, in one transaction, and set the connection up for
    writing.

    The application id comes first, so that the file's own header has it from the first byte on,
    also while a log holds all the rest.
    """
    try:
        if not connection.execute("PRAGMA application_id").fetchone()[0]:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode not in ("wal", "memory"):
            raise StoreError(
                f"{path} lies where SQLite cannot share a log between connections; "
                "give another --db"
            )
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        upgrade(connection)
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        explain(error, path)
        raise


def upgrade(connection: sqlite3.Connection) -> None:
    """Apply the steps that a database has not had: all of them, or none."""
    db = _tables(connection)
    with db.atomic():
        migrations.apply(db)


def _tables(connection: sqlite3.Connection) -> Database:
    return Database(connection, execute_plugins=False)


_SAYINGS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("is full", DatabaseFull, "has no room left; nothing was changed"),
    ("readonly", ReadOnlyDatabase, "cannot be written"),
    ("malformed", CorruptDatabase, "is damaged"),
    ("not a database", CorruptDatabase, "is damaged"),
    ("disk I/O error", StoreError, "cannot be read or written"),
    ("unable to open", StoreError, "cannot be opened"),
)


def explain(error: BaseException, path: str) -> None:
    """Raise the error of ours that an error of SQLite's about the file stands for; do nothing for
    others.

    By its words: Python 3.10 does not tell SQLite's result code.
    """
    if isinstance(error, sqlite3.IntegrityError) and "FOREIGN KEY" in str(error):
        raise NamespaceDropped() from error
    if isinstance(error, sqlite3.DatabaseError):
        for words, kind, what in _SAYINGS:
            if words in str(error):
                found = DatabaseFull if kind is StoreError and _lacks_room(path) else kind
                raise found(f"{path} {what} ({error})") from error


def _lacks_room(path: str) -> bool:
    """Whether the disk is full: an index of the log that cannot grow is no more to SQLite than an
    I/O error.
    """
    try:
        disk = os.statvfs(Path(path).parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _ROOM
