"""Similar keys in a scope, and the same key in other scopes."""

from __future__ import annotations

import difflib
import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from ...model.scopes import AssetScope, StoreScope, TaskScope, scope_document

_SHOWN = 3  # of one kind
_CANDIDATES = 1000  # names whose spelling is compared
_COMPARED = 100  # characters of each
_ALIKE = 0.75  # of difflib's ratio
_SEPARATORS = re.compile(r"[\W_]+")

# ranked by how many of dag, run and task agree; without a requested task, every task counts
_TASKS = """WITH candidates AS (
        SELECT r.dag_id, r.run_id, s.task_id, s.map_index, r.run_after,
            r.dag_id IS :dag_id AS dag, r.run_id IS :run_id AS run, s.task_id IS :task_id AS task
        FROM dag_runs r JOIN scopes s USING (run_pk) JOIN entries e USING (scope_id)
        WHERE r.ns = :ns AND e.key = :key AND s.scope_id IS NOT :scope_id),
    ranked AS (
        SELECT *, count(*) OVER (PARTITION BY dag, run, task) AS total,
            row_number() OVER (PARTITION BY dag, run, task
            ORDER BY replace(run_id, '+', ' ') IS :run_id DESC,
                abs(map_index * 1.0 - :map_index), run_after DESC, task_id) AS rank
        FROM candidates WHERE dag + run + task >= :agree)
    SELECT dag_id, run_id, task_id, map_index, dag, run, task, rank, total FROM ranked
    WHERE rank <= :shown
    ORDER BY dag + run + task DESC, task DESC, run DESC, rank"""
_ASSETS = """SELECT a.name, a.uri, a.active, a.id FROM assets a JOIN scopes s USING (asset_pk)
    JOIN entries e USING (scope_id) WHERE a.ns = ? AND e.key = ? AND s.scope_id IS NOT ? LIMIT ?"""


@dataclass(frozen=True)
class Miss:
    """The same key in another scope, or a similar key in the same one.

    :param why: a clause that says what is different.
    """

    scope: StoreScope
    key: str
    why: str


def misses(
    db: sqlite3.Connection, ns: int, scope: StoreScope | None, key: str, scope_id: int | None
) -> list[Miss]:
    """Where a key is that the requested scope does not have, the nearest first.

    :param scope_id: the scope's row; None if the scope is unknown.
    """
    similar = _similar_keys(db, scope, key, scope_id)
    tasks = _tasks(db, ns, scope, key, scope_id)
    assets = _assets(db, ns, scope, key, scope_id)
    if isinstance(scope, AssetScope):
        return [*similar, *assets, *tasks]
    return [*similar, *tasks, *assets]


def _similar_keys(
    db: sqlite3.Connection, scope: StoreScope | None, key: str, scope_id: int | None
) -> list[Miss]:
    if scope is None:
        return []
    sql = "SELECT key FROM entries WHERE scope_id = ? ORDER BY key LIMIT ?"
    keys = [row[0] for row in db.execute(sql, (scope_id, _CANDIDATES))]
    ratios = {candidate: similarity(candidate, key) for candidate in keys}
    similar = [candidate for candidate in keys if ratios[candidate] >= _ALIKE]
    similar.sort(key=lambda candidate: -ratios[candidate])
    return [Miss(scope, name, f"did you mean {name!r}?") for name in similar[:_SHOWN]]


def similarity(name: str, other: str) -> float:
    """How alike two names are spelt, without case and separators, up to 1; 0 below ``_ALIKE``."""
    matcher = difflib.SequenceMatcher(None, _letters(name), _letters(other))
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    return matcher.ratio()


def _letters(name: str) -> str:
    return _SEPARATORS.sub("", name.casefold())[:_COMPARED] or name


def _tasks(
    db: sqlite3.Connection, ns: int, scope: StoreScope | None, key: str, scope_id: int | None
) -> list[Miss]:
    requested = None
    parameters: dict[str, Any] = {"shown": _SHOWN, "ns": ns, "key": key, "scope_id": scope_id}
    if isinstance(scope, TaskScope):
        requested = scope
        parameters |= {**scope_document(scope), "agree": 2}
    else:
        parameters |= {"dag_id": None, "run_id": None, "task_id": None, "map_index": -1, "agree": 0}
    rows = db.execute(_TASKS, parameters).fetchall()
    return [_task_miss(requested, key, isinstance(scope, AssetScope), row) for row in rows]


def _task_miss(requested: TaskScope | None, key: str, by_asset: bool, row: tuple[Any, ...]) -> Miss:
    scope = TaskScope(*row[:4])
    dag, run, task, rank, total = row[4:]
    index = ""
    which_index = "without a map index"
    if scope.map_index >= 0:
        index = f"[{scope.map_index}]"
        which_index = f"for map index {scope.map_index}"
    if requested is None:
        why = f"the task {scope.task_id}{index} of dag {scope.dag_id} has it"
        if by_asset:
            why += ", as task state"
    elif dag and run and task:
        why = f"the same task has it {which_index}"
    elif dag and task:
        why = f"the same task{index} has it in the run {scope.run_id}"
        if scope.run_id != requested.run_id == scope.run_id.replace("+", " "):
            why += "; a + in a query has to be sent as %2B"
    elif dag:
        why = f"the task {scope.task_id}{index} of the same run has it"
    else:
        why = f"the same run and task{index} of dag {scope.dag_id} has it"
    if rank == 1 and total > _SHOWN:
        why += f" (and {total - 1} more like it)"
    return Miss(scope, key, why)


def _assets(
    db: sqlite3.Connection, ns: int, scope: StoreScope | None, key: str, scope_id: int | None
) -> list[Miss]:
    requested = None
    if isinstance(scope, AssetScope):
        requested = scope.name
    rows = db.execute(_ASSETS, (ns, key, scope_id, _CANDIDATES)).fetchall()
    rows.sort(
        key=lambda row: (
            requested not in row[:2],
            -similarity(row[0], requested or ""),
            not row[2],
            row[0],
        )
    )
    return [
        Miss(AssetScope(name=row[0]), key, _asset_why(requested, *row)) for row in rows[:_SHOWN]
    ]


def _asset_why(requested: str | None, name: str, uri: str, active: int, asset_id: int) -> str:
    if requested is None:
        return f"the asset {name} has it, as asset state"
    if active and requested == uri:
        return f"this is the uri of the asset named {name}, which has it"
    if not active:
        reached = f"workers do not reach it, the Core API does by id {asset_id}"
        return f"the asset {name} has it, but is not active: {reached}"
    return f"the asset {name} has it"
