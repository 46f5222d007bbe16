"""Keys for the pages, each with its scope, writer, expiry, reference and the beginning of its
value.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model import envelope, values
from ..database.sql import in_range, row_as_dict, rows
from ..namespace import Namespace
from .lists import ASSET_SIDE, TASK_SIDE, Order, Search, conditions

_BEGINNING = 200  # characters of a value in a list
_BEGINNING_OF_REFERENCE = 4000  # characters; a longer part, so that credentials can be masked
_FACTS = f"""SELECT e.entry_id, e.scope_id, e.key, e.kind, e.size, e.updated_at, e.expires_at,
    e.writer_kind, j.api AS writer_api,
    CASE WHEN e.size > 100000 THEN ''
    WHEN e.kind = 'value' THEN substr(e.value, 1, {_BEGINNING})
    ELSE substr(e.value, 1, {_BEGINNING_OF_REFERENCE}) END AS beginning,
    r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id, a.id AS asset_id,
    a.name AS asset, a.active,
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
    LEFT JOIN refs f ON f.ref_id = e.ref_id
    LEFT JOIN journal j ON j.seq = e.seq AND j.scope_id = e.scope_id AND j.key = e.key"""


def matching(
    namespace: Namespace, search: Search, order: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the keys that match a search, of task instances and assets together."""
    columns = ", ".join(
        f"e.{name} AS {name}"
        for name in ("entry_id", "key", "kind", "size", "updated_at", "expires_at")
    )
    sides = {"task": TASK_SIDE}
    if search.has_assets:
        sides["asset"] = ASSET_SIDE
    parameters: dict[str, Any] = {"limit": limit, "offset": in_range("offset", offset)}
    selects = []
    for side, source in sides.items():
        where, values = conditions(namespace, search, side)
        parameters |= values
        selects.append(f"SELECT {columns} {source} AND e.entry_id IS NOT NULL {where}")
    sql = f"""SELECT * FROM ({" UNION ALL ".join(selects)}) ORDER BY {order.terms("entry_id")}
        LIMIT :limit OFFSET :offset"""
    with namespace.database.snapshot() as db:
        page = rows(db, sql, parameters)
        return _facts(db, [row["entry_id"] for row in page])


def _facts(db: sqlite3.Connection, entry_ids: list[int]) -> list[dict[str, Any]]:
    marks = ", ".join("?" * len(entry_ids))
    facts = rows(db, f"{_FACTS} WHERE e.entry_id IN ({marks})", entry_ids)
    return sorted(facts, key=lambda row: entry_ids.index(row["entry_id"]))


def of_scope(
    namespace: Namespace, scope_id: int, order: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the keys of one task instance or asset."""
    sql = f"""SELECT entry_id FROM entries WHERE scope_id = ? ORDER BY {order.terms("entry_id")}
        LIMIT ? OFFSET ?"""
    with namespace.database.snapshot() as db:
        page = rows(db, sql, (scope_id, limit, in_range("offset", offset)))
        return _facts(db, [row["entry_id"] for row in page])


def get(namespace: Namespace, scope_id: int, key: str) -> dict[str, Any] | None:
    """One key, with its whole value as JSON ``text``; None if it does not exist.

    The reference of an envelope around a long JSON text is not in the ledger, but in the value.
    """
    sql = _FACTS.replace("SELECT ", "SELECT e.value AS text, ", 1)
    with namespace.database.reading() as db:
        row = row_as_dict(db, f"{sql} WHERE e.scope_id = ? AND e.key = ?", (scope_id, key))
    if row and row["kind"] == "reference" and not row["ref"]:
        row["ref"] = envelope.unwrap(values.loads(row["text"]))
    return row or None
