"""The table of dag runs."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import BadDocument, TaskInstanceNotFound
from ...model import values
from ...model.clock import to_text
from ...model.scopes import Writer
from ..database.sql import row_as_dict, upsert
from ..journal.journal import Event
from ..namespace import Namespace

# the columns beside the run's identity, each with its value for a new run
NEW_RUN: dict[str, Any] = {
    "logical_date": None,
    "run_after": None,
    "state": "running",
    "run_type": "manual",
    "data_interval_start": None,
    "data_interval_end": None,
    "start_date": None,
    "end_date": None,
    "queued_at": None,
    "conf": "{}",
    "note": None,
    "triggering_user_name": None,
    "triggered_by": None,
    "partition_key": None,
    "clear_number": 0,
}
COLUMNS = ", ".join(NEW_RUN)
_PUT = upsert("dag_runs", ("ns", "dag_id", "run_id"), NEW_RUN) + " RETURNING run_pk"


def put_run(db: sqlite3.Connection, namespace: Namespace, run: dict[str, Any]) -> int:
    """Create or update a dag run, and return its row; members that are not given keep their values,
    or get those of a manual run.

    :param run: its members, with moments as they are stored, and ``conf`` as a JSON object.
    """
    stored = row_as_dict(
        db,
        f"SELECT {COLUMNS} FROM dag_runs WHERE ns = ? AND dag_id = ? AND run_id = ?",
        (namespace.ns, run["dag_id"], run["run_id"]),
    )
    if run.get("conf") is not None:
        run = {**run, "conf": values.dumps(run["conf"])}
    row = {**NEW_RUN, **stored, **run, "ns": namespace.ns}
    now = to_text(namespace.clock.now())
    row["run_after"] = row["run_after"] or row["logical_date"] or now
    if not stored and row["state"] == "queued" and "queued_at" not in run:
        row["queued_at"] = now
    (pk,) = db.execute(_PUT, row).fetchone()
    return int(pk)


def pk_of(db: sqlite3.Connection, ns: int, dag_id: str, run_id: str, where: str) -> int:
    """The row of a dag run that a fixture document names.

    :param where: the path in the document, for the error.
    :raises BadDocument: if there is none.
    """
    sql = "SELECT run_pk FROM dag_runs WHERE ns = ? AND dag_id = ? AND run_id = ?"
    row = db.execute(sql, (ns, dag_id, run_id)).fetchone()
    if row is None:
        message = f"there is no dag run {run_id!r} of {dag_id!r}; add it to dag_runs"
        raise BadDocument(where, message)
    return int(row[0])


def set_note(namespace: Namespace, ti_id: str, note: str | None, writer: Writer) -> None:
    """Set the note of a task instance's dag run, or remove it.

    :raises TaskInstanceNotFound: if there is no task instance of this id.
    """
    with namespace.database.transaction() as db:
        row = db.execute(
            """SELECT s.run_pk, s.scope_id FROM task_instances t JOIN scopes s USING (scope_id)
            WHERE t.ns = ? AND t.id = ? AND t.superseded_at IS NULL""",
            (namespace.ns, ti_id),
        ).fetchone()
        if row is None:
            raise TaskInstanceNotFound("Task Instance not found")
        run_pk, scope_id = row
        db.execute("UPDATE dag_runs SET note = ? WHERE run_pk = ?", (note, run_pk))
        event = Event("set_run_note", writer, scope_id, status=204, note=note)
        namespace.journal.write(db, event)


def remove_all(db: sqlite3.Connection, ns: int) -> None:
    """Remove the dag runs of a namespace with all that they hold, inside the caller's
    transaction.
    """
    db.execute("DELETE FROM dag_runs WHERE ns = ?", (ns,))
