"""Opening a database file: what has to be true of it before anything in it is touched."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sqlite_utils import Database

from ..errors import CorruptDatabase, DatabaseOwned, NewerDatabase, NotADatabase, ReadOnlyDatabase, StoreError
from .migrations import APPLICATION_ID, migrations

MAGIC = b"SQLite format 3\x00"


class Ownership:
    """The lock that makes one process the owner of a file; ``PATH.lock`` says which (pid and address).

    The kernel drops it with the process, so a killed owner leaves nothing to clean up.
    """

    def __init__(self, path: Path) -> None:
        self.path = lock_path(path)
        self.file: IO[str] = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 - held until release()
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.close()
            raise DatabaseOwned(f"{path} is in use by {_named(owner(path))}; stop it, or give another --db") from None
        self.announce(None)

    def announce(self, url: str | None) -> None:
        """Write who owns the file, for the message that a second process prints."""
        self.file.truncate(0)
        self.file.write(json.dumps({"pid": os.getpid(), "url": url}))
        self.file.flush()

    def release(self) -> None:
        self.file.truncate(0)
        self.file.close()


def lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def owner(path: Path) -> dict[str, object] | None:
    """What the living owner of a file wrote about itself, or None if nobody owns it."""
    try:
        with open(lock_path(path), encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return {"pid": None, "url": None, **json.loads(file.read() or "{}")}
    except FileNotFoundError:
        pass
    return None


def _named(who: dict[str, object] | None) -> str:
    if who is None or who["pid"] is None:
        return "another process"
    return f"process {who['pid']}" + (f" at {who['url']}" if who["url"] else "")


def check_writable(path: Path) -> None:
    """Refuse a file or a folder without write permission, also for root, who could write all the same.

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


def check_ours(path: Path) -> None:
    """Refuse a file that is not a sound Stateroom database of this release or an older one. Only reads.

    :raises NotADatabase: for anything that is not SQLite, and for other programs' SQLite files.
    :raises CorruptDatabase: if SQLite cannot read it or its quick check finds damage.
    :raises NewerDatabase: if it has had migrations that this release does not know.
    """
    with open(path, "rb") as file:
        start = file.read(len(MAGIC))
    if not start:
        return
    if start != MAGIC:
        raise NotADatabase(f"{path} is not an SQLite database; give another --db")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        _reading(path, lambda: _check_contents(path, connection))
    finally:
        connection.close()


def _check_contents(path: Path, connection: sqlite3.Connection) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and application != APPLICATION_ID:
        raise NotADatabase(f"{path} is an SQLite database, but not one of Stateroom's; give another --db")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise CorruptDatabase(f"{path} is damaged: {verdict}; restore a copy, or give another --db")
    known = {step.name for step in migrations.pending(Database(sqlite3.connect(":memory:")))}
    newer = {step.name for step in migrations.applied(Database(connection))} - known
    if newer:
        raise NewerDatabase(f"{path} was written by a newer Stateroom (it has {', '.join(sorted(newer))}); upgrade")


def _reading(path: Path, check: Callable[[], None]) -> None:
    try:
        check()
    except sqlite3.DatabaseError as error:
        raise CorruptDatabase(f"{path} is damaged: {error}; restore a copy, or give another --db") from error


def prepare(connection: sqlite3.Connection) -> None:
    """Bring a database to this release's tables."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    migrations.apply(Database(connection))
