"""The table of rendered fields: the template fields of each task instance, as its worker rendered
them.
"""

from __future__ import annotations

from typing import Any

from ...model import values
from ..namespace import Namespace
from .task_instances import current


def set_fields(namespace: Namespace, ti_id: str, fields: dict[str, Any]) -> None:
    """Replace the rendered fields of a task instance.

    :raises TaskInstanceNotFound: if there is none of this id, or if it is a former attempt's.
    """
    with namespace.database.transaction() as db:
        _, scope_id = current(db, namespace, ti_id)
        db.execute(
            """INSERT INTO rendered_fields (scope_id, fields) VALUES (?, ?)
            ON CONFLICT (scope_id) DO UPDATE SET fields = excluded.fields""",
            (scope_id, values.dumps(fields)),
        )
