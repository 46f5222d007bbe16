"""Which task instances fit coordinates of which some may be left out, and what is alike if none."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from ...model.names import HIDDEN
from ...model.scopes import COORDINATES
from ..database.sql import in_range, rows
from ..namespace import Namespace
from .suggestions import similarity

_FROM = f"""FROM dag_runs r JOIN scopes s USING (run_pk)
    LEFT JOIN task_instances t ON t.scope_id = s.scope_id AND t.superseded_at IS NULL
    WHERE r.ns = :ns AND s.region <> '{HIDDEN}'"""
_CONDITIONS = {
    "dag_id": " AND r.dag_id = :dag_id",
    "run_id": """ AND (r.run_id = :run_id OR instr(r.run_id, :run_id)
        AND NOT EXISTS (SELECT 1 FROM dag_runs x WHERE x.ns = :ns AND x.run_id = :run_id))""",
    "latest": """ AND r.run_pk = (SELECT x.run_pk FROM dag_runs x
        WHERE x.ns = :ns AND x.dag_id = r.dag_id ORDER BY x.run_after DESC, x.run_pk DESC
        LIMIT 1)""",
    "task_id": " AND s.task_id = :task_id",
    "map_index": " AND s.map_index = :map_index",
    "key": " AND EXISTS (SELECT 1 FROM entries e WHERE e.scope_id = s.scope_id AND e.key = :key)",
    "ti_id": """ AND s.scope_id = (SELECT a.scope_id FROM task_instances a
        WHERE a.ns = :ns AND a.id = :ti_id)""",
}
_NAMES = {
    "dag_id": ("r.dag_id", "Dag"),
    "run_id": ("r.run_id", "run"),
    "task_id": ("s.task_id", "task"),
    "map_index": ("s.map_index", "map index"),
}
_SHOWN = 3
_CANDIDATES = 1000


def page(
    namespace: Namespace, filters: Mapping[str, Any], limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """The task instances that fit, those of the newest runs first, and how many there are.

    :param filters: as far as given: ``dag_id``; ``run_id``, or a part of it where no run has it
        whole; ``latest``, for the newest run of each Dag; ``task_id``; ``map_index``; ``key``,
        which they must have; ``ti_id``, the id of any of their attempts.
    :raises OutOfRange: for a map index or an offset that no row can hold.
    """
    where, parameters = _conditions(namespace, filters)
    parameters |= {"limit": limit, "offset": in_range("offset", offset)}
    sql = f"""SELECT t.id, r.dag_id, r.run_id, s.task_id, s.map_index, t.try_number, t.state,
        (SELECT count(*) FROM entries e WHERE e.scope_id = s.scope_id) AS keys {_FROM}{where}
        ORDER BY r.run_after DESC, r.run_pk DESC, s.task_id, s.map_index
        LIMIT :limit OFFSET :offset"""
    with namespace.database.snapshot() as db:
        total = db.execute(f"SELECT count(*) {_FROM}{where}", parameters).fetchone()[0]
        return rows(db, sql, parameters), int(total)


def scope_ids(namespace: Namespace, filters: Mapping[str, Any]) -> list[int]:
    """The rows of the scopes of all task instances that fit.

    :param filters: as of :func:`page`.
    """
    where, parameters = _conditions(namespace, filters)
    with namespace.database.reading() as db:
        return [row[0] for row in db.execute(f"SELECT s.scope_id {_FROM}{where}", parameters)]


def _conditions(namespace: Namespace, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    given = {
        name: value
        for name, value in filters.items()
        if name in _CONDITIONS and value is not None and value is not False
    }
    in_range("map_index", given.get("map_index", -1))
    where = "".join(_CONDITIONS[name] for name in given)
    return where, {"ns": namespace.ns, **given}


def problem(namespace: Namespace, filters: Mapping[str, Any]) -> str | None:
    """The first coordinate by which no task instance is left, and those that are alike.

    :param filters: as of :func:`page`, of which the coordinates count.
    :returns: a clause such as ``no Dag 'etk'; did you mean 'etl'?``; None if none is to blame.
    """
    if filters.get("latest"):
        earlier, _ = page(namespace, {**filters, "latest": False}, 1, 0)
        if earlier:
            return _not_latest(earlier[0])
    used: dict[str, Any] = {}
    for name in (*COORDINATES, "map_index"):
        if filters.get(name) is None:
            continue
        sql, parameters = _conditions(namespace, {**used, name: filters[name]})
        with namespace.database.snapshot() as db:
            if not db.execute(f"SELECT 1 {_FROM}{sql} LIMIT 1", parameters).fetchone():
                names = _names(db, namespace, used, name)
                return _clause(_NAMES[name][1], filters[name], names)
        used[name] = filters[name]
    if filters.get("ti_id") is not None:
        return f"no attempt has the id {filters['ti_id']}"
    return None


def _not_latest(row: Mapping[str, Any]) -> str:
    return f"none is in the newest run of its Dag; the last run with one is {row['run_id']!r}"


def _names(
    db: sqlite3.Connection, namespace: Namespace, used: Mapping[str, Any], member: str
) -> list[str]:
    """The values of a coordinate with those before it, those of the newest runs first."""
    column = _NAMES[member][0]
    where, parameters = _conditions(namespace, used)
    sql = f"""SELECT {column} {_FROM}{where} GROUP BY {column}
        ORDER BY max(r.run_after) DESC, {column} LIMIT {_CANDIDATES}"""
    return [str(name) for (name,) in db.execute(sql, parameters)]


def _clause(noun: str, value: Any, names: list[str]) -> str:
    clause = f"no {noun} {value!r}"
    similar = sorted(names, key=lambda name: -similarity(name, str(value)))
    similar = [name for name in similar if similarity(name, str(value))][:_SHOWN]
    if similar:
        return f"{clause}; did you mean {' or '.join(map(repr, similar))}?"
    if not names:
        return clause
    listed = ", ".join(map(repr, names[:_SHOWN]))
    if len(names) > _SHOWN:
        listed += f" and {len(names) - _SHOWN} more"
    return f"{clause}; there is {listed}"
