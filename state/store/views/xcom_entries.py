"""XComs as people see them: one with its value, or a page of them."""

from __future__ import annotations

from typing import Any

from ...errors import XComNotFound
from ...model.scopes import API_WRITER, TaskScope
from ..database.sql import in_range, row_as_dict, rows
from ..journal.journal import Event
from ..journal.scope_ids import task_parameters
from ..namespace import Namespace

_COLUMNS = """x.key, x.timestamp, r.logical_date, s.map_index, s.task_id, r.dag_id, r.run_id,
    r.dag_id AS dag_display_name, s.task_id AS task_display_name, r.run_after"""
_LAST_ORDER = "s.task_id, s.map_index, x.key"  # so that no page depends on SQLite's plan
_SOURCE = """FROM xcoms x JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE r.ns = ?"""
_ENTRY = f"""SELECT {_COLUMNS}, x.value, x.scope_id, x.seq {_SOURCE} AND r.dag_id = ?
    AND r.run_id = ? AND s.task_id = ? AND s.map_index = ? AND s.region = ?
    AND x.key = ?"""


def entry(namespace: Namespace, scope: TaskScope, key: str) -> dict[str, Any]:
    """An XCom with its value as JSON text, and its moments as they are stored.

    :raises XComNotFound: if there is none.
    :raises OutOfRange: for a map index that no row can hold; Airflow answers 500.
    """
    with namespace.database.reading() as db:
        row = row_as_dict(db, _ENTRY, (*task_parameters(namespace.ns, scope), key))
    if not row:
        raise XComNotFound.entry(key)
    scope_id = row.pop("scope_id")
    event = Event("get_xcom", API_WRITER, scope_id, key, status=200, saw=row.pop("seq"))
    namespace.journal.note(event)
    return row


def entries(
    namespace: Namespace,
    condition: tuple[str, tuple[Any, ...]],
    order: str,
    limit: int,
    offset: int,
) -> tuple[list[dict[str, Any]], int]:
    """A page of XComs without their values, and the number of all of them.

    :param condition: SQL over the XComs ``x``, their scopes ``s`` and runs ``r``, which begins with
        AND unless it is empty; and its parameters.
    :param order: the terms of an ORDER BY clause.
    :raises OutOfRange: for an offset that SQLite cannot take; Airflow answers 500.
    """
    where, parameters = condition
    source = f"{_SOURCE}{where}"
    parameters = (namespace.ns, *parameters)
    with namespace.database.snapshot() as db:
        (total,) = db.execute(f"SELECT count(*) {source}", parameters).fetchone()
        sql = f"SELECT {_COLUMNS} {source} ORDER BY {order}, {_LAST_ORDER} LIMIT ? OFFSET ?"
        page = rows(db, sql, (*parameters, limit, in_range("offset", offset)))
    note = f"{len(page)} of {total} XComs"
    namespace.journal.note(Event("list_xcoms", API_WRITER, status=200, note=note))
    return page, int(total)


def of_task(
    namespace: Namespace, row: dict[str, Any], others: bool, most: int, longest: int
) -> tuple[list[dict[str, Any]], int]:
    """The first XComs of a task instance by their keys, and the number of all of them.

    :param row: the task instance, as :func:`state.store.views.details.task` returns it.
    :param others: return those of the task's other map indices in the run instead.
    :param longest: characters of a value; ``value`` of a longer one is None, as JSON text else.
    """
    which = "s.map_index <> :map_index" if others else "s.scope_id = :scope_id"
    source = f"""FROM scopes s JOIN xcoms x USING (scope_id)
        WHERE s.run_pk = :run_pk AND s.task_id = :task_id AND s.region = '' AND {which}"""
    parameters = {**row, "most": most, "longest": longest}
    with namespace.database.snapshot() as db:
        (total,) = db.execute(f"SELECT count(*) {source}", parameters).fetchone()
        sql = f"""SELECT x.key, s.map_index, x.timestamp, x.size,
            CASE WHEN x.size <= :longest THEN x.value END AS value
            {source} ORDER BY s.map_index, x.key LIMIT :most"""
        return rows(db, sql, parameters), int(total)


def value_of(namespace: Namespace, scope_id: int, key: str) -> str:
    """The value of an XCom as JSON text, for a page.

    :raises XComNotFound: if there is none.
    """
    sql = "SELECT value FROM xcoms WHERE scope_id = ? AND key = ?"
    with namespace.database.reading() as db:
        row = db.execute(sql, (scope_id, key)).fetchone()
    if row is None:
        raise XComNotFound.entry(key)
    return str(row[0])
