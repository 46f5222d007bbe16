"""The table of scopes, each of a task instance in a run or of an asset."""

from __future__ import annotations

import sqlite3

from ...errors import AmbiguousTaskInstance, InvalidRegion, TaskInstanceNotFound
from ...model.scopes import (
    NO_REGION,
    SCOPE_MEMBERS,
    AssetScope,
    StoreScope,
    TaskScope,
    asset_column,
    in_region,
    scope_document,
    scope_from,
    task_scope_from,
)
from ..database.sql import in_range, row_as_dict
from ..journal.scope_ids import scope_id_of
from ..namespace import Namespace
from . import hidden

# a current attempt, of the parameters namespace and id
CURRENT = "FROM task_instances WHERE ns = ? AND id = ? AND superseded_at IS NULL"
# of the parameters of journal.scope_ids.task_parameters
TASK = """SELECT s.scope_id FROM scopes s JOIN dag_runs r USING (run_pk)
    WHERE r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND s.task_id = ? AND s.map_index = ?
    AND s.region = ?"""
ASSET = "SELECT s.scope_id FROM scopes s JOIN assets a USING (asset_pk) WHERE a.ns = ? AND "
OF_NAMESPACE = """SELECT scope_id FROM scopes
    WHERE run_pk IN (SELECT run_pk FROM dag_runs WHERE ns = :ns)
    UNION ALL SELECT scope_id FROM scopes
    WHERE asset_pk IN (SELECT asset_pk FROM assets WHERE ns = :ns)"""
# the map index that Airflow tells of a task instance: in a region only that of a mapped task
PUBLIC_INDEX = """CASE WHEN {s}.region <> '' AND NOT EXISTS (SELECT 1 FROM dynamic_regions d
    WHERE d.run_pk = {s}.run_pk AND d.id = {s}.region AND d.node_id = {s}.task_id)
    THEN -1 ELSE {s}.map_index END"""
_FORMER_TASK = """SELECT f.scope_id FROM dag_runs r JOIN former_scopes f USING (ns, dag_id, run_id)
    WHERE r.run_pk = :run AND f.task_id = :task AND f.map_index = :map_index"""
_FORMER_ASSET = "SELECT scope_id FROM former_scopes WHERE ns = ? AND asset = ? AND asset_id = ?"

_REMEMBER_TASKS = """INSERT OR REPLACE INTO former_scopes (scope_id, ns, dag_id, run_id, task_id,
    map_index)
    SELECT s.scope_id, r.ns, r.dag_id, r.run_id, s.task_id, s.map_index
    FROM scopes s JOIN dag_runs r USING (run_pk) WHERE r.ns = ? AND s.region = ''"""
_REMEMBER_ASSETS = """INSERT OR REPLACE INTO former_scopes (scope_id, ns, asset_id, asset)
    SELECT s.scope_id, a.ns, a.id, a.name FROM scopes s JOIN assets a USING (asset_pk)
    WHERE a.ns = ?"""
_REMEMBER_ONE = """INSERT OR REPLACE INTO former_scopes (scope_id, ns, dag_id, run_id, task_id,
    map_index, asset_id, asset)
    SELECT s.scope_id, coalesce(r.ns, a.ns), r.dag_id, r.run_id, s.task_id, s.map_index, a.id,
    a.name FROM scopes s LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk)
    WHERE s.scope_id = ? AND s.region = ''"""


def scope_id(namespace: Namespace, scope: StoreScope) -> int | None:
    """The row of a scope, also of a task instance that a reset removed; None if there is none.

    :raises OutOfRange: for a number that no row can hold.
    """
    with namespace.database.reading() as db:
        if isinstance(scope, TaskScope):
            return scope_id_of(db, namespace.ns, scope)
        column, value = asset_column(scope)
        if isinstance(value, int):
            in_range("asset_id", value)
        row = db.execute(
            f"{ASSET}a.{column} = ? ORDER BY a.active DESC", (namespace.ns, value)
        ).fetchone()
    return None if row is None else int(row[0])


def scope_id_of_attempt(namespace: Namespace, ti_id: str) -> int | None:
    """The row of the scope of an attempt, also of a superseded one; None if there is none."""
    with namespace.database.reading() as db:
        row = db.execute(
            "SELECT scope_id FROM task_instances WHERE ns = ? AND id = ?", (namespace.ns, ti_id)
        ).fetchone()
    return None if row is None else int(row[0])


def scope_of(namespace: Namespace, scope_id: int) -> StoreScope | None:
    """The scope of a row; None if there is none."""
    with namespace.database.reading() as db:
        row = row_as_dict(
            db,
            """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
            a.name AS asset
            FROM scopes s LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk)
            WHERE s.scope_id = ? AND s.region <> ?""",
            (scope_id, hidden.REGION),
        )
    return scope_from(row) if row else None


def spellings(namespace: Namespace, scope_id: int) -> list[StoreScope]:
    """The scopes by which a worker may name that of a row: an asset's by its name, its uri or its
    id.
    """
    scope = scope_of(namespace, scope_id)
    if not isinstance(scope, AssetScope):
        return [] if scope is None else [scope]
    with namespace.database.reading() as db:
        row = db.execute(
            "SELECT a.name, a.uri, a.id FROM scopes s JOIN assets a USING (asset_pk) "
            "WHERE s.scope_id = ?",
            (scope_id,),
        ).fetchone()
    name, uri, asset_id = row
    return [AssetScope(name=name), AssetScope(uri=uri), AssetScope(asset_id=asset_id)]


def scope_of_attempt(namespace: Namespace, ti_id: str) -> TaskScope:
    """The scope of a current attempt.

    :raises TaskInstanceNotFound: if there is none of this id.
    """
    with namespace.database.reading() as db:
        row = row_as_dict(
            db,
            f"""SELECT r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id
            FROM scopes s JOIN dag_runs r USING (run_pk) WHERE s.scope_id =
            (SELECT scope_id {CURRENT})""",
            (namespace.ns, ti_id),
        )
    if not row:
        raise TaskInstanceNotFound.by_id(ti_id)
    return task_scope_from(row)


def put_scope(db: sqlite3.Connection, run_pk: int, scope: TaskScope) -> int:
    """The row of a task instance's scope in a run, made if it does not exist, with its old id if a
    reset removed it from no region.
    """
    parameters = {
        "run": run_pk,
        "task": scope.task_id,
        "map_index": scope.map_index,
        "region": scope.region,
    }
    row = db.execute(
        """SELECT scope_id FROM scopes WHERE run_pk = :run AND task_id = :task
            AND map_index = :map_index AND region = :region""",
        parameters,
    ).fetchone()
    if row is None and scope.region:
        row = db.execute(
            """INSERT INTO scopes (run_pk, task_id, map_index, region)
            VALUES (:run, :task, :map_index, :region) RETURNING scope_id""",
            parameters,
        ).fetchone()
    if row is None:
        hidden.make_way(db, _FORMER_TASK, parameters)
        row = db.execute(
            f"""INSERT INTO scopes (scope_id, run_pk, task_id, map_index) VALUES (
            ({_FORMER_TASK}), :run, :task, :map_index) RETURNING scope_id""",
            parameters,
        ).fetchone()
    return int(row[0])


def put_asset_scope(
    db: sqlite3.Connection, ns: int, asset_pk: int, name: str, asset_id: int
) -> int:
    """The scope of an asset, made if it does not exist, with its old id if a reset removed it."""
    row = db.execute("SELECT scope_id FROM scopes WHERE asset_pk = ?", (asset_pk,)).fetchone()
    if row is None:
        former = (ns, name, asset_id)
        hidden.make_way(db, _FORMER_ASSET, former)
        row = db.execute(
            f"""INSERT INTO scopes (scope_id, asset_pk) VALUES (({_FORMER_ASSET}), ?)
            RETURNING scope_id""",
            (*former, asset_pk),
        ).fetchone()
    return int(row[0])


def former_scope(db: sqlite3.Connection, ns: int, scope: StoreScope) -> int:
    """The row of a scope that is not here, for the events of one that another namespace had; a task
    instance that is created later takes it over.
    """
    db.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'scopes'")
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'scopes'").fetchone()
    if row is None:  # there was no scope yet
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('scopes', 1)")
        row = (1,)
    members = {**dict.fromkeys(SCOPE_MEMBERS), **scope_document(scope)}
    db.execute(
        """INSERT INTO former_scopes (scope_id, ns, dag_id, run_id, task_id, map_index, asset)
        VALUES (:scope_id, :ns, :dag_id, :run_id, :task_id, :map_index, :asset)""",
        {"scope_id": row[0], "ns": ns, **members},
    )
    return int(row[0])


def remember(db: sqlite3.Connection, ns: int) -> None:
    """Keep the coordinates and names of scopes that the caller's transaction may remove, for the
    journal.
    """
    db.execute(_REMEMBER_TASKS, (ns,))
    db.execute(_REMEMBER_ASSETS, (ns,))


def remember_one(db: sqlite3.Connection, scope_id: int) -> None:
    """Like :func:`remember`, for one scope."""
    db.execute(_REMEMBER_ONE, (scope_id,))


def put_region(db: sqlite3.Connection, run_pk: int, region_id: str, node_id: str) -> None:
    """Create or update a dynamic region of a dag run.

    :param node_id: the task that is expanded there, or the loop that runs there.
    """
    db.execute(
        """INSERT INTO dynamic_regions (run_pk, id, node_id) VALUES (?, ?, ?)
        ON CONFLICT (run_pk, id) DO UPDATE SET node_id = excluded.node_id""",
        (run_pk, region_id, node_id),
    )


_IN_REGIONS = """SELECT s.map_index, s.region, d.node_id IS s.task_id AS is_expansion
    FROM dag_runs r JOIN scopes s USING (run_pk)
    JOIN task_instances t ON t.scope_id = s.scope_id AND t.superseded_at IS NULL
    LEFT JOIN dynamic_regions d ON d.run_pk = s.run_pk AND d.id = s.region
    WHERE r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND s.task_id = ? AND s.region <> ''
    ORDER BY s.map_index, s.region"""


def addressed(
    namespace: Namespace,
    scope: TaskScope,
    region_id: str | None,
    region_index: int | None,
    is_whole: bool = False,
) -> TaskScope:
    """The scope that a person means (Airflow 3.4), which may not exist.

    :param scope: with the map index that was given, or -1.
    :param is_whole: whether all map indices are meant; the scope returned is one of them.
    :raises InvalidRegion: if the numbers do not fit each other, or are not enough.
    :raises TaskInstanceNotFound: if the task has task instances in regions, and none so.
    :raises AmbiguousTaskInstance: if it has several.
    """
    if region_index is not None:
        if region_id is None:
            raise InvalidRegion("region_index requires region_id")
        if scope.map_index not in (-1, region_index):
            raise InvalidRegion("map_index conflicts with region_index")
        return in_region(scope, region_index, region_id)
    if region_id == NO_REGION:
        return scope
    place = (scope.dag_id, scope.run_id, scope.task_id)
    with namespace.database.reading() as db:
        rows = db.execute(_IN_REGIONS, (namespace.ns, *place)).fetchall()
    if not rows:
        return in_region(scope, scope.map_index, region_id)
    found = [
        in_region(scope, map_index, region)
        for map_index, region, is_expansion in rows
        if (is_expansion if region_id is None else region == region_id)
        and (is_whole or (map_index if is_expansion else -1) == scope.map_index)
    ]
    if not found:
        raise TaskInstanceNotFound("Task instance not found for selected coordinates")
    if is_whole and len({each.region for each in found}) > 1:
        raise InvalidRegion("Select a region and index for this task instance")
    if not is_whole and len(found) > 1:
        raise AmbiguousTaskInstance("/".join(place), scope.map_index)
    return found[0]


def is_expansion(namespace: Namespace, scope: TaskScope) -> bool:
    """Whether a scope's region is that of its own mapped task."""
    sql = """SELECT 1 FROM dynamic_regions d JOIN dag_runs r USING (run_pk)
        WHERE r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND d.id = ? AND d.node_id = ?"""
    parameters = (namespace.ns, scope.dag_id, scope.run_id, scope.region, scope.task_id)
    with namespace.database.reading() as db:
        return db.execute(sql, parameters).fetchone() is not None
