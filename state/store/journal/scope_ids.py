"""The row of the scope that an event of the journal is about."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model.scopes import AssetScope, StoreScope, TaskScope
from ..database.sql import in_range

_TASK = """SELECT s.scope_id, 0 FROM scopes s JOIN dag_runs r USING (run_pk)
    WHERE r.ns = ?1 AND r.dag_id = ?2 AND r.run_id = ?3 AND s.task_id = ?4 AND s.map_index = ?5
    UNION ALL SELECT scope_id, 1 FROM former_scopes
    WHERE ns = ?1 AND dag_id = ?2 AND run_id = ?3 AND task_id = ?4 AND map_index = ?5
    ORDER BY 2 LIMIT 1"""
_ASSET = """SELECT s.scope_id, 1 - a.active FROM scopes s JOIN assets a USING (asset_pk)
    WHERE a.ns = ?1 AND a.name = ?2
    UNION ALL SELECT scope_id, 2 FROM former_scopes WHERE ns = ?1 AND asset = ?2
    ORDER BY 2 LIMIT 1"""


def scope_id_of(db: sqlite3.Connection, ns: int, scope: StoreScope) -> int | None:
    """The row of a scope, also of one that a reset removed; None if it never existed.

    :param scope: a task instance, or an asset by its name.
    :raises OutOfRange: for a map index that no row can hold.
    """
    if isinstance(scope, TaskScope):
        row = db.execute(_TASK, task_parameters(ns, scope)).fetchone()
    else:
        assert isinstance(scope, AssetScope)
        row = db.execute(_ASSET, (ns, scope.name)).fetchone()
    if row is None:
        return None
    return int(row[0])


def task_parameters(ns: int, scope: TaskScope) -> tuple[Any, ...]:
    """The namespace and the coordinates of a task instance, as parameters of SQL.

    :raises OutOfRange: for a map index that no row can hold.
    """
    map_index = in_range("map_index", scope.map_index)
    return ns, scope.dag_id, scope.run_id, scope.task_id, map_index
