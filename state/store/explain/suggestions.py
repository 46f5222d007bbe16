"""Near misses: where a key that is not in one place is found instead."""

from __future__ import annotations

import difflib
import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from ...model.scopes import AssetScope, StoreScope, TaskScope, scope_document

_SHOWN = 3  # of one kind
_LOOKED_AT = 1000  # names that are compared by their spelling
_COMPARED = 100  # letters of each
_ALIKE = 0.75  # of difflib's ratio
_APART = re.compile(r"[\W_]+")

# how many of dag, run and task agree decides what is near; where none was asked for, every task is
_TASKS = """WITH found AS (
        SELECT r.dag_id, r.run_id, s.task_id, s.map_index, r.run_after,
            r.dag_id IS :dag_id AS dag, r.run_id IS :run_id AS run, s.task_id IS :task_id AS task
        FROM dag_runs r JOIN scopes s USING (run_pk) JOIN entries e USING (scope_id)
        WHERE r.ns = :ns AND e.key = :key AND s.scope_id IS NOT :here),
    ranked AS (
        SELECT *, count(*) OVER (PARTITION BY dag, run, task) AS total,
            row_number() OVER (PARTITION BY dag, run, task
            ORDER BY replace(run_id, '+', ' ') IS :run_id DESC,
                abs(map_index * 1.0 - :map_index), run_after DESC, task_id) AS place
        FROM found WHERE dag + run + task >= :agree)
    SELECT dag_id, run_id, task_id, map_index, dag, run, task, place, total FROM ranked
    WHERE place <= :shown
    ORDER BY dag + run + task DESC, task DESC, run DESC, place"""
_ASSETS = """SELECT a.name, a.uri, a.active, a.id FROM assets a JOIN scopes s USING (asset_pk)
    JOIN entries e USING (scope_id) WHERE a.ns = ? AND e.key = ? AND s.scope_id IS NOT ? LIMIT ?"""


@dataclass(frozen=True)
class Miss:
    """A place where the key is, or a key that is nearly it.

    :param why: a whole clause: what is different there.
    """

    scope: StoreScope
    key: str
    why: str


def misses(
    db: sqlite3.Connection, ns: int, scope: StoreScope | None, key: str, here: int | None
) -> list[Miss]:
    """Where a key is that is not in the scope that was asked, the nearest first.

    :param here: the scope's row, if workers reach one by this name.
    """
    tasks, assets = _tasks(db, ns, scope, key, here), _assets(db, ns, scope, key, here)
    first, then = (assets, tasks) if isinstance(scope, AssetScope) else (tasks, assets)
    return [*_spelt_alike(db, scope, key, here), *first, *then]


def _spelt_alike(
    db: sqlite3.Connection, scope: StoreScope | None, key: str, here: int | None
) -> list[Miss]:
    rows = db.execute(
        "SELECT key FROM entries WHERE scope_id = ? ORDER BY key LIMIT ?", (here, _LOOKED_AT)
    )
    known = [row[0] for row in rows]
    near = sorted(
        (known for known in known if closeness(known, key) >= _ALIKE),
        key=lambda one: -closeness(one, key),
    )
    return [
        Miss(scope, one, f"did you mean {one!r}?") for one in near[:_SHOWN] if scope is not None
    ]


def closeness(one: str, other: str) -> float:
    """How alike two names are spelt, from 0 to 1; letters' case, and what stands between words, do
    not count.
    """
    first, second = (_APART.sub("", name.casefold())[:_COMPARED] or name for name in (one, other))
    matcher = difflib.SequenceMatcher(None, first, second)
    return (
        matcher.ratio()
        if matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE
        else 0.0
    )


def _tasks(
    db: sqlite3.Connection, ns: int, scope: StoreScope | None, key: str, here: int | None
) -> list[Miss]:
    requested = None
    parameters: dict[str, Any] = {"shown": _SHOWN, "ns": ns, "key": key, "here": here}
    if isinstance(scope, TaskScope):
        requested = scope
        parameters |= {**scope_document(scope), "agree": 2}
    else:
        parameters |= {"dag_id": None, "run_id": None, "task_id": None, "map_index": -1, "agree": 0}
    rows = db.execute(_TASKS, parameters).fetchall()
    return [_task_miss(requested, key, isinstance(scope, AssetScope), row) for row in rows]


def _task_miss(requested: TaskScope | None, key: str, by_asset: bool, row: tuple[Any, ...]) -> Miss:
    scope, (dag, run, task, place, total) = TaskScope(*row[:4]), row[4:]
    index = "" if scope.map_index < 0 else f"[{scope.map_index}]"
    if requested is None:
        why = f"the task {scope.task_id}{index} of dag {scope.dag_id} has it"
        if by_asset:
            why += ", as task state"
    elif dag and run and task:
        without = (
            "without a map index" if scope.map_index < 0 else f"for map index {scope.map_index}"
        )
        why = f"the same task has it {without}"
    elif dag and task:
        why = f"the same task{index} has it in the run {scope.run_id}"
        why += _blank(scope.run_id, requested.run_id)
    elif dag:
        why = f"the task {scope.task_id}{index} of the same run has it"
    else:
        why = f"the same run and task{index} of dag {scope.dag_id} has it"
    more = f" (and {total - 1} more like it)" if place == 1 and total > _SHOWN else ""
    return Miss(scope, key, why + more)


def _blank(run_id: str, requested: str) -> str:
    return (
        "; a + in a query has to be sent as %2B"
        if run_id != requested == run_id.replace("+", " ")
        else ""
    )


def _assets(
    db: sqlite3.Connection, ns: int, scope: StoreScope | None, key: str, here: int | None
) -> list[Miss]:
    requested = scope.name if isinstance(scope, AssetScope) else None
    rows = db.execute(_ASSETS, (ns, key, here, _LOOKED_AT)).fetchall()
    rows.sort(
        key=lambda row: (
            requested not in row[:2],
            -closeness(row[0], requested or ""),
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
