"""What the pages list: dag runs, task instances, assets and keys, searched, filtered, counted, a
page at a time.

Counting reads rows and no values; values are read for the rows of one page only, and large ones not
even then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...model.clock import to_text
from ..database.sql import in_range, rows
from ..namespace import Namespace
from ..tables.expiry import EXPIRED

UNHEALTHY = ("missing", "corrupt", "changed")
_NOT_PLAIN = "e.kind <> 'value'"  # as the index entries_not_plain says it
ONLY = {
    "references": f"{_NOT_PLAIN} AND e.kind = 'reference'",
    "expired": EXPIRED,
    "unhealthy": f"{_NOT_PLAIN} AND f.health IN {UNHEALTHY}",
    "malformed": f"{_NOT_PLAIN} AND e.kind = 'malformed'",
}
_RARE = ("references", "unhealthy", "malformed")  # found through the index
_SUMS = ", ".join(f'total({condition}) AS "{name}"' for name, condition in ONLY.items())
_COUNTS = f"count(e.entry_id) AS keys, {_SUMS}, max(e.updated_at) AS updated_at"
_ENTRIES = "LEFT JOIN entries e ON e.scope_id = s.scope_id LEFT JOIN refs f ON f.ref_id = e.ref_id"
TASK_SIDE = f"FROM dag_runs r LEFT JOIN scopes s ON s.run_pk = r.run_pk {_ENTRIES} WHERE r.ns = :ns"
ASSET_SIDE = f"FROM assets a JOIN scopes s ON s.asset_pk = a.asset_pk {_ENTRIES} WHERE a.ns = :ns"
_WORDS = {
    "task": ("r.dag_id", "r.run_id", "coalesce(s.task_id, '')", "coalesce(e.key, '')"),
    "asset": ("a.name", "a.uri", "coalesce(e.key, '')"),
}


@dataclass(frozen=True)
class Search:
    """What is asked of the lists.

    :param words: each has to be somewhere in the names that lead to a key, or in the key; capitals
        do not matter.
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
    """How a list is sorted: by a column, downwards or not."""

    column: str
    down: bool = False

    def terms(self, last: str, expression: str | None = None) -> str:
        """The terms of an ORDER BY clause.

        :param last: what decides among equals.
        :param expression: what to sort by, where the column has no name yet.
        """
        way = "DESC" if self.down else "ASC"
        return f"{expression or _quoted(self.column)} {way}, {last} {way}"


def _quoted(name: str) -> str:
    return f'"{name}"'


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


def order(show: str, name: str, down: bool) -> Order:
    """The order of a list by one of its columns: one of :data:`SORTS`, or but for keys one of
    :data:`HELD`.
    """
    return Order(SORTS[show].get(name, name), down)


def totals(namespace: Namespace, search: Search) -> dict[str, int]:
    """How many ``runs``, ``tasks``, ``assets`` and ``keys`` fit, and how many keys of each of
    :data:`ONLY`.
    """
    found: dict[str, int] = dict.fromkeys(("runs", "tasks", "assets", "keys", *ONLY), 0)
    with namespace.database.snapshot() as db:
        for side, sql in _totals_of_all() if search.anything else _totals_of(search):
            where, values = conditions(namespace, search, side)
            (row,) = rows(db, sql + where, values)
            for name in found:
                found[name] += int(row.get(name) or 0)
    return found


def _totals_of(search: Search) -> list[tuple[str, str]]:
    """What to count of which side."""
    of_tasks = "count(DISTINCT r.run_pk) AS runs, count(DISTINCT s.scope_id) AS tasks"
    sides = [("task", f"SELECT {of_tasks}, {_COUNTS} {TASK_SIDE}")]
    if search.assets_too:
        sides.append(
            ("asset", f"SELECT count(DISTINCT a.asset_pk) AS assets, {_COUNTS} {ASSET_SIDE}")
        )
    return sides


def _totals_of_all() -> list[tuple[str, str]]:
    """The same without a filter: each count by itself, through indexes, past large values."""
    sides = {
        "task": ("dag_runs r", "s.run_pk = r.run_pk", "r.ns"),
        "asset": ("assets a", "s.asset_pk = a.asset_pk", "a.ns"),
    }
    counts = [("task", "SELECT count(*) AS runs FROM dag_runs r WHERE r.ns = :ns")]
    for side, (owner, on, ns) in sides.items():
        scopes = f"FROM {owner} JOIN scopes s ON {on}"
        refs = "JOIN entries e ON e.scope_id = s.scope_id LEFT JOIN refs f ON f.ref_id = e.ref_id"
        counts += [
            (side, f"SELECT count(*) AS {side}s {scopes} WHERE {ns} = :ns"),
            (
                side,
                f"""SELECT count(*) AS keys {scopes} JOIN entries e ON e.scope_id = s.scope_id
                    WHERE {ns} = :ns""",
            ),
            *(
                (
                    side,
                    f'SELECT count(*) AS "{name}" {scopes} {refs} '
                    f"WHERE {ns} = :ns AND {ONLY[name]}",
                )
                for name in _RARE
            ),
            (
                side,
                f"""SELECT count(*) AS expired FROM entries e INDEXED BY entries_by_expiry CROSS
                    JOIN scopes s
                CROSS JOIN {owner} WHERE {EXPIRED} AND s.scope_id = e.scope_id AND {on}
                AND {ns} = :ns""",
            ),
        ]
    return counts


def is_empty(namespace: Namespace) -> bool:
    """Whether there is neither a dag run nor an asset."""
    sql = """SELECT EXISTS (SELECT 1 FROM dag_runs WHERE ns = :ns) OR EXISTS (SELECT 1 FROM assets
        WHERE ns = :ns)"""
    with namespace.database.reading() as db:
        return not db.execute(sql, {"ns": namespace.ns}).fetchone()[0]


def runs(
    namespace: Namespace, search: Search, by: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the dag runs, with what they hold."""
    where, values = conditions(namespace, search, "task")
    fits = f"r.run_pk IN (SELECT r.run_pk {TASK_SIDE} {where})"
    inner = f"SELECT r.* FROM dag_runs r WHERE r.ns = :ns AND {'1' if search.anything else fits}"
    held = "scopes s JOIN entries e ON e.scope_id = s.scope_id"
    by_tasks = "(SELECT count(*) FROM scopes s WHERE s.run_pk = r.run_pk)"
    chosen = _chosen(
        inner,
        by,
        "r.run_pk",
        by_tasks if by.column == "tasks" else _held(by, held, "s.run_pk = r.run_pk"),
    )
    columns = (
        "r.run_pk, r.dag_id, r.run_id, r.state, r.run_after, count(DISTINCT s.scope_id) AS tasks"
    )
    joins = f"LEFT JOIN scopes s ON s.run_pk = r.run_pk {_ENTRIES}"
    sql = f"""SELECT {columns}, {_COUNTS} FROM ({chosen}) r {joins} GROUP BY r.run_pk
        ORDER BY {by.terms("r.run_pk")}"""
    return _page(namespace, sql, values, limit, offset)


def tasks(
    namespace: Namespace, search: Search, by: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the task instances, with what they hold and their current attempt."""
    where, values = conditions(namespace, search, "task")
    fits = f"s.scope_id IN (SELECT s.scope_id {TASK_SIDE} {where})"
    inner = f"""SELECT s.scope_id, r.dag_id, r.run_id, r.run_after, s.task_id, s.map_index,
        t.state AS state, t.try_number FROM dag_runs r JOIN scopes s ON s.run_pk = r.run_pk
        LEFT JOIN task_instances t ON t.scope_id = s.scope_id AND t.superseded_at IS NULL
        WHERE r.ns = :ns AND {"1" if search.anything else fits}"""
    return _page(namespace, _scopes(inner, by), values, limit, offset)


def assets(
    namespace: Namespace, search: Search, by: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """A page of the assets, active or not, with what they hold; none where a dag is asked for."""
    if not search.assets_too:
        return []
    where, values = conditions(namespace, search, "asset")
    fits = f"s.scope_id IN (SELECT s.scope_id {ASSET_SIDE} {where})"
    inner = f"""SELECT s.scope_id, a.id, a.name, a.uri, a.active
        FROM assets a JOIN scopes s ON s.asset_pk = a.asset_pk
        WHERE a.ns = :ns AND {"1" if search.anything else fits}"""
    return _page(namespace, _scopes(inner, by), values, limit, offset)


def _scopes(inner: str, by: Order) -> str:
    """The page of the scopes that ``inner`` selects as ``s``, with what they hold."""
    chosen = _chosen(inner, by, "s.scope_id", _held(by, "entries e", "e.scope_id = s.scope_id"))
    return f"""SELECT s.*, {_COUNTS} FROM ({chosen}) s {_ENTRIES}
        GROUP BY s.scope_id ORDER BY {by.terms("s.scope_id")}"""


def _chosen(inner: str, by: Order, last: str, expression: str | None) -> str:
    """The rows of one page, chosen before what they hold is counted."""
    return f"{inner} ORDER BY {by.terms(last, expression)} LIMIT :limit OFFSET :offset"


def _held(by: Order, source: str, where: str) -> str | None:
    """What a row holds of the column that is sorted by, as an expression; None where the column is
    its own.
    """
    if by.column not in HELD:
        return None
    what = "max(e.updated_at)" if by.column == "updated_at" else "count(*)"
    refs = "LEFT JOIN refs f ON f.ref_id = e.ref_id" if by.column == "unhealthy" else ""
    return f"(SELECT {what} FROM {source} {refs} WHERE {where} AND {ONLY.get(by.column, '1')})"


def _page(
    namespace: Namespace, sql: str, values: dict[str, Any], limit: int, offset: int
) -> list[dict[str, Any]]:
    with namespace.database.snapshot() as db:
        return rows(db, sql, {**values, "limit": limit, "offset": in_range("offset", offset)})


def conditions(namespace: Namespace, search: Search, side: str) -> tuple[str, dict[str, Any]]:
    """What is asked of one side, ``task`` or ``asset``, as SQL that begins with
    AND, and the values in it."""
    values: dict[str, Any] = {"ns": namespace.ns, "now": to_text(namespace.clock.now())}
    parts = [""]
    for number, word in enumerate(search.words):
        values[f"word{number}"] = f"%{_escaped(word)}%"
        parts.append(
            "("
            + " OR ".join(f"{name} LIKE :word{number} ESCAPE '\\'" for name in _WORDS[side])
            + ")"
        )
    if search.only:
        parts.append(ONLY[search.only])
    for name in ("dag_id", "run_id"):
        if side == "task" and getattr(search, name) is not None:
            values[name] = getattr(search, name)
            parts.append(f"r.{name} = :{name}")
    return " AND ".join(parts), values


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
