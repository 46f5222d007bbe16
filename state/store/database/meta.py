"""The table ``meta``: facts about the database itself, each a text under a name."""

from __future__ import annotations

import sqlite3


def read(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def number(db: sqlite3.Connection, name: str) -> int:
    """A fact that is a number; 0 if there is none."""
    return int(read(db, name) or 0)


def write(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def remove(db: sqlite3.Connection, name: str) -> None:
    db.execute("DELETE FROM meta WHERE name = ?", (name,))
