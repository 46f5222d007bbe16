"""Checks of a database file before it is opened, and its upgrade."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from functools import lru_cache
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
from . import identity, session
from .migrations import APPLICATION_ID, migrations
from .ownership import Ownership, lock_path

MAGIC = b"SQLite format 3\x00"
_MIN_FREE = 64 * 1024  # bytes; SQLite extends the log's index by half of that
_APPLICATION_ID = slice(68, 72)  # of SQLite's header
_copying = threading.Lock()


def own(path: Path) -> Ownership:
    """Become the owner of a sound file of this release or an older one, or of a file that does not
    exist yet.

    Only the lock file is written.

    :raises StoreError: a subclass; the message says what to do.
    """
    check_writable(path)
    check_header(path)
    try:
        ownership = Ownership(path)
    except OSError as error:
        message = f"{lock_path(path)} cannot be written: {error.strerror}"
        if error.errno == errno.ENOSPC:
            raise DatabaseFull(message) from error
        raise ReadOnlyDatabase(message) from error
    try:
        if path.exists():
            ownership.claim()
            check_contents(path, ownership.sessions)
    except BaseException:
        ownership.release()
        raise
    return ownership


def create(path: Path) -> None:
    """Create an empty file that only its owner can read, if there is none; SQLite gives the files
    beside it the same permissions.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def check_writable(path: Path) -> None:
    """Refuse a file or a folder without write permission, also for root, who needs none.

    :raises ReadOnlyDatabase: naming the file or the folder.
    :raises StoreError: if the folder does not exist or the path is not a file.
    """
    folder = path.parent
    if not folder.is_dir():
        raise StoreError(f"the folder {folder} does not exist; make it, or give another --db")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is not a file; give another --db")
    for checked in (path, folder):
        if not checked.exists():
            continue
        if not (os.access(checked, os.W_OK) and checked.stat().st_mode & 0o222):
            raise ReadOnlyDatabase(
                f"{checked} is read-only; make it writable, or give another --db"
            )


def check_header(path: Path) -> None:
    """Refuse a file of another program by its first bytes, without opening it as a database; an
    empty file counts as new.

    :raises NotADatabase: for anything that is not SQLite, and for other programs' SQLite files.
    """
    if not path.exists() or not path.stat().st_size:
        return
    with open(path, "rb") as file:
        header = file.read(_APPLICATION_ID.stop)
    if not header.startswith(MAGIC):
        raise NotADatabase(f"{path} is not an SQLite database; give another --db")
    if header[_APPLICATION_ID] != APPLICATION_ID.to_bytes(4, "big"):
        raise NotADatabase(
            f"{path} is an SQLite database, but not one of Stateroom's; give another --db"
        )


def check_contents(path: Path, sessions_of_log: list[str]) -> None:
    """Refuse a file that is damaged or was written by a newer release, without writing to it.

    :param sessions_of_log: the last one at this path, if it was killed.
    :raises CorruptDatabase: if SQLite cannot read it or its quick check finds damage.
    :raises NewerDatabase: if it has migrations that this release does not have.
    :raises WrongLog: if its last writes are in a log elsewhere.
    """
    real = path.resolve()
    index = real.with_name(real.name + "-shm")
    is_index_new = not index.exists()
    connection = sqlite3.connect(f"{real.as_uri()}?{_read_mode(real)}", uri=True)
    try:
        session.check(connection, real, sessions_of_log)
        _check(path, connection)
    except sqlite3.DatabaseError as error:
        raise CorruptDatabase(
            f"{path} is damaged: {error}; restore a copy, or give another --db"
        ) from error
    finally:
        connection.close()
        if is_index_new:
            index.unlink(missing_ok=True)


def _read_mode(path: Path) -> str:
    """``immutable`` creates no files beside the database, but ignores a killed process's log."""
    if session.has_log(path):
        return "mode=ro"
    return "immutable=1"


def _check(path: Path, connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise CorruptDatabase(
            f"{path} is damaged: {verdict.splitlines()[-1]}; restore a copy, or give another --db"
        )
    with contextlib.closing(Database(memory=True, execute_plugins=False)) as empty:
        known = {step.name for step in migrations.pending(empty)}
    newer = {step.name for step in migrations.applied(_tables(connection))} - known
    if newer:
        raise NewerDatabase(
            f"{path} was written by a newer Stateroom (it has {', '.join(sorted(newer))}); upgrade"
        )


def prepare(connection: sqlite3.Connection, path: str, durable: bool) -> None:
    """Create or upgrade the tables, in one transaction, and set the writer connection up.

    The application id is written before the log is turned on, so that it is in the file's own
    header from the beginning.
    """
    try:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if not connection.execute("PRAGMA application_id").fetchone()[0]:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode not in ("wal", "memory"):
            raise StoreError(
                f"{path} lies where SQLite cannot share a log between connections; "
                "give another --db"
            )
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        # SQLite's own default, but Debian's and Ubuntu's builds write zeros over each deleted page:
        # three times the time and the room that a reset needs
        connection.execute("PRAGMA secure_delete = OFF")
        if pages:
            upgrade(connection)
        else:
            _copy_new(connection)
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        explain(error, path)
        raise


def _copy_new(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database, as a copy: migrating takes ten times as long."""
    with _copying:
        new = _new()
        identity.set_new_id(new)
        new.backup(connection)


@lru_cache(maxsize=1)
def _new() -> sqlite3.Connection:
    """A new database, of which each other one is a copy."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    upgrade(connection)
    return connection


def upgrade(connection: sqlite3.Connection) -> None:
    """Apply the migrations that a database does not have: all of them, or none."""
    db = _tables(connection)
    with db.atomic():
        migrations.apply(db)


def _tables(connection: sqlite3.Connection) -> Database:
    return Database(connection, execute_plugins=False)


_FULL = "has no room left; nothing was changed"
DELETE = "make room on the disk, or delete keys, snapshots or namespaces, which still works"
_ERRORS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("is full", DatabaseFull, _FULL),
    ("readonly", ReadOnlyDatabase, "cannot be written"),
    ("image is malformed", CorruptDatabase, "is damaged"),
    ("malformed database", CorruptDatabase, "is damaged"),
    ("not a database", CorruptDatabase, "is damaged"),
    ("disk I/O error", StoreError, "cannot be read or written"),
    ("unable to open", StoreError, "cannot be opened"),
)


def explain(error: BaseException, path: str, if_full: str = DELETE) -> None:
    """Raise the :class:`StoreError` for an error of SQLite about the file; do nothing for others.

    By the message, because Python 3.10 does not have SQLite's result code.

    :param if_full: what to do where the disk is full.
    """
    if isinstance(error, sqlite3.IntegrityError) and "FOREIGN KEY" in str(error):
        raise NamespaceDropped() from error
    if isinstance(error, sqlite3.DatabaseError):
        for words, kind, problem in _ERRORS:
            if words in str(error):
                if problem is _FULL:
                    problem = f"{_FULL}; {if_full}"
                if kind is StoreError and _is_disk_full(path):
                    kind = DatabaseFull
                raise kind(f"{path} {problem} ({error})") from error


def _is_disk_full(path: str) -> bool:
    """Whether the disk is full; if the log's index cannot grow, SQLite reports an I/O error."""
    try:
        disk = os.statvfs(Path(path).parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _MIN_FREE
