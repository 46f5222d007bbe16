"""How a name (UUID, coordinates, asset id/name/uri) leads to a scope row and to its keyspace."""

from __future__ import annotations

_BY_ID = "SELECT scope_id FROM task_instances WHERE ns = ? AND id = ? AND superseded_at IS NULL"
_BY_COORDINATES = """SELECT s.scope_id FROM scopes s JOIN dag_runs r USING (run_pk)
    WHERE r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND s.task_id = ? AND s.map_index = ? AND s.region = ''"""
_ASSET = "SELECT s.scope_id FROM scopes s JOIN assets a USING (asset_pk) WHERE a.ns = ? AND "

_REMEMBER_TASKS = """INSERT OR REPLACE INTO former_scopes (scope_id, ns, dag_id, run_id, task_id, map_index)
    SELECT s.scope_id, r.ns, r.dag_id, r.run_id, s.task_id, s.map_index
    FROM scopes s JOIN dag_runs r USING (run_pk) WHERE r.ns = ?"""
_REMEMBER_ASSETS = """INSERT OR REPLACE INTO former_scopes (scope_id, ns, asset_id, asset)
    SELECT s.scope_id, a.ns, a.id, a.name FROM scopes s JOIN assets a USING (asset_pk) WHERE a.ns = ?"""
