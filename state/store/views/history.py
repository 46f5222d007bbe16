"""The history of a key from the journal: what changed it, its value at a moment, lost updates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...model.clock import from_text, to_text
from ...model.envelope import MARKER
from ...model.events import lost_updates
from ...model.scopes import StoreScope
from ..database.sql import row_as_dict, rows
from ..journal.scope_ids import scope_id_of
from ..journal.steps import CHANGED, all_steps, latest_steps
from ..namespace import Namespace


def history(namespace: Namespace, scope: StoreScope, key: str) -> list[dict[str, Any]]:
    """The events that changed a key, oldest first, as far as the journal goes back.

    Each has ``lost``: the number of another attempt's write that this one overwrote without having
    read it, or None. That is an update between two who both read first: an attempt that never read
    the key loses nothing.
    """
    events = namespace.journal.events(scope=scope, key=key)
    with namespace.database.reading() as db:
        steps = all_steps(db, scope_id_of(db, namespace.ns, scope), key)
    lost = {update.write: update.change for update in lost_updates(steps)}
    changed = {step.seq for step in steps if step.changed}
    return [
        {**event, "lost": lost.get(event["seq"])} for event in events if event["seq"] in changed
    ]


def at(events: list[dict[str, Any]], moment: datetime | int) -> dict[str, Any] | None:
    """The last of some events up to a moment, or up to an event's number; None if there is none.

    :param events: as :func:`history` returns them.
    :param moment: aware, by the namespace's clock, or an event's number.
    """
    if isinstance(moment, int):
        before = [event for event in events if event["seq"] <= moment]
    else:
        text = to_text(moment)
        before = [event for event in events if to_text(from_text(event["at"])) <= text]
    if not before:
        return None
    return before[-1]


_BEGINNING = 200  # characters of a value in a list
_WRITES = "j.op IN ('set', 'delete', 'clear', 'clean', 'reset', 'restore') AND j.parent IS NULL"
# where the namespace's clock showed real time, only that is stored
_AT = "ifnull(j.at, strftime('%Y-%m-%dT%H:%M:%fZ', j.real_at, 'unixepoch'))"
_COLUMNS = f"""j.seq, {_AT} AS at, j.real_at, j.actor, j.ti_id, t.try_number, j.api, j.op,
    j.scope_id, j.key, j.status,
    CASE j.kind WHEN 'reference' THEN json_extract(j.value, '$.{MARKER}') END AS ref,
    substr(j.value, 1, {_BEGINNING}) AS beginning, length(j.value) AS size, j.kind,
    j.expires_at, j.parent, j.note,
    p.op AS parent_op, r.dag_id, r.run_id, s.task_id, s.map_index, a.id AS asset_id,
    a.name AS asset,
    w.task_id AS writer_task_id, w.map_index AS writer_map_index, wr.dag_id AS writer_dag_id,
    wr.run_id AS writer_run_id"""
_SOURCE = """FROM journal j LEFT JOIN journal p ON p.seq = j.parent
    LEFT JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    LEFT JOIN scopes w ON w.scope_id = t.scope_id LEFT JOIN dag_runs wr ON wr.run_pk = w.run_pk
    LEFT JOIN scopes s ON s.scope_id = j.scope_id AND s.region = ''
    LEFT JOIN dag_runs r ON r.run_pk = s.run_pk
    LEFT JOIN assets a ON a.asset_pk = s.asset_pk"""
_EVENT = f"SELECT {_COLUMNS} {_SOURCE}"


def latest(namespace: Namespace, limit: int) -> list[dict[str, Any]]:
    """The latest writes that took effect, the newest first."""
    namespace.journal.flush()
    sql = f"""{_EVENT} WHERE j.ns = ? AND {_WRITES} AND ifnull(j.status, 200) < 400
        AND ifnull(j.outcome, '') <> 'closed' ORDER BY j.seq DESC LIMIT ?"""
    with namespace.database.reading() as db:
        return rows(db, sql, (namespace.ns, limit))


def changes(namespace: Namespace, scope_id: int, key: str, limit: int) -> list[dict[str, Any]]:
    """The latest changes of a key, the newest first, each with ``lost`` as in :func:`history`.

    The reads are those that are in the database: :meth:`Journal.flush` writes the pending ones.
    """
    sql = f"{_EVENT} WHERE j.scope_id = ? AND j.key = ? AND {CHANGED} ORDER BY j.seq DESC LIMIT ?"
    with namespace.database.snapshot() as db:
        events = rows(db, sql, (scope_id, key, limit))
        steps = latest_steps(db, scope_id, key, limit)
    lost = {update.write: update.change for update in lost_updates(steps)}
    return [{**event, "lost": lost.get(event["seq"])} for event in events]


def event(namespace: Namespace, scope_id: int, key: str, seq: int) -> dict[str, Any] | None:
    """One change of a key, with the whole value as ``text`` (None for a deletion); None if there is
    none of this number.
    """
    where = f"j.seq = ? AND j.scope_id = ? AND j.key = ? AND {CHANGED}"
    sql = f"SELECT j.value AS text, {_COLUMNS} {_SOURCE} WHERE {where}"
    with namespace.database.reading() as db:
        return row_as_dict(db, sql, (seq, scope_id, key)) or None


def last_before(namespace: Namespace, scope_id: int, key: str, moment: datetime) -> int | None:
    """The number of a key's last change up to a moment; None if there is none.

    :param moment: aware, by the namespace's clock.
    """
    sql = f"""SELECT max(j.seq) FROM journal j WHERE j.scope_id = ? AND j.key = ? AND {CHANGED}
        AND CASE WHEN j.at IS NULL THEN j.real_at <= ? ELSE j.at <= ? END"""
    with namespace.database.reading() as db:
        (seq,) = db.execute(sql, (scope_id, key, moment.timestamp(), to_text(moment))).fetchone()
    return None if seq is None else int(seq)
