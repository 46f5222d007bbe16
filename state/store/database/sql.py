"""SQL that several tables need: rows as dicts, upserts, the range of a number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...errors import OutOfRange

_MAX = 2**63


def in_range(name: str, number: int) -> int:
    """Return a number that SQLite can hold as it is.

    :raises OutOfRange: for any other.
    """
    if not -_MAX <= number < _MAX:
        raise OutOfRange(name, number)
    return number


def upsert(table: str, identity: Sequence[str], columns: Iterable[str], also: str = "") -> str:
    """The statement that inserts a row or, if there is one of this identity, updates it; each
    column's value is the named parameter of the column's name.

    :param identity: the columns of a unique index, which an update leaves as they are.
    :param also: a further assignment of the update, such as ``superseded_at = NULL``.
    """
    changes = [f"{name} = excluded.{name}" for name in columns]
    if also:
        changes.append(also)
    names = [*identity, *columns]
    return f"""INSERT INTO {table} ({", ".join(names)})
        VALUES ({", ".join(f":{name}" for name in names)})
        ON CONFLICT ({", ".join(identity)}) DO UPDATE SET {", ".join(changes)}"""


def rows(db: sqlite3.Connection, sql: str, values: Any) -> list[dict[str, Any]]:
    """Rows by their columns' names."""
    return [*each_row(db, sql, values)]


def each_row(db: sqlite3.Connection, sql: str, values: Any) -> Iterator[dict[str, Any]]:
    """Like :func:`rows`, but each row is read when it is asked for."""
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return map(dict, cursor.execute(sql, values))


def row_as_dict(db: sqlite3.Connection, sql: str, parameters: Any) -> dict[str, Any]:
    """One row by its columns' names, empty if there is none."""
    return next(iter(rows(db, sql, parameters)), {})
