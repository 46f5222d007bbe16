"""The table of XComs: what tasks of a dag run hand to each other.

They belong to a task instance whatever its attempt, as in Airflow 3.3: a retry finds those of the
attempt before, until its worker deletes them. In Airflow 3.4 they belong to the attempt: the next
one leaves them behind, where nothing reads them, so they are deleted here.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ...errors import DagRunNotFound, TaskInstanceNotFound, UnmappableLength
from ...model.clock import to_text
from ...model.events import UNCHANGED
from ...model.scopes import TaskScope, Writer, coordinates
from ..journal.journal import Event
from ..journal.scope_ids import task_parameters
from ..namespace import Namespace
from .scopes import TASK

LONGEST_MAPPED = 1024  # [core] max_map_length of Airflow
_PUT = """INSERT OR REPLACE INTO xcoms (scope_id, key, value, timestamp, seq, size)
    VALUES (?, ?, ?, ?, ?, ?)"""
_KEYS = """SELECT x.key FROM scopes own JOIN scopes s USING (run_pk, task_id)
    JOIN xcoms x ON x.scope_id = s.scope_id
    WHERE own.scope_id = ? AND (own.map_index < 0 OR s.map_index = own.map_index)
    ORDER BY s.map_index, x.xcom_pk"""


class NewXCom(NamedTuple):
    """A row as it is stored: the value as JSON text, the moment as text in UTC.

    :param seq: the number of its event in the journal.
    """

    scope_id: int
    key: str
    value: str
    timestamp: str
    seq: int


def put_xcom(db: sqlite3.Connection, xcom: NewXCom) -> None:
    """Create or replace an XCom; a replaced one is the newest, as in Airflow."""
    db.execute(_PUT, (*xcom, len(xcom.value)))


def set_xcom(
    namespace: Namespace,
    scope: TaskScope,
    key: str,
    text: str,
    writer: Writer,
    mapped_length: int | None = None,
) -> None:
    """Set an XCom of a task instance.

    :param text: its value, as JSON text.
    :param mapped_length: the number of task instances that a task has that is mapped over it.
    :raises UnmappableLength: if these are too many.
    :raises DagRunNotFound: if there is no such run.
    :raises TaskInstanceNotFound: if there is no such task instance in it; Airflow answers 500.
    :raises OutOfRange: for a map index that no row can hold; Airflow answers 500.
    """
    note = None
    if mapped_length is not None:
        note = f"for {mapped_length} mapped task instances"
        if mapped_length > LONGEST_MAPPED:
            raise UnmappableLength
    with namespace.database.transaction() as db:
        row = db.execute(TASK, task_parameters(namespace.ns, scope)).fetchone()
        if row is None and namespace.rules.keeps_attempts:
            raise TaskInstanceNotFound.of_xcom(scope.run_id, scope.task_id)
        if row is None:
            sql = "SELECT 1 FROM dag_runs WHERE ns = ? AND dag_id = ? AND run_id = ?"
            if not db.execute(sql, (namespace.ns, scope.dag_id, scope.run_id)).fetchone():
                raise DagRunNotFound.for_xcom(scope.dag_id, scope.run_id)
            raise TaskInstanceNotFound.by_coordinates(**coordinates(scope))
        event = Event("set_xcom", writer, row[0], key, status=201, value=text, note=note)
        if _is_left(db, namespace, row[0], writer):
            namespace.journal.write(db, event._replace(outcome=UNCHANGED))
            return
        seq = namespace.journal.write(db, event)
        put_xcom(db, NewXCom(row[0], key, text, to_text(namespace.clock.now()), seq))


def delete_xcom(namespace: Namespace, scope: TaskScope, key: str, writer: Writer) -> None:
    """Delete an XCom of a task instance, if there is one.

    :raises OutOfRange: for a map index that no row can hold; Airflow answers 500.
    """
    with namespace.database.transaction() as db:
        row = db.execute(TASK, task_parameters(namespace.ns, scope)).fetchone()
        scope_id = None if row is None else row[0]
        sql = "DELETE FROM xcoms WHERE scope_id = ? AND key = ?"
        outcome = None
        is_left = scope_id is not None and _is_left(db, namespace, scope_id, writer)
        if is_left or not db.execute(sql, (scope_id, key)).rowcount:
            outcome = UNCHANGED
        event = Event("delete_xcom", writer, scope_id, key, status=200, outcome=outcome)
        namespace.journal.write(db, event)


def leave_xcoms(db: sqlite3.Connection, namespace: Namespace, scope_id: int, parent: int) -> None:
    """Leave the XComs of a former attempt behind, if they belong to it, inside the caller's
    transaction.

    :param parent: the number of the event of which this is an effect.
    """
    if namespace.rules.keeps_attempts:
        source = "FROM xcoms e WHERE e.scope_id = ?"
        namespace.journal.effects(db, parent, "delete_xcom", source, (scope_id,))
        db.execute("DELETE FROM xcoms WHERE scope_id = ?", (scope_id,))


def _is_left(db: sqlite3.Connection, namespace: Namespace, scope_id: int, writer: Writer) -> bool:
    """Whether a writer is a former attempt of the task instance, and has left its XComs behind."""
    if not namespace.rules.keeps_attempts:
        return False
    sql = """SELECT 1 FROM task_instances WHERE ns = ? AND id = ? AND scope_id = ?
        AND superseded_at IS NOT NULL"""
    return db.execute(sql, (namespace.ns, writer.ti_id, scope_id)).fetchone() is not None


def keys(db: sqlite3.Connection, namespace: Namespace, scope_id: int) -> list[str]:
    """The keys of a task instance's XComs; of one that is not mapped those of all map indices,
    unless XComs belong to attempts.
    """
    sql = _KEYS
    if namespace.rules.keeps_attempts:
        sql = "SELECT key FROM xcoms WHERE scope_id = ? ORDER BY xcom_pk"
    return [key for (key,) in db.execute(sql, (scope_id,))]
