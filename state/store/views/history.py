"""The history of a key from the journal: what changed it, its value at a moment, lost updates."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from ...model.clock import to_text
from ...model.envelope import MARKER
from ...model.events import actor_name, lost_updates
from ...model.scopes import StoreScope
from ..database.sql import row_as_dict, rows
from ..journal import retries
from ..journal.documents import EVENTS, document, moment_of
from ..journal.scope_ids import scope_id_of
from ..journal.steps import ALL, CHANGED, TOOK_EFFECT, latest_steps
from ..namespace import Namespace

_ROUNDING = 1e-6  # seconds, the most by which a moment may be later than its event
_BEGINNING = 200  # characters of a value in a list
_WRITES = f"""j.op IN ('set', 'delete', 'clear', 'clean', 'reset', 'restore')
    AND j.parent IS NULL AND {TOOK_EFFECT}"""
_OF_KEY = f"j.scope_id = :scope_id AND j.key = :key AND {CHANGED}"
# where the namespace's clock showed real time, only that is stored
_AT = "ifnull(j.at, strftime('%Y-%m-%dT%H:%M:%fZ', j.real_at, 'unixepoch'))"
COLUMNS = f"""j.seq, {_AT} AS at, j.real_at, j.actor, j.ti_id, t.try_number, j.api, j.op,
    j.scope_id, j.key, j.status,
    CASE j.kind WHEN 'reference' THEN json_extract(j.value, '$.{MARKER}') END AS ref,
    substr(j.value, 1, {_BEGINNING}) AS beginning, length(j.value) AS size, j.kind,
    j.expires_at, j.parent, j.note, j.outcome, j.state,
    p.op AS parent_op, r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
    a.id AS asset_id, a.name AS asset,
    w.task_id AS writer_task_id, w.map_index AS writer_map_index, wr.dag_id AS writer_dag_id,
    wr.run_id AS writer_run_id"""
SOURCE = """FROM journal j LEFT JOIN journal p ON p.seq = j.parent
    LEFT JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    LEFT JOIN scopes w ON w.scope_id = t.scope_id LEFT JOIN dag_runs wr ON wr.run_pk = w.run_pk
    LEFT JOIN scopes s ON s.scope_id = j.scope_id AND s.region <> '{HIDDEN}'
    LEFT JOIN dag_runs r ON r.run_pk = s.run_pk
    LEFT JOIN assets a ON a.asset_pk = s.asset_pk"""
_EVENT = f"SELECT {COLUMNS} {SOURCE}"


def history(
    namespace: Namespace,
    scope: StoreScope,
    key: str,
    limit: int = ALL,
    until: datetime | int = ALL,
) -> list[dict[str, Any]]:
    """The events that changed a key, oldest first, as the Control API sends them, as far as the
    journal goes back.

    Each has ``lost``: the number of another attempt's write that this one overwrote without having
    read it, or None. That is an update between two who both read first: an attempt that never read
    the key loses nothing.

    :param limit: the number of events, of which the latest are taken.
    :param until: a moment, aware, by the namespace's clock, or an event's number; changes after it
        are left out.
    """
    namespace.journal.flush()
    with namespace.database.snapshot() as db:
        scope_id = scope_id_of(db, namespace.ns, scope)
        if scope_id is None:
            return []
        last = _last(db, scope_id, key, until)
        changed = _changes(db, EVENTS, scope_id, key, limit, last)
        events = [{**document(row), "lost": row["lost"]} for row in reversed(changed)]
        retries.mark(db, namespace.ns, events)
    return events


def at(
    namespace: Namespace, scope: StoreScope, key: str, until: datetime | int
) -> dict[str, Any] | None:
    """The last event of a key's :func:`history` up to a moment; None if there is none."""
    return next(iter(history(namespace, scope, key, limit=1, until=until)), None)


def changes(namespace: Namespace, scope_id: int, key: str, limit: int) -> list[dict[str, Any]]:
    """The latest changes of a key for a page, the newest first, each with ``lost`` as in
    :func:`history`, and ``by``: its actor's name.

    The reads are those that are in the database: :meth:`Journal.flush` writes the pending ones.
    """
    with namespace.database.snapshot() as db:
        return with_actors(_changes(db, _EVENT, scope_id, key, limit))


def _changes(
    db: sqlite3.Connection, select: str, scope_id: int, key: str, limit: int, until: int = ALL
) -> list[dict[str, Any]]:
    sql = f"{select} WHERE {_OF_KEY} AND j.seq <= :until ORDER BY j.seq DESC LIMIT :limit"
    parameters = {"scope_id": scope_id, "key": key, "limit": limit, "until": until}
    events = rows(db, sql, parameters)
    attempts = {event["ti_id"] for event in events}
    lost = {}
    if len(attempts) > 1 or len(events) == limit:  # else one attempt overwrote only its own
        steps = latest_steps(db, scope_id, key, limit, until)
        lost = {update.write: update.change for update in lost_updates(steps)}
    return [{**event, "lost": lost.get(event["seq"])} for event in events]


def with_actors(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**event, "by": actor_name(event["actor"], event["api"], event["try_number"])}
        for event in events
    ]


def latest(namespace: Namespace, limit: int) -> list[dict[str, Any]]:
    """The latest writes that took effect, the newest first, each with ``by``: its actor's name."""
    namespace.journal.flush()
    sql = f"{_EVENT} WHERE j.ns = ? AND {_WRITES} ORDER BY j.seq DESC LIMIT ?"
    with namespace.database.reading() as db:
        return with_actors(rows(db, sql, (namespace.ns, limit)))


def of_attempt(namespace: Namespace, ti_id: str, limit: int) -> list[dict[str, Any]]:
    """The latest calls of an attempt, and what was done to it, in order; no effects of these."""
    namespace.journal.flush()
    sql = f"""{_EVENT} WHERE j.ns = ? AND j.ti_id = ? AND j.parent IS NULL
        ORDER BY j.seq DESC LIMIT ?"""
    with namespace.database.reading() as db:
        return rows(db, sql, (namespace.ns, ti_id, limit))[::-1]


def state_changes(namespace: Namespace, scope_id: int, limit: int) -> list[dict[str, Any]]:
    """The latest changes of a task instance's state, the newest first."""
    sql = f"""{_EVENT} WHERE j.scope_id = ? AND j.op = 'state' AND {TOOK_EFFECT}
        ORDER BY j.seq DESC LIMIT ?"""
    with namespace.database.reading() as db:
        return rows(db, sql, (scope_id, limit))


def event(namespace: Namespace, scope_id: int, key: str, seq: int) -> dict[str, Any] | None:
    """One change of a key, with the whole value as ``text`` (None for a deletion); None if there is
    none of this number.
    """
    sql = f"SELECT j.value AS text, {COLUMNS} {SOURCE} WHERE j.seq = :seq AND {_OF_KEY}"
    with namespace.database.reading() as db:
        return row_as_dict(db, sql, {"seq": seq, "scope_id": scope_id, "key": key}) or None


def last_before(namespace: Namespace, scope_id: int, key: str, until: datetime | int) -> int | None:
    """The number of a key's last change up to a moment; None if there is none.

    :param until: as for :func:`history`.
    """
    with namespace.database.reading() as db:
        return _last(db, scope_id, key, until) or None


def _last(db: sqlite3.Connection, scope_id: int, key: str, until: datetime | int) -> int:
    """The number of a key's last change up to a moment or an event; 0 if there is none."""
    of_key = {"scope_id": scope_id, "key": key}
    if isinstance(until, int):
        sql = f"SELECT ifnull(max(j.seq), 0) FROM journal j WHERE {_OF_KEY} AND j.seq <= :until"
        (seq,) = db.execute(sql, {**of_key, "until": until}).fetchone()
        return int(seq)
    text = to_text(until)
    sql = f"""SELECT j.seq, j.at, j.real_at FROM journal j WHERE {_OF_KEY}
        AND CASE WHEN j.at IS NULL THEN j.real_at <= :real_at ELSE j.at <= :at END
        ORDER BY j.seq DESC"""
    bounds = {"at": text, "real_at": until.timestamp() + _ROUNDING}
    for seq, at, real_at in db.execute(sql, {**of_key, **bounds}):
        if moment_of(at, real_at) <= text:  # real time as it is shown, to the microsecond
            return int(seq)
    return 0
