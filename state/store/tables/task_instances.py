"""Rows made or updated, inside the caller's transaction: runs, scopes, attempts, assets."""

from __future__ import annotations

import sqlite3
import time
import uuid
from typing import TYPE_CHECKING, Any

from ...errors import BadDocument
from ...model.clock import to_text
from ...model.scopes import TaskScope
from ..database.sql import in_range

if TYPE_CHECKING:
    from ..namespace import Namespace


def new_id() -> str:
    """A UUID of version 7: time first, as Airflow makes them, so that new rows are neighbours in the index."""
    stamp = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=stamp << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & ((1 << 62) - 1)))


def put_run(db: sqlite3.Connection, namespace: Namespace, run: dict[str, Any]) -> int:
    """Create or update a dag run; what ``run`` does not say stays, or is what a manual run would have."""
    place = (namespace.ns, run["dag_id"], run["run_id"])
    known = _row(
        db,
        "SELECT logical_date, run_after, state FROM dag_runs WHERE ns = ? AND dag_id = ? AND run_id = ?",
        place,
    )
    row = {"logical_date": None, "run_after": None, "state": "running", **known, **run}
    after = row["run_after"] or row["logical_date"] or to_text(namespace.clock.now())
    (pk,) = db.execute(
        """INSERT INTO dag_runs (ns, dag_id, run_id, logical_date, run_after, state) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (ns, dag_id, run_id) DO UPDATE SET logical_date = excluded.logical_date,
        run_after = excluded.run_after, state = excluded.state RETURNING run_pk""",
        (*place, row["logical_date"], after, row["state"]),
    ).fetchone()
    return int(pk)


def _row(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    """One row by its columns' names, empty if there is none."""
    cursor = db.execute(sql, parameters)
    return dict(
        zip([column[0] for column in cursor.description], cursor.fetchone() or (), strict=False)
    )


def put_scope(db: sqlite3.Connection, run_pk: int, task_id: str, map_index: int) -> int:
    """The scope of a task instance, made if it is not there; one that a reset took away gets its old id."""
    place = (run_pk, task_id, map_index)
    row = db.execute(
        "SELECT scope_id FROM scopes WHERE run_pk = ? AND task_id = ? AND map_index = ? AND region = ''",
        place,
    ).fetchone()
    if row is None:
        row = db.execute(
            """INSERT INTO scopes (scope_id, run_pk, task_id, map_index) VALUES (
            (SELECT f.scope_id FROM dag_runs r JOIN former_scopes f USING (ns, dag_id, run_id)
             WHERE r.run_pk = ?1 AND f.task_id = ?2 AND f.map_index = ?3), ?1, ?2, ?3) RETURNING scope_id""",
            place,
        ).fetchone()
    scope_id: int = row[0]
    return scope_id


def put_attempt(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, attempt: dict[str, Any]
) -> int:
    """Create or update an attempt; what it does not say stays. A new id is the scope's next attempt.

    The attempt before it is superseded: its id is unknown from now on, and the state, which is the scope's, stays.

    :returns: the try number.
    :raises BadDocument: if the id is another scope's.
    :raises OutOfRange: if it would be the attempt after the highest number that there is.
    """
    known = _row(
        db,
        "SELECT scope_id, try_number, max_tries, state FROM task_instances WHERE ns = ? AND id = ?",
        (namespace.ns, attempt["id"]),
    )
    if known.get("scope_id", scope_id) != scope_id:
        raise BadDocument("id", f"the id {attempt['id']} belongs to another task instance")
    following = _row(
        db,
        """SELECT coalesce(max(try_number), 0) + 1 AS try_number, coalesce(max(max_tries), 0) AS max_tries
        FROM task_instances WHERE scope_id = ?""",
        (scope_id,),
    )
    db.execute(
        "UPDATE task_instances SET superseded_at = ? WHERE scope_id = ? AND superseded_at IS NULL AND id <> ?",
        (to_text(namespace.clock.now()), scope_id, attempt["id"]),
    )
    row = {"state": None, **following, **known, **attempt, "ns": namespace.ns, "scope_id": scope_id}
    in_range("try_number", row["try_number"])
    db.execute(
        """INSERT INTO task_instances (ns, id, scope_id, try_number, max_tries, state)
        VALUES (:ns, :id, :scope_id, :try_number, :max_tries, :state)
        ON CONFLICT (ns, id) DO UPDATE SET superseded_at = NULL, state = excluded.state,
        try_number = excluded.try_number, max_tries = excluded.max_tries""",
        row,
    )
    return int(row["try_number"])


def _attempt(ti_id: str, scope: TaskScope, try_number: int) -> dict[str, Any]:
    place = {
        "dag_id": scope.dag_id,
        "run_id": scope.run_id,
        "task_id": scope.task_id,
        "map_index": scope.map_index,
    }
    return {"id": ti_id, **place, "try_number": try_number}
