"""What the pages list: dag runs, task instances, assets and keys, searched, filtered, counted, a page at a time.

Counting reads the index ``entries_counted`` and never a value; values are read for the rows of one page only.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..clock import to_text
from .ranges import in_range

if TYPE_CHECKING:
    from .registry import Namespace

UNHEALTHY = ("missing", "corrupt", "changed")
ONLY = {
    "references": "e.kind = 'reference'",
    "expired": "e.expires_at < :now",
    "unhealthy": f"f.health IN {UNHEALTHY}",
    "malformed": "e.kind = 'malformed'",
}
_SUMS = ", ".join(f'total({condition}) AS "{name}"' for name, condition in ONLY.items())
_COUNTS = f"count(e.entry_id) AS keys, {_SUMS}, max(e.updated_at) AS updated_at"
_ENTRIES = "LEFT JOIN entries e {indexed} ON e.scope_id = s.scope_id LEFT JOIN refs f ON f.ref_id = e.ref_id"
TASK_SIDE = f"FROM dag_runs r LEFT JOIN scopes s ON s.run_pk = r.run_pk {_ENTRIES} WHERE r.ns = :ns"
ASSET_SIDE = f"FROM assets a JOIN scopes s ON s.asset_pk = a.asset_pk {_ENTRIES} WHERE a.ns = :ns"
_WORDS = {
    "task": ("r.dag_id", "r.run_id", "coalesce(s.task_id, '')", "coalesce(e.key, '')"),
    "asset": ("a.name", "a.uri", "coalesce(e.key, '')"),
}


@dataclass(frozen=True)
class Asked:
    """What is asked of the lists.

    :param words: each has to be somewhere in the names that lead to a key, or in the key; capitals do not matter.
    :param only: one of :data:`ONLY`, for what has such a key.
    :param run_id: with ``dag_id``, for one run; assets are left out then.
    """

    words: tuple[str, ...] = ()
    only: str | None = None
    dag_id: str | None = None
    run_id: str | None = None

    @property
    def anything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.words or self.only or self.dag_id is not None or self.run_id is not None)

    @property
    def assets_too(self) -> bool:
        return self.dag_id is None and self.run_id is None


@dataclass(frozen=True)
class Order:
    """How a list is sorted.

    :param own: whether the column is the row's own, so that its counts need not be known to choose a page.
    """

    column: str
    down: bool = False
    own: bool = True

    def terms(self, last: str) -> str:
        way = "DESC" if self.down else "ASC"
        return f'"{self.column}" {way}, {last} {way}'


COUNTED = {"keys", *ONLY, "updated_at", "tasks"}
SORTS = {
    "runs": {"run": "run_after", "dag": "dag_id", "state": "state", "tasks": "tasks"},
    "tasks": {"task": "task_id", "dag": "dag_id", "run": "run_after", "state": "state"},
    "assets": {"name": "name", "uri": "uri", "id": "id"},
    "keys": {"key": "key", "size": "size", "written": "updated_at", "expires": "expires_at", "kind": "kind"},
}


def order(show: str, name: str, down: bool) -> Order:
    """The order of a list by one of its columns: its own of :data:`SORTS`, or one of the counted ones."""
    column = SORTS[show].get(name) or name
    return Order(column, down, own=column not in COUNTED)


def totals(namespace: Namespace, asked: Asked) -> dict[str, int]:
    """How many ``runs``, ``tasks``, ``assets`` and ``keys`` fit, and how many keys of each of :data:`ONLY`."""
    with namespace.store.snapshot() as db:
        where, values = conditions(namespace, asked, "task")
        source = TASK_SIDE.format(indexed=index(asked))
        counts = f"count(DISTINCT r.run_pk) AS runs, count(DISTINCT s.scope_id) AS tasks, {_COUNTS}"
        (found,) = rows(db, f"SELECT {counts} {source} {where}", values)
        where, values = conditions(namespace, asked, "asset")
        source = ASSET_SIDE.format(indexed=index(asked))
        counts = f"count(DISTINCT a.asset_pk) AS assets, {_COUNTS}"
        (more,) = rows(db, f"SELECT {counts} {source} {where}", values) if asked.assets_too else [{}]
    names = ("runs", "tasks", "assets", "keys", *ONLY)
    return {name: int(found.get(name) or 0) + int(more.get(name) or 0) for name in names}


def runs(namespace: Namespace, asked: Asked, by: Order, limit: int, offset: int) -> list[dict[str, Any]]:
    """A page of the dag runs, with what they hold."""
    where, values = conditions(namespace, asked, "task")
    fits = f"r.run_pk IN (SELECT r.run_pk {TASK_SIDE.format(indexed=index(asked))} {where})"
    inner = f"SELECT r.* FROM dag_runs r WHERE r.ns = :ns AND {'1' if asked.anything else fits}"
    columns = "r.run_pk, r.dag_id, r.run_id, r.state, r.run_after, count(DISTINCT s.scope_id) AS tasks"
    source = f"LEFT JOIN scopes s ON s.run_pk = r.run_pk {_ENTRIES.format(indexed=_COUNTING)}"
    parts = (inner, f"SELECT {columns}, {_COUNTS}", f"r {source}", "r.run_pk")
    return _page(namespace, parts, by, {**values, "limit": limit, "offset": in_range("offset", offset)})


def tasks(namespace: Namespace, asked: Asked, by: Order, limit: int, offset: int) -> list[dict[str, Any]]:
    """A page of the task instances, with what they hold and their current attempt."""
    where, values = conditions(namespace, asked, "task")
    fits = f"s.scope_id IN (SELECT s.scope_id {TASK_SIDE.format(indexed=index(asked))} {where})"
    inner = f"""SELECT s.scope_id, r.dag_id, r.run_id, r.run_after, s.task_id, s.map_index,
        t.state AS state, t.try_number
        FROM dag_runs r JOIN scopes s ON s.run_pk = r.run_pk
        LEFT JOIN task_instances t ON t.scope_id = s.scope_id AND t.superseded_at IS NULL
        WHERE r.ns = :ns AND {"1" if asked.anything else fits}"""
    source = _ENTRIES.format(indexed=_COUNTING)
    parts = (inner, f"SELECT s.*, {_COUNTS}", f"s {source}", "s.scope_id")
    return _page(namespace, parts, by, {**values, "limit": limit, "offset": in_range("offset", offset)})


def assets(namespace: Namespace, asked: Asked, by: Order, limit: int, offset: int) -> list[dict[str, Any]]:
    """A page of the assets, active or not, with what they hold; none where a dag is asked for."""
    if not asked.assets_too:
        return []
    where, values = conditions(namespace, asked, "asset")
    fits = f"s.scope_id IN (SELECT s.scope_id {ASSET_SIDE.format(indexed=index(asked))} {where})"
    inner = f"""SELECT s.scope_id, a.id, a.name, a.uri, a.active
        FROM assets a JOIN scopes s ON s.asset_pk = a.asset_pk WHERE a.ns = :ns AND {"1" if asked.anything else fits}"""
    source = _ENTRIES.format(indexed=_COUNTING)
    parts = (inner, f"SELECT s.*, {_COUNTS}", f"s {source}", "s.scope_id")
    return _page(namespace, parts, by, {**values, "limit": limit, "offset": in_range("offset", offset)})


_COUNTING = "INDEXED BY entries_counted"


def index(asked: Asked) -> str:
    """Which index finds the entries: by their keys where words are looked for."""
    return "" if asked.words else _COUNTING


def _page(
    namespace: Namespace, parts: tuple[str, str, str, str], by: Order, values: dict[str, Any]
) -> list[dict[str, Any]]:
    """Choose the page first where the order lets that be, so that only its rows are counted.

    :param parts: the rows that fit, what is selected of them, what is joined to them, what they are grouped by.
    """
    inner, select, joins, group = parts
    in_order = f"ORDER BY {by.terms(group)}"
    page = f"{in_order} LIMIT :limit OFFSET :offset"
    chosen, end = (f"{inner} {page}", in_order) if by.own else (inner, page)
    with namespace.store.snapshot() as db:
        return rows(db, f"{select} FROM ({chosen}) {joins} GROUP BY {group} {end}", values)


def conditions(namespace: Namespace, asked: Asked, side: str) -> tuple[str, dict[str, Any]]:
    """What is asked of one side, ``task`` or ``asset``, as SQL that begins with AND, and the values in it."""
    values: dict[str, Any] = {"ns": namespace.ns, "now": to_text(namespace.clock.now())}
    parts = [""]
    for number, word in enumerate(asked.words):
        values[f"word{number}"] = f"%{_escaped(word)}%"
        parts.append("(" + " OR ".join(f"{name} LIKE :word{number} ESCAPE '\\'" for name in _WORDS[side]) + ")")
    if asked.only:
        parts.append(ONLY[asked.only])
    for name in ("dag_id", "run_id"):
        if side == "task" and getattr(asked, name) is not None:
            values[name] = getattr(asked, name)
            parts.append(f"r.{name} = :{name}")
    return " AND ".join(parts), values


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def rows(db: sqlite3.Connection, sql: str, values: Any) -> list[dict[str, Any]]:
    """Rows by their columns' names."""
    cursor = db.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
