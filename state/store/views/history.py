"""The story of one key, read from the journal: what changed it, what it was at any moment, which
updates were lost.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ...model.clock import from_text, to_text
from ...model.envelope import MARKER
from ...model.events import Step, lost_updates
from ...model.scopes import StoreScope
from ..database.sql import rows
from ..journal.documents import actor_kind
from ..journal.places import scope_id_of
from ..namespace import Namespace

Story = list[dict[str, Any]]
_STEPS = """SELECT seq, op, ti_id, actor, api, status, outcome, saw FROM journal
    WHERE scope_id = ? AND key = ? ORDER BY seq"""


def history(namespace: Namespace, scope: StoreScope, key: str) -> Story:
    """The events that changed a key, oldest first, as far as the journal goes back.

    Each bears ``lost``: the number of another attempt's write that this one overwrote without
    having read it, or None. That is an update between two who both read first: an attempt that
    never read the key loses nothing.
    """
    with namespace.database.reading() as db:
        scope_id = scope_id_of(db, namespace.ns, scope)
    events = namespace.journal.events(scope=scope, key=key)
    steps = _steps(namespace, scope_id, key)
    lost = _lost(steps)
    changed = {step.seq for step in steps if step.changed}
    return [
        {**event, "lost": lost.get(event["seq"])} for event in events if event["seq"] in changed
    ]


def lost(namespace: Namespace, scope_id: int, key: str) -> dict[int, int]:
    """The lost updates of a key: the number of each lost change, by that of the later write."""
    namespace.journal.flush()
    return _lost(_steps(namespace, scope_id, key))


def _lost(steps: list[Step]) -> dict[int, int]:
    return {update.write: update.change for update in lost_updates(steps)}


def _steps(namespace: Namespace, scope_id: int | None, key: str) -> list[Step]:
    with namespace.database.reading() as db:
        steps = db.execute(_STEPS, (scope_id, key)).fetchall()
    return [
        Step(seq, None, op, ti_id, actor_kind(actor, api), status, outcome, saw)
        for seq, op, ti_id, actor, api, status, outcome, saw in steps
    ]


def at(story: Story, moment: datetime | int) -> dict[str, Any] | None:
    """The event that made a key what it was at a moment, or after the event of a number; None if it
    was never set.

    :param moment: aware, by the namespace's clock, or an event's number.
    """
    if isinstance(moment, int):
        before = [event for event in story if event["seq"] <= moment]
    else:
        text = to_text(moment)
        before = [event for event in story if to_text(from_text(event["at"])) <= text]
    return before[-1] if before else None


_BEGINNING = 200  # characters of a value that a list shows
_WRITES = "j.op IN ('set', 'delete', 'clear', 'clean', 'reset', 'restore') AND j.parent IS NULL"
_CHANGED = "j.op IN ('set', 'delete') AND ifnull(j.status, 200) < 400 AND j.outcome IS NULL"
_COLUMNS = f"""j.seq, j.at, j.real_at, j.actor, j.ti_id, t.try_number, j.api, j.op, j.scope_id,
    j.key, j.status,
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
    LEFT JOIN scopes s ON s.scope_id = j.scope_id LEFT JOIN dag_runs r ON r.run_pk = s.run_pk
    LEFT JOIN assets a ON a.asset_pk = s.asset_pk"""
_EVENT = f"SELECT {_COLUMNS} {_SOURCE}"


def latest(namespace: Namespace, limit: int) -> list[dict[str, Any]]:
    """The newest writes that took effect, the newest first."""
    namespace.journal.flush()
    sql = f"""{_EVENT} WHERE j.ns = ? AND {_WRITES} AND ifnull(j.status, 200) < 400
        AND ifnull(j.outcome, '') <> 'closed' ORDER BY j.seq DESC LIMIT ?"""
    with namespace.database.reading() as db:
        return [_dated(row) for row in rows(db, sql, (namespace.ns, limit))]


def changes(namespace: Namespace, scope_id: int, key: str, limit: int) -> list[dict[str, Any]]:
    """What changed a key, the newest first."""
    sql = f"{_EVENT} WHERE j.scope_id = ? AND j.key = ? AND {_CHANGED} ORDER BY j.seq DESC LIMIT ?"
    with namespace.database.reading() as db:
        return [_dated(row) for row in rows(db, sql, (scope_id, key, limit))]


def event(namespace: Namespace, scope_id: int, key: str, seq: int) -> dict[str, Any] | None:
    """One change of a key, with its whole value as ``text`` (None where it was deleted); None if
    there is none.
    """
    where = f"j.seq = ? AND j.scope_id = ? AND j.key = ? AND {_CHANGED}"
    sql = f"SELECT j.value AS text, {_COLUMNS} {_SOURCE} WHERE {where}"
    with namespace.database.reading() as db:
        found = rows(db, sql, (seq, scope_id, key))
    return _dated(found[0]) if found else None


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    """A moment by the namespace's clock for every event; where that showed real time only real time
    is stored.
    """
    return {**row, "at": row["at"] or to_text(datetime.fromtimestamp(row["real_at"], timezone.utc))}


def last_before(namespace: Namespace, scope_id: int, key: str, moment: datetime) -> int | None:
    """The number of a key's last change up to an aware moment of the namespace's clock; None if
    there is none.
    """
    sql = f"""SELECT max(j.seq) FROM journal j WHERE j.scope_id = ? AND j.key = ? AND {_CHANGED}
        AND CASE WHEN j.at IS NULL THEN j.real_at <= ? ELSE j.at <= ? END"""
    with namespace.database.reading() as db:
        (found,) = db.execute(sql, (scope_id, key, moment.timestamp(), to_text(moment))).fetchone()
    return None if found is None else int(found)
