"""One task instance or one asset for its page: attempts, map indices, numbers of keys."""

from __future__ import annotations

from typing import Any

from ...errors import AssetNotFound, TaskInstanceNotFound
from ...model.clock import to_text
from ...model.scopes import AssetScope, TaskScope, coordinates
from ..database.sql import in_range, row_as_dict, rows
from ..namespace import Namespace
from .lists import SUMS

_ATTEMPTS = 50  # in the list of a task instance
_SIBLINGS = 60  # map indices in a list


def task(namespace: Namespace, scope: TaskScope) -> dict[str, Any]:
    """A task instance with its ``scope``, run and current attempt.

    :raises TaskInstanceNotFound: if there is none.
    :raises OutOfRange: for a map index that no row can hold.
    """
    with namespace.database.reading() as db:
        row = row_as_dict(
            db,
            """SELECT s.scope_id, r.run_pk, r.dag_id, r.run_id, r.state AS run_state, r.run_after,
                r.logical_date,
            s.task_id, s.map_index, s.region AS region_id, t.id, t.try_number, t.max_tries, t.state
            FROM dag_runs r JOIN scopes s ON s.run_pk = r.run_pk
            LEFT JOIN task_instances t ON t.scope_id = s.scope_id AND t.superseded_at IS NULL
            WHERE r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND s.task_id = ?
            AND s.map_index = ? AND s.region = ?""",
            (
                namespace.ns,
                scope.dag_id,
                scope.run_id,
                scope.task_id,
                in_range("map_index", scope.map_index),
                scope.region,
            ),
        )
    if not row:
        raise TaskInstanceNotFound.by_coordinates(**coordinates(scope))
    return {**row, "scope": scope, "asset_id": None, "asset": None}


def asset(namespace: Namespace, asset_id: int) -> dict[str, Any]:
    """An asset, active or not, with its ``scope``.

    :raises AssetNotFound: if there is none.
    """
    with namespace.database.reading() as db:
        row = row_as_dict(
            db,
            """SELECT s.scope_id, a.id AS asset_id, a.name AS asset, a.uri, a.active, a.created_at
            FROM assets a JOIN scopes s ON s.asset_pk = a.asset_pk WHERE a.ns = ? AND a.id = ?""",
            (namespace.ns, in_range("asset_id", asset_id)),
        )
    if not row:
        raise AssetNotFound.by_id(asset_id)
    return {**row, "scope": AssetScope(name=row["asset"])}


def asset_named(namespace: Namespace, name: str) -> dict[str, Any]:
    """The active asset of a name.

    :raises AssetNotFound: if there is none.
    """
    with namespace.database.reading() as db:
        sql = "SELECT id FROM assets WHERE ns = ? AND name = ? AND active"
        row = db.execute(sql, (namespace.ns, name)).fetchone()
    if row is None:
        raise AssetNotFound.by("name", name)
    return asset(namespace, row[0])


def attempts(namespace: Namespace, scope_id: int) -> list[dict[str, Any]]:
    """The attempts of a task instance, the current one first."""
    with namespace.database.reading() as db:
        return rows(
            db,
            """SELECT id, try_number, max_tries, state, superseded_at, hostname, unixname, pid,
                start_date, end_date, never_ran
            FROM task_instances WHERE scope_id = ?
            ORDER BY superseded_at IS NOT NULL, try_number DESC, ti_pk DESC LIMIT ?""",
            (scope_id, _ATTEMPTS),
        )


def rendered_fields(namespace: Namespace, scope_id: int) -> str | None:
    """The rendered template fields of a task instance, as JSON text; None if it has none."""
    sql = "SELECT fields FROM rendered_fields WHERE scope_id = ?"
    with namespace.database.reading() as db:
        row = db.execute(sql, (scope_id,)).fetchone()
    return None if row is None else str(row[0])


def siblings(namespace: Namespace, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The map indices of a task in its run that are nearest to this one, in order, each with its
    number of keys.

    :param row: the task instance, as :func:`task` returns it.
    """
    with namespace.database.reading() as db:
        nearest = rows(
            db,
            """SELECT s.map_index, t.state, (SELECT count(*) FROM entries e
                WHERE e.scope_id = s.scope_id) AS keys
            FROM scopes s LEFT JOIN task_instances t ON t.scope_id = s.scope_id
            AND t.superseded_at IS NULL
            WHERE s.run_pk = ? AND s.task_id = ? ORDER BY abs(s.map_index - ?) LIMIT ?""",
            (row["run_pk"], row["task_id"], row["map_index"], _SIBLINGS),
        )
    return sorted(nearest, key=lambda sibling: int(sibling["map_index"]))


def counts(namespace: Namespace, scope_id: int) -> dict[str, int]:
    """The number of ``keys`` of a task instance or asset, and of those of each kind in
    :data:`~state.store.views.lists.ONLY`.
    """
    sql = f"""SELECT count(*) AS keys, {SUMS} FROM entries e
        LEFT JOIN refs f ON f.ref_id = e.ref_id WHERE e.scope_id = :scope_id"""
    with namespace.database.reading() as db:
        parameters = {"scope_id": scope_id, "now": to_text(namespace.clock.now())}
        (row,) = rows(db, sql, parameters)
    return {name: int(number) for name, number in row.items()}
