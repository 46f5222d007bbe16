"""The table of variables, which all tasks of a namespace share."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import VariableNotFound
from ...model import values
from ...model.events import DELETE_VARIABLE, SET_VARIABLE, UNCHANGED
from ...model.scopes import Writer
from ..database.budget import spend
from ..database.sql import row_as_dict, upsert
from ..journal.journal import Event
from ..namespace import Namespace
from .scopes import scope_id_of_attempt

_PUT = upsert("variables", ("ns", "key"), ("value", "description"))


def value_of(namespace: Namespace, key: str) -> str:
    """The value of a variable.

    :raises VariableNotFound: if there is none of this key.
    """
    with namespace.database.reading() as db:
        row = db.execute(
            "SELECT value FROM variables WHERE ns = ? AND key = ?", (namespace.ns, key)
        ).fetchone()
    if row is None:
        raise VariableNotFound(key)
    value = str(row[0])
    spend(len(value))
    return value


def set_variable(
    namespace: Namespace,
    key: str,
    value: str,
    description: str | None,
    writer: Writer,
    shown: str,
) -> None:
    """Create or overwrite a variable, its description included, as Airflow does.

    :param shown: the value without secrets, for the journal.
    """
    event = Event(SET_VARIABLE, writer, _scope_id(namespace, writer), key, 201, values.dumps(shown))
    row = {"ns": namespace.ns, "key": key, "value": value, "description": description}
    with namespace.database.transaction() as db:
        namespace.journal.write(db, event)
        db.execute(_PUT, row)


def delete_variable(namespace: Namespace, key: str, writer: Writer) -> None:
    """Delete a variable; an unknown one is no error, as in Airflow."""
    event = Event(DELETE_VARIABLE, writer, _scope_id(namespace, writer), key, 204)

    def act(db: sqlite3.Connection) -> None:
        deleted = db.execute(
            "DELETE FROM variables WHERE ns = ? AND key = ?", (namespace.ns, key)
        ).rowcount
        if deleted:
            namespace.journal.write(db, event)
        else:
            unchanged = event._replace(note="variable not found", outcome=UNCHANGED)
            namespace.journal.write(db, unchanged)

    namespace.database.free(act)


def _scope_id(namespace: Namespace, writer: Writer) -> int | None:
    """The scope of the task instance that acts, if it is a known one."""
    if writer.ti_id is None:
        return None
    return scope_id_of_attempt(namespace, writer.ti_id)


def put_variable(db: sqlite3.Connection, ns: int, variable: dict[str, Any]) -> None:
    """Create or update a variable, inside the caller's transaction; a description that is not given
    stays.
    """
    stored = row_as_dict(
        db,
        "SELECT description FROM variables WHERE ns = ? AND key = ?",
        (ns, variable["key"]),
    )
    db.execute(_PUT, {"description": None, **stored, **variable, "ns": ns})


def remove_all(db: sqlite3.Connection, ns: int) -> None:
    """Remove the variables of a namespace, inside the caller's transaction."""
    db.execute("DELETE FROM variables WHERE ns = ?", (ns,))
