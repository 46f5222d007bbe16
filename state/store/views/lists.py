"""The lists of the pages: dag runs, task instances and assets, searched, filtered and counted.

Counts read no values; a list reads the values of one page only, without the large ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from ...model.clock import to_text
from ...model.reference_facts import UNHEALTHY
from ..database.sql import in_range, rows
from ..namespace import Namespace
from ..tables.expiry import EXPIRED

_NOT_PLAIN = "e.kind <> 'value'"  # the condition of the index entries_not_plain
ONLY = {
    "references": f"{_NOT_PLAIN} AND e.kind = 'reference'",
    "expired": EXPIRED,
    "unhealthy": f"{_NOT_PLAIN} AND f.health IN {UNHEALTHY}",
    "malformed": f"{_NOT_PLAIN} AND e.kind = 'malformed'",
}
_RARE = ("references", "unhealthy", "malformed")  # counted through that index
SUMS = ", ".join(f'total({condition}) AS "{name}"' for name, condition in ONLY.items())
_COUNTS = f"count(e.entry_id) AS keys, {SUMS}, max(e.updated_at) AS updated_at"
_ENTRIES = "LEFT JOIN entries e ON e.scope_id = s.scope_id LEFT JOIN refs f ON f.ref_id = e.ref_id"
TASK_SIDE = f"FROM dag_runs r LEFT JOIN scopes s ON s.run_pk = r.run_pk {_ENTRIES} WHERE r.ns = :ns"
ASSET_SIDE = f"FROM assets a JOIN scopes s ON s.asset_pk = a.asset_pk {_ENTRIES} WHERE a.ns = :ns"
_NAMES = {
    "task": ("r.dag_id", "r.run_id", "coalesce(s.task_id, '')", "coalesce(e.key, '')"),
    "asset": ("a.name", "a.uri", "coalesce(e.key, '')"),
}
_LONGEST = 65_536  # characters of a value that is searched


@dataclass(frozen=True)
class Search:
    """The filter of a list.

    :param words: each has to be in the key, in a name of its scope or, as :func:`in_values` finds,
        in its value; case does not matter.
    :param only: one of :data:`ONLY`: rows with such a key.
    :param run_id: with ``dag_id``, one run; either leaves assets out.
    :param holders: for each word the ids of the entries that have it in their values.
    """

    words: tuple[str, ...] = ()
    only: str | None = None
    dag_id: str | None = None
    run_id: str | None = None
    holders: tuple[tuple[int, ...], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it leaves nothing out."""
        return not (self.words or self.only or self.dag_id is not None or self.run_id is not None)

    @property
    def has_assets(self) -> bool:
        return self.dag_id is None and self.run_id is None


@dataclass(frozen=True)
class Order:
    """The order of a list: a column, ascending or descending."""

    column: str
    down: bool = False

    def terms(self, last: str, expression: str | None = None) -> str:
        """The terms of an ORDER BY clause.

        :param last: the column that orders rows with equal values.
        :param expression: an expression to sort by instead of the column.
        """
        direction = "DESC" if self.down else "ASC"
        if expression is None:
            expression = f'"{self.column}"'
        return f"{expression} {direction}, {last} {direction}"


HELD = ("keys", *ONLY, "updated_at")
SORTS = {
    "runs": {"run": "run_after", "dag": "dag_id", "state": "state", "tasks": "tasks"},
    "tasks": {"task": "task_id", "dag": "dag_id", "run": "run_after", "state": "state"},
    "assets": {"name": "name", "uri": "uri", "id": "id"},
    "keys": {
        "key": "key",
        "size": "size",
        "written": "updated_at",
        "expires": "expires_at",
        "kind": "kind",
    },
}


def in_values(namespace: Namespace, search: Search) -> Search:
    """The search, extended to the values of at most 64 KiB that hold its words.

    References are not searched: they may have credentials in them.
    """
    sql = f"""SELECT entry_id FROM entries WHERE value LIKE ? ESCAPE '\\'
        AND kind = 'value' AND size <= {_LONGEST}"""
    holders = []
    with namespace.database.reading() as db:
        for word in search.words:
            found = db.execute(sql, (_pattern(json.dumps(word)[1:-1]),))
            holders.append(tuple(entry_id for (entry_id,) in found))
    return replace(search, holders=tuple(holders))


def _pattern(text: str) -> str:
    """The pattern of LIKE for what has this text in it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def order(show: str, name: str, down: bool) -> Order:
    """The order of a list by a column.

    :param show: a key of :data:`SORTS`.
    :param name: a column of that list in :data:`SORTS`; except for keys, also one of :data:`HELD`.
    """
    return Order(SORTS[show].get(name, name), down)


def totals(namespace: Namespace, search: Search) -> dict[str, int]:
    """The numbers of matching ``runs``, ``tasks``, ``assets`` and ``keys``, and of the keys of each
    of :data:`ONLY`.
    """
    totals: dict[str, int] = dict.fromkeys(("runs", "tasks", "assets", "keys", *ONLY), 0)
    counts = _counts_of_all() if search.is_empty else _counts_of(search)
    with namespace.database.snapshot() as db:
        for side, sql in counts:
            where, values = conditions(namespace, search, side)
            (row,) = rows(db, sql + where, values)
            for name in totals:
                totals[name] += int(row.get(name) or 0)
    return totals


def _counts_of(search: Search) -> list[tuple[str, str]]:
    """Sides, each with a SELECT of its counts."""
    of_tasks = "count(DISTINCT r.run_pk) AS runs, count(DISTINCT s.scope_id) AS tasks"
    sides = [("task", f"SELECT {of_tasks}, {_COUNTS} {TASK_SIDE}")]
    if search.has_assets:
        sides.append(
            ("asset", f"SELECT count(DISTINCT a.asset_pk) AS assets, {_COUNTS} {ASSET_SIDE}")
        )
    return sides


def _counts_of_all() -> list[tuple[str, str]]:
    """The same without a filter: one SELECT per count, which uses indexes and reads no values."""
    sides = {
        "task": ("dag_runs r", "s.run_pk = r.run_pk", "r.ns"),
        "asset": ("assets a", "s.asset_pk = a.asset_pk", "a.ns"),
    }
    counts = [("task", "SELECT count(*) AS runs FROM dag_runs r WHERE r.ns = :ns")]
    for side, (owner, on, ns) in sides.items():
        scopes = f"FROM {owner} JOIN scopes s ON {on}"
        entries = f"{scopes} JOIN entries e ON e.scope_id = s.scope_id"
        refs = f"{entries} LEFT JOIN refs f ON f.ref_id = e.ref_id"
        expired = f"""FROM entries e INDEXED BY entries_by_expiry CROSS JOIN scopes s
            CROSS JOIN {owner} WHERE {EXPIRED} AND s.scope_id = e.scope_id AND {on}"""
        selects = [
            f"SELECT count(*) AS {side}s {scopes} WHERE {ns} = :ns",
            f"SELECT count(*) AS keys {entries} WHERE {ns} = :ns",
            f"SELECT count(*) AS expired {expired} AND {ns} = :ns",
        ]
        for name in _RARE:
            where = f"{ns} = :ns AND {ONLY[name]}"
            selects.append(f'SELECT count(*) AS "{name}" {refs} WHERE {where}')
        counts += [(side, select) for select in selects]
    return counts


def is_empty(namespace: Namespace) -> bool:
    """Whether there are no dag runs and no assets."""
    sql = """SELECT EXISTS (SELECT 1 FROM dag_runs WHERE ns = :ns)
        OR EXISTS (SELECT 1 FROM assets WHERE ns = :ns)"""
    with namespace.database.reading() as db:
        return not db.execute(sql, {"ns": namespace.ns}).fetchone()[0]


def runs(
    namespace: Namespace, search: Search, order: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the dag runs, with the counts of their keys."""
    where, values = conditions(namespace, search, "task")
    inner = "SELECT r.* FROM dag_runs r WHERE r.ns = :ns"
    if not search.is_empty:
        inner += f" AND r.run_pk IN (SELECT r.run_pk {TASK_SIDE} {where})"
    sort_key: str | None = "(SELECT count(*) FROM scopes s WHERE s.run_pk = r.run_pk)"
    if order.column != "tasks":
        entries = "scopes s JOIN entries e ON e.scope_id = s.scope_id"
        sort_key = _sort_key(order, entries, "s.run_pk = r.run_pk")
    page = _page_of(inner, order, "r.run_pk", sort_key)
    columns = (
        "r.run_pk, r.dag_id, r.run_id, r.state, r.run_after, count(DISTINCT s.scope_id) AS tasks"
    )
    joins = f"LEFT JOIN scopes s ON s.run_pk = r.run_pk {_ENTRIES}"
    sql = f"""SELECT {columns}, {_COUNTS} FROM ({page}) r {joins} GROUP BY r.run_pk
        ORDER BY {order.terms("r.run_pk")}"""
    return _page(namespace, sql, values, limit, offset)


def tasks(
    namespace: Namespace, search: Search, order: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the task instances, with their current attempt and the counts of their keys."""
    where, values = conditions(namespace, search, "task")
    inner = """SELECT s.scope_id, r.dag_id, r.run_id, r.run_after, s.task_id, s.map_index,
        s.region AS region_id,
        t.state AS state, t.try_number FROM dag_runs r JOIN scopes s ON s.run_pk = r.run_pk
        LEFT JOIN task_instances t ON t.scope_id = s.scope_id AND t.superseded_at IS NULL
        WHERE r.ns = :ns"""
    if not search.is_empty:
        inner += f" AND s.scope_id IN (SELECT s.scope_id {TASK_SIDE} {where})"
    return _page(namespace, _scopes(inner, order), values, limit, offset)


def assets(
    namespace: Namespace, search: Search, order: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the assets, active or not, with the counts of their keys; none if the search is for
    a dag.
    """
    if not search.has_assets:
        return []
    where, values = conditions(namespace, search, "asset")
    inner = """SELECT s.scope_id, a.id, a.name, a.uri, a.active
        FROM assets a JOIN scopes s ON s.asset_pk = a.asset_pk WHERE a.ns = :ns"""
    if not search.is_empty:
        inner += f" AND s.scope_id IN (SELECT s.scope_id {ASSET_SIDE} {where})"
    return _page(namespace, _scopes(inner, order), values, limit, offset)


def _scopes(inner: str, order: Order) -> str:
    """The page of the scopes that ``inner`` selects as ``s``, with the counts of their keys."""
    sort_key = _sort_key(order, "entries e", "e.scope_id = s.scope_id")
    page = _page_of(inner, order, "s.scope_id", sort_key)
    return f"""SELECT s.*, {_COUNTS} FROM ({page}) s {_ENTRIES}
        GROUP BY s.scope_id ORDER BY {order.terms("s.scope_id")}"""


def _page_of(inner: str, order: Order, last: str, sort_key: str | None) -> str:
    """The rows of one page, selected before their keys are counted."""
    return f"{inner} ORDER BY {order.terms(last, sort_key)} LIMIT :limit OFFSET :offset"


def _sort_key(order: Order, source: str, where: str) -> str | None:
    """The value of a column of :data:`HELD` as an expression; None for a row's own column."""
    if order.column not in HELD:
        return None
    value = "count(*)"
    if order.column == "updated_at":
        value = "max(e.updated_at)"
    elif order.column == "unhealthy":
        source += " LEFT JOIN refs f ON f.ref_id = e.ref_id"
    return f"(SELECT {value} FROM {source} WHERE {where} AND {ONLY.get(order.column, '1')})"


def _page(
    namespace: Namespace, sql: str, values: dict[str, Any], limit: int, offset: int
) -> list[dict[str, Any]]:
    with namespace.database.snapshot() as db:
        return rows(db, sql, {**values, "limit": limit, "offset": in_range("offset", offset)})


def conditions(namespace: Namespace, search: Search, side: str) -> tuple[str, dict[str, Any]]:
    """The conditions of a search on one side, as SQL that begins with AND, and their parameters.

    :param side: ``task`` or ``asset``.
    """
    values: dict[str, Any] = {"ns": namespace.ns, "now": to_text(namespace.clock.now())}
    parts = [""]
    for number, word in enumerate(search.words):
        values[f"word{number}"] = _pattern(word)
        places = [f"{name} LIKE :word{number} ESCAPE '\\'" for name in _NAMES[side]]
        if search.holders:
            values[f"holders{number}"] = json.dumps(search.holders[number])
            places.append(f"e.entry_id IN (SELECT value FROM json_each(:holders{number}))")
        parts.append(f"({' OR '.join(places)})")
    if search.only:
        parts.append(ONLY[search.only])
    for name in ("dag_id", "run_id"):
        if side == "task" and getattr(search, name) is not None:
            values[name] = getattr(search, name)
            parts.append(f"r.{name} = :{name}")
    return " AND ".join(parts), values
