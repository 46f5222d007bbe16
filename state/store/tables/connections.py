"""The table of connections, which all tasks of a namespace may read."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ...errors import BadDocument, ConnectionNotFound
from ..database.sql import row_as_dict, upsert
from ..namespace import Namespace

# the members that a worker gets, and all
SENT = ("conn_id", "conn_type", "host", "schema", "login", "password", "port", "extra")
MEMBERS = (*SENT, "description")
COLUMNS = ", ".join(MEMBERS)
_PUT = upsert("connections", ("ns", "conn_id"), MEMBERS[1:])  # all but the identity


def connection(namespace: Namespace, conn_id: str) -> dict[str, Any]:
    """A connection with its secrets, as a worker gets it.

    :raises ConnectionNotFound: if there is none of this id.
    """
    with namespace.database.reading() as db:
        row = row_as_dict(
            db,
            f"SELECT {', '.join(SENT)} FROM connections WHERE ns = ? AND conn_id = ?",
            (namespace.ns, conn_id),
        )
    if not row:
        raise ConnectionNotFound(conn_id)
    return row


def put_connection(db: sqlite3.Connection, ns: int, item: dict[str, Any], where: str) -> None:
    """Create or update a connection, inside the caller's transaction; members that are not given
    keep their values, or are null.

    :param where: its path in a fixture document, for the error.
    :raises BadDocument: if ``extra`` is not the text of a JSON object, which Airflow refuses too.
    """
    if item.get("extra") and not _is_object(item["extra"]):
        raise BadDocument(f"{where}.extra", "Input should be the text of a JSON object")
    stored = row_as_dict(
        db,
        f"SELECT {COLUMNS} FROM connections WHERE ns = ? AND conn_id = ?",
        (ns, item["conn_id"]),
    )
    row = {**dict.fromkeys(MEMBERS), **stored, **item, "ns": ns}
    row["password"] = row["password"] or None  # an empty one is none, as in Airflow
    db.execute(_PUT, row)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def remove_all(db: sqlite3.Connection, ns: int) -> None:
    """Remove the connections of a namespace, inside the caller's transaction."""
    db.execute("DELETE FROM connections WHERE ns = ?", (ns,))
