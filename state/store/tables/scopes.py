"""How a name (UUID, coordinates, asset id, name or uri) leads to the row of a scope, and to its
keyspace.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from typing import Any

from ...errors import AssetNotFound, TaskInstanceNotFound
from ...model.scopes import API_WRITER, StoreScope, TaskScope, Writer
from ..database.sql import in_range
from ..journal.places import scope_id_of
from ..namespace import Namespace
from .entries import Keyspace, Lookup

_CURRENT = "FROM task_instances WHERE ns = ? AND id = ? AND superseded_at IS NULL"
_BY_ID = f"SELECT scope_id, ti_pk {_CURRENT}"
_BY_COORDINATES = """SELECT s.scope_id FROM scopes s JOIN dag_runs r USING (run_pk)
    WHERE r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND s.task_id = ? AND s.map_index = ?
    AND s.region = ''"""
_ASSET = "SELECT s.scope_id FROM scopes s JOIN assets a USING (asset_pk) WHERE a.ns = ? AND "

_REMEMBER_TASKS = """INSERT OR REPLACE INTO former_scopes (scope_id, ns, dag_id, run_id, task_id,
    map_index)
    SELECT s.scope_id, r.ns, r.dag_id, r.run_id, s.task_id, s.map_index
    FROM scopes s JOIN dag_runs r USING (run_pk) WHERE r.ns = ?"""
_REMEMBER_ASSETS = """INSERT OR REPLACE INTO former_scopes (scope_id, ns, asset_id, asset)
    SELECT s.scope_id, a.ns, a.id, a.name FROM scopes s JOIN assets a USING (asset_pk)
    WHERE a.ns = ?"""


def task_instance(namespace: Namespace, ti_id: str, writer: Writer = API_WRITER) -> Keyspace:
    """The keyspace of a task instance by its UUID, as workers name it; a superseded attempt's is
    unknown.
    """
    lookup = Lookup(_BY_ID, (namespace.ns, ti_id), lambda: TaskInstanceNotFound.by_id(ti_id), ti_id)
    return Keyspace(namespace, "Task", lookup, writer)


def task(namespace: Namespace, scope: TaskScope, writer: Writer = API_WRITER) -> Keyspace:
    """The keyspace of a task instance by its coordinates, as people name it."""
    row = (
        namespace.ns,
        scope.dag_id,
        scope.run_id,
        scope.task_id,
        in_range("map_index", scope.map_index),
    )
    return Keyspace(
        namespace,
        "Task",
        Lookup(_BY_COORDINATES, row, lambda: TaskInstanceNotFound.by_coordinates(**asdict(scope))),
        writer,
    )


def asset(
    namespace: Namespace,
    asset_id: int | None = None,
    *,
    name: str | None = None,
    uri: str | None = None,
    writer: Writer = API_WRITER,
) -> Keyspace:
    """The keyspace of an asset: by id also of an inactive one, by name or uri of the active one
    only.
    """
    if asset_id is not None:
        row: tuple[Any, ...] = (namespace.ns, in_range("asset_id", asset_id))
        lookup = Lookup(_ASSET + "a.id = ?", row, lambda: AssetNotFound.by_id(asset_id))
    else:
        attribute, value = ("name", name) if name is not None else ("uri", uri)
        lookup = Lookup(
            _ASSET + f"a.{attribute} = ? AND a.active",
            (namespace.ns, value),
            lambda: AssetNotFound.by(attribute, str(value)),
        )
    return Keyspace(namespace, "Asset", lookup, writer)


def scope_id(
    namespace: Namespace,
    *,
    ti_id: str | None = None,
    scope: StoreScope | None = None,
    asset_id: object = None,
    name: str | None = None,
    uri: str | None = None,
) -> int | None:
    """The row of a scope however it is named, a superseded attempt's too; None if there is none."""
    with namespace.database.reading() as db:
        if scope is not None:
            return scope_id_of(db, namespace.ns, scope)
        if ti_id is not None:
            sql, value = "SELECT scope_id FROM task_instances WHERE ns = ? AND id = ?", ti_id
        else:
            column = "id" if asset_id is not None else "name" if name is not None else "uri"
            sql, value = (
                f"{_ASSET}a.{column} = ? ORDER BY a.active DESC",
                str(asset_id or name or uri),
            )
        row = db.execute(sql, (namespace.ns, value)).fetchone()
    return None if row is None else int(row[0])


def place(namespace: Namespace, scope_id: int) -> dict[str, Any]:
    """The coordinates of a scope, or its ``asset``; empty if there is none of this row."""
    with namespace.database.reading() as db:
        row = db.execute(
            """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, a.name FROM scopes s
            LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk)
            WHERE s.scope_id = ?""",
            (scope_id,),
        ).fetchone()
    names = ("dag_id", "run_id", "task_id", "map_index", "asset")
    return {name: value for name, value in zip(names, row or (), strict=False) if value is not None}


def scope_of(namespace: Namespace, ti_id: str) -> TaskScope:
    """The coordinates of a task instance by the UUID of its current attempt.

    :raises TaskInstanceNotFound: if there is none.
    """
    with namespace.database.reading() as db:
        row = db.execute(
            f"""SELECT r.dag_id, r.run_id, s.task_id, s.map_index
            FROM scopes s JOIN dag_runs r USING (run_pk) WHERE s.scope_id =
            (SELECT scope_id {_CURRENT})""",
            (namespace.ns, ti_id),
        ).fetchone()
    if row is None:
        raise TaskInstanceNotFound.by_id(ti_id)
    return TaskScope(*row)


def put_scope(db: sqlite3.Connection, run_pk: int, task_id: str, map_index: int) -> int:
    """The scope of a task instance, made if it is not there; one that a reset took away gets its
    old id.
    """
    place = (run_pk, task_id, map_index)
    row = db.execute(
        """SELECT scope_id FROM scopes WHERE run_pk = ? AND task_id = ? AND map_index = ?
            AND region = ''""",
        place,
    ).fetchone()
    if row is None:
        row = db.execute(
            """INSERT INTO scopes (scope_id, run_pk, task_id, map_index) VALUES (
            (SELECT f.scope_id FROM dag_runs r JOIN former_scopes f USING (ns, dag_id, run_id)
             WHERE r.run_pk = ?1 AND f.task_id = ?2 AND f.map_index = ?3), ?1, ?2, ?3)
             RETURNING scope_id""",
            place,
        ).fetchone()
    scope_id: int = row[0]
    return scope_id


def remember_places(namespace: Namespace, db: sqlite3.Connection) -> None:
    """Let the journal know the places of scopes that the caller's transaction may take away."""
    db.execute(_REMEMBER_TASKS, (namespace.ns,))
    db.execute(_REMEMBER_ASSETS, (namespace.ns,))
