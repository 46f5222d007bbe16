"""The row of the scope that an event of the journal is about."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model.scopes import AssetScope, StoreScope, TaskScope, scope_document
from ..database.sql import in_range

_TASK = """SELECT s.scope_id, 0 FROM scopes s JOIN dag_runs r USING (run_pk)
    WHERE r.ns = :ns AND r.dag_id = :dag_id AND r.run_id = :run_id
        AND s.task_id = :task_id AND s.map_index = :map_index AND s.region = :region
    UNION ALL SELECT scope_id, 1 FROM former_scopes
    WHERE :region = '' AND ns = :ns AND dag_id = :dag_id AND run_id = :run_id
        AND task_id = :task_id AND map_index = :map_index
    ORDER BY 2 LIMIT 1"""
_ASSET = """SELECT s.scope_id, 1 - a.active FROM scopes s JOIN assets a USING (asset_pk)
    WHERE a.ns = :ns AND a.name = :name
    UNION ALL SELECT scope_id, 2 FROM former_scopes WHERE ns = :ns AND asset = :name
    ORDER BY 2 LIMIT 1"""


def scope_id_of(db: sqlite3.Connection, ns: int, scope: StoreScope) -> int | None:
    """The row of a scope, also of one that a reset removed; None if it never existed.

    :param scope: a task instance, or an asset by its name.
    :raises OutOfRange: for a map index that no row can hold.
    """
    if isinstance(scope, TaskScope):
        in_range("map_index", scope.map_index)
        row = db.execute(
            _TASK, {"ns": ns, "region": scope.region, **scope_document(scope)}
        ).fetchone()
    else:
        assert isinstance(scope, AssetScope)
        row = db.execute(_ASSET, {"ns": ns, "name": scope.name}).fetchone()
    if row is None:
        return None
    return int(row[0])


def task_parameters(ns: int, scope: TaskScope) -> tuple[Any, ...]:
    """The namespace, the coordinates and the region of a task instance, as parameters of SQL.

    :raises OutOfRange: for a map index that no row can hold.
    """
    map_index = in_range("map_index", scope.map_index)
    return ns, scope.dag_id, scope.run_id, scope.task_id, map_index, scope.region
