"""The table of task reschedules: the runs of a sensor that waits in reschedule mode."""

from __future__ import annotations

import sqlite3

from ..namespace import Namespace


def put_reschedule(
    db: sqlite3.Connection, ti_pk: int, start_date: str, end_date: str, reschedule_date: str
) -> None:
    """Note that an attempt ran and is to be run again, all moments as they are stored."""
    db.execute(
        """INSERT INTO task_reschedules (ti_pk, start_date, end_date, reschedule_date)
        VALUES (?, ?, ?, ?)""",
        (ti_pk, start_date, end_date, reschedule_date),
    )


def remove_reschedules(db: sqlite3.Connection, ti_pk: int) -> None:
    """Remove the reschedules of an attempt, inside the caller's transaction."""
    db.execute("DELETE FROM task_reschedules WHERE ti_pk = ?", (ti_pk,))


def first_start(namespace: Namespace, ti_id: str) -> str | None:
    """When an attempt began to wait, as text; None for a former one or if it never was."""
    with namespace.database.reading() as db:
        row = db.execute(
            """SELECT r.start_date FROM task_reschedules r JOIN task_instances t USING (ti_pk)
            WHERE t.ns = ? AND t.id = ? AND t.superseded_at IS NULL
            ORDER BY r.reschedule_pk LIMIT 1""",
            (namespace.ns, ti_id),
        ).fetchone()
    return None if row is None else str(row[0])
