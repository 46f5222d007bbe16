"""Which task instance or asset a row of the journal is about."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model.scopes import AssetScope, StoreScope, TaskScope
from ..database.sql import in_range


def place_of(
    dag_id: str | None, run_id: str, task_id: str, map_index: int, asset: str | None
) -> dict[str, Any] | None:
    """A scope as it is sent; None for one that nobody knows any more."""
    if asset is not None:
        return {"asset": asset}
    if dag_id is None:
        return None
    return {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}


def scope_id_of(db: sqlite3.Connection, ns: int, scope: StoreScope) -> int | None:
    """The row of a scope that is there or that was there before a reset; None if it never was.

    :raises OutOfRange: for a map index that no row can hold.
    """
    if isinstance(scope, TaskScope):
        row = (
            ns,
            scope.dag_id,
            scope.run_id,
            scope.task_id,
            in_range("map_index", scope.map_index),
        )
        now = """SELECT s.scope_id, 0 FROM scopes s JOIN dag_runs r USING (run_pk)
            WHERE r.ns = ?1 AND r.dag_id = ?2 AND r.run_id = ?3 AND s.task_id = ?4
            AND s.map_index = ?5"""
        then = """SELECT scope_id, 1 FROM former_scopes
            WHERE ns = ?1 AND dag_id = ?2 AND run_id = ?3 AND task_id = ?4 AND map_index = ?5"""
    else:
        assert isinstance(scope, AssetScope)
        row = (ns, scope.name)  # type: ignore[assignment]
        now = """SELECT s.scope_id, 1 - a.active FROM scopes s JOIN assets a USING (asset_pk)
            WHERE a.ns = ?1 AND a.name = ?2"""
        then = "SELECT scope_id, 2 FROM former_scopes WHERE ns = ?1 AND asset = ?2"
    found = db.execute(f"{now} UNION ALL {then} ORDER BY 2 LIMIT 1", row).fetchone()
    return None if found is None else int(found[0])
