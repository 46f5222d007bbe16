"""What any SQL needs: rows as dicts, and numbers that a row can hold."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import OutOfRange

_MAX = 2**63


def in_range(name: str, number: int) -> int:
    """Pass a number that SQLite can hold.

    :raises OutOfRange: for any other.
    """
    if not -_MAX <= number < _MAX:
        raise OutOfRange(name, number)
    return number


def rows(db: sqlite3.Connection, sql: str, values: Any) -> list[dict[str, Any]]:
    """Rows by their columns' names."""
    cursor = db.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def row_as_dict(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    """One row by its columns' names, empty if there is none."""
    cursor = db.execute(sql, parameters)
    return dict(
        zip([column[0] for column in cursor.description], cursor.fetchone() or (), strict=False)
    )
