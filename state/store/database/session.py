"""Whether a database file was stopped in order, and has the log of its last session beside it.

SQLite keeps the last writes in ``PATH-wal``, and copies them into the file when it is closed. After
a kill they are only there, and a file that is opened under another name, or without that log, lacks
them. So the file itself has a row, from the start of a session until its end, that says where it is
served.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from ...errors import WrongLog
from . import identity, meta
from .ownership import lock_path
from .sql import row_as_dict


def new_id() -> str:
    return secrets.token_hex(16)


def begin(db: sqlite3.Connection, session_id: str, path: str, missing: str | None) -> None:
    """Note in the file that it is served.

    :param path: absolute, of the file that was opened.
    :param missing: as :func:`missing` returned it.
    """
    if missing is not None:
        meta.write(db, "missing", missing)
    row = (session_id, path, identity.of_file(path))
    if not db.execute("UPDATE session SET id = ?, path = ?, identity = ?", row).rowcount:
        db.execute("INSERT INTO session (id, path, identity) VALUES (?, ?, ?)", row)


def end(db: sqlite3.Connection) -> None:
    """Note in the file that it is stopped in order; SQLite copies the log when it is closed."""
    db.execute("DELETE FROM session")
    meta.remove(db, "missing")


def left(db: sqlite3.Connection) -> dict[str, Any] | None:
    """The session that did not end in order; None if there is none."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'session'").fetchone():
        return None  # a new file, or one of an earlier release
    return row_as_dict(db, "SELECT id, path, identity FROM session", ()) or None


def rows(db: sqlite3.Connection) -> int:
    """A number that is never lower in a later state of the same file."""
    (count,) = db.execute("SELECT total(seq) FROM sqlite_sequence").fetchone()
    return int(count)


def page(db: sqlite3.Connection) -> slice:
    """Where in the file the row of the session is."""
    (size,) = db.execute("PRAGMA page_size").fetchone()
    sql = "SELECT rootpage FROM sqlite_master WHERE name = 'session'"
    (number,) = db.execute(sql).fetchone()
    return slice((number - 1) * size, number * size)


def alone(path: str | Path) -> sqlite3.Connection:
    """A connection that reads a file without its log, and writes and locks nothing."""
    return sqlite3.connect(f"{Path(path).as_uri()}?immutable=1", uri=True)


def log_of(path: str | Path) -> Path:
    return Path(f"{path}-wal")


def has_log(path: str | Path) -> bool:
    """Whether a log that is not empty is beside a file."""
    log = log_of(path)
    return log.exists() and log.stat().st_size > 0


def check(db: sqlite3.Connection, path: Path, sessions_of_log: list[str]) -> None:
    """Refuse a file whose last writes lie in a log elsewhere, or that has another file's log.

    :param db: reads the file, and the log that is beside it.
    :param path: absolute, of the file.
    :param sessions_of_log: the last one at this path, if it was killed.
    :raises WrongLog: the message says what to move.
    """
    if has_log(path):
        if sessions_of_log:
            _check_owner_of_log(path, sessions_of_log)
        return
    session = left(db)
    log = session and _log_elsewhere(session, path)
    if not session or not log or not log.stat().st_size:
        return
    former = session["path"]
    if Path(former).exists():
        raise WrongLog(
            f"{path} is another name of {former}, whose service was killed and whose last writes "
            f"are in {log}; give --db {former}"
        )
    raise WrongLog(
        f"{path} was {former} when its service was killed, and its last writes are in {log}; "
        f"move {log} to {log_of(path)} and start again"
    )


def _check_owner_of_log(path: Path, sessions_of_log: list[str]) -> None:
    with contextlib.closing(alone(path)) as file:
        try:
            session = left(file)
        except sqlite3.DatabaseError:  # killed in a checkpoint: the log makes the file whole
            return
    if session is None or session["id"] not in sessions_of_log:
        raise WrongLog(
            f"{path} was replaced after its service was killed, and {log_of(path)} is the log of "
            f"the former file, unless you restored both files together: then remove "
            f"{lock_path(path)}; else move {log_of(path)} away, or put that file back; start again"
        )


def missing(db: sqlite3.Connection, path: str, had_log: bool) -> str | None:
    """What a file lacks whose last session did not end in order, in a sentence.

    It is said at each start until a session ends in order: one that is killed may not have said it.

    :param path: absolute, of the file that was opened.
    :param had_log: whether a log with writes was beside it before it was opened.
    """
    sentence = _missing(left(db), path, had_log)
    if sentence is not None:
        return sentence
    return meta.read(db, "missing")


def _missing(session: dict[str, Any] | None, path: str, had_log: bool) -> str | None:
    if session is None or had_log or _log_elsewhere(session, Path(path)):
        return None
    log = log_of(session["path"])
    if session["identity"] != identity.of_file(path) and Path(session["path"]).exists():
        return (
            f"{path} was copied from a file that was served: what was in {log} is missing, unless "
            "SQLite made the copy"
        )
    return (
        f"{path} was not stopped in order, and its log {log} is not there any more or was emptied: "
        "its last writes are missing, unless they were copied into the file before"
    )


def _log_elsewhere(session: dict[str, Any], path: Path) -> Path | None:
    """The log beside the former path of a file, if no other file lies there now."""
    former = session["path"]
    log = log_of(former)
    if not log.exists() or former == str(path):
        return None
    if identity.of_file(former) not in (None, identity.of_file(str(path))):
        return None
    return log
