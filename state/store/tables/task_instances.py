"""The table of task instances: the current attempt of each scope, and superseded ones."""

from __future__ import annotations

import sqlite3
import time
import uuid
from dataclasses import replace
from typing import Any

from ...errors import BadDocument, InvalidTransition, TaskInstanceNotFound
from ...model.clock import to_text
from ...model.scopes import CONTROL, TaskScope, Writer, scope_document
from ..database.sql import in_range, row_as_dict
from ..journal.journal import Event
from ..journal.scope_ids import scope_id_of
from ..namespace import Namespace
from .dag_runs import put_run
from .entries import count_to_remove, remove_with_effects
from .scopes import put_scope


def new_id() -> str:
    """A UUID of version 7, as Airflow's: it begins with the time, so new rows are neighbours in the
    index.
    """
    stamp = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=stamp << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & ((1 << 62) - 1)))


def put_attempt(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, attempt: dict[str, Any]
) -> int:
    """Create or update an attempt; members that are not given keep their values. A new id is the
    scope's next attempt.

    The attempt before it is superseded: its id is not valid any more. The keys, which are the
    scope's, stay.

    :returns: the try number.
    :raises BadDocument: if the id is another scope's.
    :raises OutOfRange: if the last attempt has the highest possible number.
    """
    stored = row_as_dict(
        db,
        "SELECT scope_id, try_number, max_tries, state FROM task_instances WHERE ns = ? AND id = ?",
        (namespace.ns, attempt["id"]),
    )
    if stored.get("scope_id", scope_id) != scope_id:
        raise BadDocument("id", f"the id {attempt['id']} belongs to another task instance")
    following = row_as_dict(
        db,
        """SELECT coalesce(max(try_number), 0) + 1 AS try_number,
            coalesce(max(max_tries), 0) AS max_tries
        FROM task_instances WHERE scope_id = ?""",
        (scope_id,),
    )
    db.execute(
        """UPDATE task_instances SET superseded_at = ? WHERE scope_id = ? AND superseded_at IS NULL
            AND id <> ?""",
        (to_text(namespace.clock.now()), scope_id, attempt["id"]),
    )
    row = {
        "state": None,
        **following,
        **stored,
        **attempt,
        "ns": namespace.ns,
        "scope_id": scope_id,
    }
    in_range("try_number", row["try_number"])
    db.execute(
        """INSERT INTO task_instances (ns, id, scope_id, try_number, max_tries, state)
        VALUES (:ns, :id, :scope_id, :try_number, :max_tries, :state)
        ON CONFLICT (ns, id) DO UPDATE SET superseded_at = NULL, state = excluded.state,
        try_number = excluded.try_number, max_tries = excluded.max_tries""",
        row,
    )
    return int(row["try_number"])


def create_task_instance(
    namespace: Namespace, scope: TaskScope, try_number: int | None = None
) -> dict[str, Any]:
    """Create a running attempt of a task instance, and its dag run if there is none.

    :returns: ``id`` (a UUID of version 7, as Airflow's), the coordinates and ``try_number``.
    :raises OutOfRange: if the last attempt has the highest possible number.
    """
    ti_id = new_id()
    attempt: dict[str, Any] = {"id": ti_id, "state": "running"}
    if try_number:
        attempt["try_number"] = try_number
    with namespace.database.transaction() as db:
        run_pk = put_run(db, namespace, {"dag_id": scope.dag_id, "run_id": scope.run_id})
        scope_id = put_scope(db, run_pk, scope.task_id, scope.map_index)
        number = put_attempt(db, namespace, scope_id, attempt)
        writer = replace(CONTROL, ti_id=ti_id)
        event = Event("create", writer, scope_id, status=201, note=f"attempt {number}")
        namespace.journal.write(db, event)
    return _attempt(ti_id, scope, number)


def current_task_instance(namespace: Namespace, scope: TaskScope) -> dict[str, Any]:
    """The current attempt of a task instance, as :meth:`create_task_instance` returns it.

    :raises TaskInstanceNotFound: if there is none.
    """
    with namespace.database.reading() as db:
        row = db.execute(
            """SELECT id, try_number FROM task_instances WHERE scope_id = ?
                AND superseded_at IS NULL""",
            (scope_id_of(db, namespace.ns, scope),),
        ).fetchone()
    if row is None:
        raise TaskInstanceNotFound.by_coordinates(**scope_document(scope))
    return _attempt(row[0], scope, row[1])


def set_state(
    namespace: Namespace,
    ti_id: str,
    state: str,
    clear_on_success: bool,
    writer: Writer = CONTROL,
    retry_delay: float | None = None,
) -> bool:
    """Report a task instance's new state; returns False if it had this state already.

    One that is up for retry gets a new id, as in Airflow: the old id is not valid any more, but the
    keys stay.

    :param clear_on_success: delete its entries in the same transaction if the state is ``success``.
    :param retry_delay: seconds until the next attempt, as the worker reported them.
    :raises TaskInstanceNotFound: if there is none of this id.
    :raises InvalidTransition: if it is not running.
    """
    with namespace.database.transaction() as db:
        row = db.execute(
            """SELECT ti_pk, scope_id, state, try_number FROM task_instances
            WHERE ns = ? AND id = ? AND superseded_at IS NULL""",
            (namespace.ns, ti_id),
        ).fetchone()
        if row is None:
            raise TaskInstanceNotFound("Task Instance not found")
        ti_pk, scope_id, old_state, try_number = row
        if old_state == state:
            return False
        if old_state != "running":
            raise InvalidTransition(old_state)
        db.execute(
            "UPDATE task_instances SET state = ?, retry_delay = ? WHERE ti_pk = ?",
            (state, retry_delay, ti_pk),
        )
        note = f"{old_state} → {state}"
        event = Event("state", writer, scope_id, status=204, note=note, state=state)
        seq = namespace.journal.write(db, event)
        if state == "up_for_retry":
            attempt = {"id": new_id(), "try_number": try_number, "state": state}
            put_attempt(db, namespace, scope_id, attempt)
        if state == "success" and clear_on_success:
            count_to_remove(db, "e.scope_id = ?", (scope_id,))
            remove_with_effects(db, namespace, writer, seq, "e.scope_id = ?", (scope_id,))
    return True


def _attempt(ti_id: str, scope: TaskScope, try_number: int) -> dict[str, Any]:
    return {"id": ti_id, **scope_document(scope), "try_number": try_number}
