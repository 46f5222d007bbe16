"""The events of the journal for the pages: filtered, the newest first, and one by its number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...model.events import CALLS, CLOSED, KEY_NOT_FOUND, TASK_CALLS, XCOM_CALLS
from ...model.names import HIDDEN
from ..database.sql import in_range, rows
from ..journal import retries
from ..journal.steps import CHANGED
from ..namespace import Namespace
from . import history

_READS = ("get", "list", "get_xcom", "list_xcoms", *TASK_CALLS[:5])
_MOVES = ("clock", "clean", "restore", "reset")
GROUPS = {
    "reads": _READS,
    "writes": (*(op for op in (*CALLS, *XCOM_CALLS) if op not in _READS), "fixture", *_MOVES[1:]),
    "attempts": ("create", "state"),
    "faults": ("fault",),
    "clock moves": ("clock",),
}
_MISSED = f"ifnull(j.outcome, '') = '{KEY_NOT_FOUND}'"
STATUS = {
    "answered": "ifnull(j.status, 200) < 400 AND j.outcome IS NULL",
    "refused": f"j.status >= 400 AND NOT {_MISSED}",
    "missed": _MISSED,
    "connection closed": f"ifnull(j.outcome, '') = '{CLOSED}'",
}
_SCOPES = f"""SELECT s.scope_id FROM scopes s LEFT JOIN dag_runs r USING (run_pk)
    LEFT JOIN assets a USING (asset_pk) WHERE ifnull(r.ns, a.ns) = :ns AND s.region <> '{HIDDEN}'"""
_FORMER = "SELECT f.scope_id FROM former_scopes f WHERE f.ns = :ns"
_COLUMNS = {
    "dag_id": "r.dag_id",
    "run_id": "r.run_id",
    "task_id": "s.task_id",
    "map_index": "s.map_index",
    "asset": "a.name",
}
_SELECT = f"""SELECT {history.COLUMNS}, j.saw, j.delay, j.expires_by,
    substr(seen.value, 1, 200) AS seen_beginning, seen.kind AS seen_kind,
    coalesce(f.asset, f.dag_id || ' / ' || f.task_id) AS former
    {history.SOURCE} LEFT JOIN journal seen ON seen.seq = j.saw
    LEFT JOIN former_scopes f ON f.scope_id = j.scope_id AND s.scope_id IS NULL"""


@dataclass(frozen=True)
class Filter:
    """Which events a list has; a member that is None leaves none out.

    A place is a task instance, or an asset, or a part of the name of one: an event belongs to it
    if it is about it, or if one of its attempts called.

    :param op: an operation of the journal, or one of :data:`GROUPS`.
    :param status: one of :data:`STATUS`, or the number of an HTTP status.
    :param with_moves: what changes the whole namespace belongs to each place.
    """

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    asset: str | None = None
    key: str | None = None
    ti_id: str | None = None
    try_number: int | None = None
    op: str | None = None
    status: str | None = None
    with_moves: bool = False

    @property
    def place(self) -> dict[str, Any]:
        """The members that name the place, those that are given."""
        members = {name: getattr(self, name) for name in _COLUMNS}
        return {name: value for name, value in members.items() if value is not None}

    def condition(self, ns: int) -> tuple[str, dict[str, Any]]:
        """The condition in SQL over the journal ``j``, and its parameters."""
        parameters: dict[str, Any] = {"ns": ns, **self.place}
        conditions = ["j.ns = :ns"]
        if self.place:
            conditions.append(self._of_place())
        for name in ("key", "ti_id"):
            if getattr(self, name) is not None:
                conditions.append(f"(j.{name} = :{name}{self._or_moves()})")
                parameters[name] = getattr(self, name)
        if self.try_number is not None:
            conditions.append(
                "j.ti_id IN (SELECT id FROM task_instances WHERE ns = :ns AND try_number = :try)"
            )
            parameters["try"] = in_range("attempt", self.try_number)
        if self.op is not None:
            ops = GROUPS.get(self.op, (self.op,))
            names = {f"op{number}": op for number, op in enumerate(ops)}
            conditions.append(f"j.op IN ({', '.join(f':{name}' for name in names)})")
            parameters |= names
        if self.status is not None:
            conditions.append(STATUS.get(self.status, "j.status = :status"))
            parameters["status"] = self.status
        return " AND ".join(conditions), parameters

    def _of_place(self) -> str:
        terms = " AND ".join(f"{_COLUMNS[name]} = :{name}" for name in self.place)
        scopes = f"{_SCOPES} AND {terms}"
        former = " AND ".join(f"f.{name} = :{name}" for name in self.place)
        attempts = f"SELECT id FROM task_instances WHERE ns = :ns AND scope_id IN ({scopes})"
        return f"""(j.scope_id IN ({scopes}) OR j.scope_id IN ({_FORMER} AND {former})
            OR j.ti_id IN ({attempts}){self._or_moves()})"""

    def _or_moves(self) -> str:
        if not self.with_moves:
            return ""
        return f" OR j.op IN {_MOVES} AND j.scope_id IS NULL"


def newest(
    namespace: Namespace,
    chosen: Filter,
    limit: int,
    after: int = 0,
    before: int = 2**62,
) -> list[dict[str, Any]]:
    """The newest events between two numbers, the newest first, each with ``by``: its actor's name.

    A repeated call after a fault says so in its note.

    :param after: the number of an event; this one and those before it are left out.
    :param before: the number of an event; this one and those after it are left out.
    """
    namespace.journal.flush()
    condition, parameters = chosen.condition(namespace.ns)
    numbers = f"""SELECT j.seq FROM journal j WHERE {condition}
        AND j.seq > :after AND j.seq < :before ORDER BY j.seq DESC LIMIT :limit"""
    sql = f"{_SELECT} WHERE j.seq IN ({numbers}) ORDER BY j.seq"
    bounds = {"after": after, "before": before, "limit": limit}
    with namespace.database.snapshot() as db:
        events = rows(db, sql, {**parameters, **bounds})
        retries.mark(db, namespace.ns, events)
    events.reverse()
    return history.with_actors(events)


def event(namespace: Namespace, seq: int) -> dict[str, Any] | None:
    """One event of the namespace, as :func:`newest` returns it; None if there is none."""
    return next(iter(newest(namespace, Filter(), 1, seq - 1, seq + 1)), None)


def neighbours(
    namespace: Namespace, seq: int, chosen: Filter | None = None
) -> tuple[int | None, int | None]:
    """The numbers of the events before and after one; None where there is none.

    :param chosen: among which events; None for all.
    """
    condition, parameters = (chosen or Filter()).condition(namespace.ns)
    events = f"FROM journal j WHERE {condition} AND j.seq"
    sql = f"SELECT (SELECT max(j.seq) {events} < :seq), (SELECT min(j.seq) {events} > :seq)"
    with namespace.database.reading() as db:
        before, after = db.execute(sql, {**parameters, "seq": seq}).fetchone()
    return before, after


def places(namespace: Namespace, limit: int) -> dict[str, list[str]]:
    """The first names of dags, runs, tasks and assets, for a form to suggest."""
    sources = {
        "dag_id": "SELECT DISTINCT dag_id FROM dag_runs WHERE ns = ?",
        "run_id": "SELECT DISTINCT run_id FROM dag_runs WHERE ns = ?",
        "task_id": """SELECT DISTINCT task_id FROM scopes JOIN dag_runs USING (run_pk)
            WHERE ns = ?""",
        "asset": "SELECT name FROM assets WHERE ns = ?",
    }
    with namespace.database.reading() as db:
        return {
            name: [row[0] for row in db.execute(f"{sql} ORDER BY 1 LIMIT ?", (namespace.ns, limit))]
            for name, sql in sources.items()
        }


def keys_at(namespace: Namespace, chosen: Filter, seq: int, limit: int) -> list[dict[str, Any]]:
    """The last change of each key up to an event, of keys that existed then or went with it.

    A key whose changes the journal no longer has is left out.

    :param chosen: of which places.
    """
    namespace.journal.flush()
    condition, parameters = chosen.condition(namespace.ns)
    last = f"""SELECT max(j.seq) FROM journal j WHERE {condition} AND {CHANGED}
        AND j.scope_id IS NOT NULL AND j.seq <= :seq GROUP BY j.scope_id, j.key"""
    sql = f"""{_SELECT} WHERE j.seq IN ({last}) AND (j.op = 'set' OR j.seq = :seq
        OR j.parent = :seq) ORDER BY r.dag_id IS NULL, r.dag_id, r.run_id, s.task_id, s.map_index,
        a.name, j.key LIMIT :limit"""
    with namespace.database.reading() as db:
        found = rows(db, sql, {**parameters, "seq": seq, "limit": limit})
    return history.with_actors(found)
