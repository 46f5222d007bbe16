"""Keys as the pages show them: with their place, writer, expiry and reference, and the beginning of
their value.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ..database.sql import in_range, rows
from ..namespace import Namespace
from .lists import ASSET_SIDE, TASK_SIDE, Order, Search, conditions

_BEGINNING, _LONGER = (
    200,
    4000,
)  # characters of a value that a list gets; more where credentials are to be masked
_FACTS = f"""SELECT e.entry_id, e.scope_id, e.key, e.kind, e.size, e.updated_at, e.expires_at,
    e.writer_kind,
    CASE WHEN e.size > 100000 THEN ''
    ELSE substr(e.value, 1, CASE e.kind WHEN 'value' THEN {_BEGINNING} ELSE {_LONGER} END) END AS
    beginning,
    r.dag_id, r.run_id, s.task_id, s.map_index, a.id AS asset_id, a.name AS asset, a.active,
    t.id AS writer_ti_id, t.try_number AS writer_try, wr.dag_id AS writer_dag_id,
    wr.run_id AS writer_run_id,
    w.task_id AS writer_task_id, w.map_index AS writer_map_index,
    f.ref_id, f.backend, ifnull(f.ref, '') AS ref, f.size AS ref_size, f.sha256, f.vouched,
    f.health, f.checked_at,
    f.written_at
    FROM entries e JOIN scopes s USING (scope_id)
    LEFT JOIN dag_runs r ON r.run_pk = s.run_pk LEFT JOIN assets a ON a.asset_pk = s.asset_pk
    LEFT JOIN task_instances t ON t.ti_pk = e.writer_ti_pk
    LEFT JOIN scopes w ON w.scope_id = t.scope_id LEFT JOIN dag_runs wr ON wr.run_pk = w.run_pk
    LEFT JOIN refs f ON f.ref_id = e.ref_id"""


def found(
    namespace: Namespace, search: Search, by: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the keys of task instances and assets together."""
    columns = ", ".join(
        f"e.{name} AS {name}"
        for name in ("entry_id", "key", "kind", "size", "updated_at", "expires_at")
    )
    sides = []
    values: dict[str, Any] = {}
    for side, words, wanted in (
        (TASK_SIDE, "task", True),
        (ASSET_SIDE, "asset", search.assets_too),
    ):
        if wanted:
            where, more = conditions(namespace, search, words)
            values |= more
            sides.append(f"SELECT {columns} {side} AND e.entry_id IS NOT NULL {where}")
    chosen = f"""SELECT * FROM ({" UNION ALL ".join(sides)}) ORDER BY {by.terms("entry_id")}
        LIMIT :limit OFFSET :offset"""
    with namespace.database.snapshot() as db:
        page = rows(db, chosen, {**values, "limit": limit, "offset": in_range("offset", offset)})
        return _facts(db, [row["entry_id"] for row in page])


def _facts(db: sqlite3.Connection, entry_ids: list[int]) -> list[dict[str, Any]]:
    marks = ", ".join("?" * len(entry_ids))
    known = {
        row["entry_id"]: row
        for row in rows(db, f"{_FACTS} WHERE e.entry_id IN ({marks})", entry_ids)
    }
    return [known[entry_id] for entry_id in entry_ids if entry_id in known]


def of_scope(
    namespace: Namespace, scope_id: int, by: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the keys of one task instance or asset."""
    sql = f"""SELECT entry_id FROM entries WHERE scope_id = ? ORDER BY {by.terms("entry_id")}
        LIMIT ? OFFSET ?"""
    with namespace.database.snapshot() as db:
        page = rows(db, sql, (scope_id, limit, in_range("offset", offset)))
        return _facts(db, [row["entry_id"] for row in page])


def one(namespace: Namespace, scope_id: int, key: str) -> dict[str, Any] | None:
    """All that is known of one key, with its whole value's JSON as ``text``; None if it is not
    there.
    """
    with namespace.database.reading() as db:
        sql = _FACTS.replace("SELECT ", "SELECT e.value AS text, ", 1)
        known = rows(db, f"{sql} WHERE e.scope_id = ? AND e.key = ?", (scope_id, key))
    return known[0] if known else None
