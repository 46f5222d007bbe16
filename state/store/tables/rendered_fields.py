"""The table of rendered fields: the template fields of each task instance, as its worker rendered
them.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model import values
from ...model.scopes import CONTROL, Writer
from ..journal.journal import Event
from ..namespace import Namespace
from .task_instances import current


def set_fields(
    namespace: Namespace, ti_id: str, fields: dict[str, Any], writer: Writer = CONTROL
) -> None:
    """Replace the rendered fields of a task instance; the journal has their names.

    :raises TaskInstanceNotFound: if there is none of this id, or if it is a former attempt's.
    """
    names = ", ".join(sorted(fields))
    note = names.encode("utf-8", "backslashreplace").decode()  # of lone surrogates
    with namespace.database.transaction() as db:
        _, scope_id = current(db, namespace, ti_id)
        put_fields(db, scope_id, fields)
        event = Event("set_rendered_fields", writer, scope_id, status=201, note=note)
        namespace.journal.write(db, event)


def put_fields(db: sqlite3.Connection, scope_id: int, fields: dict[str, Any]) -> None:
    """Replace the rendered fields of a task instance, inside the caller's transaction."""
    db.execute(
        """INSERT INTO rendered_fields (scope_id, fields) VALUES (?, ?)
        ON CONFLICT (scope_id) DO UPDATE SET fields = excluded.fields""",
        (scope_id, values.dumps(fields)),
    )
