"""What a client did after a fault: judged when the journal is read, from what was written."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from ...model.events import CLOSED

WINDOW = 60.0  # seconds of real time in which the same call again is a retry, rather than a new one

_HITS = """SELECT parent, delay, outcome, status FROM journal
    WHERE ns = ? AND op = 'fault' AND real_at > ? AND parent IS NOT NULL"""
_CALLS = """SELECT seq, real_at, value, actor, ti_id, api, op, scope_id, key FROM journal
    WHERE ns = ? AND parent IS NULL AND real_at > ? AND seq <= ?
    AND scope_id IN (SELECT p.scope_id FROM journal f JOIN journal p ON p.seq = f.parent
                     WHERE f.ns = ? AND f.op = 'fault' AND f.real_at > ?)"""
_RESETS = "SELECT seq FROM journal WHERE ns = ? AND op = 'reset' AND real_at > ?"


class _Call(NamedTuple):
    """A call in the journal.

    :param begun: when it arrived; ``ended`` is when it took effect, after the delays that it met.
    :param epoch: how many resets there had been; none calls again what was before a reset.
    :param failed: whether a fault kept its client from a good answer; None if it met no fault.
    """

    begun: float
    ended: float
    seq: int
    epoch: int
    value: str | None
    failed: bool | None


def mark(db: sqlite3.Connection, ns: int, events: list[dict[str, Any]]) -> None:
    """Say in the notes of calls that they probably repeat one that met a fault: the same call, by
    the same caller.

    Of calls that were only delayed those count that were repeated before they were answered.

    :param events: in their order, as they are sent.
    """
    if not events:
        return
    since = events[0]["real_at"] - WINDOW
    hits, after = db.execute(_HITS, (ns, since)).fetchall(), {}
    if hits:
        resets = [row[0] for row in db.execute(_RESETS, (ns, since))]
        after = _retries(
            hits, resets, db.execute(_CALLS, (ns, since, events[-1]["seq"], ns, since))
        )
    for event in events:
        if event["seq"] in after:
            retry = f"same call again after {after[event['seq']]:.2g} s, probably a retry"
            event["note"] = f"{event['note']}; {retry}" if event["note"] else retry


def _retries(hits: list[Any], resets: list[int], rows: sqlite3.Cursor) -> dict[int, float]:
    """The numbers of the calls that repeat one, and after how many seconds."""
    delays: dict[int, float] = {}
    failed: dict[int, bool] = {}
    for parent, delay, outcome, status in hits:
        delays[parent] = delays.get(parent, 0.0) + (delay or 0.0)
        has_failed = (status or 0) >= 400 or outcome == CLOSED
        failed[parent] = failed.get(parent, False) or has_failed
    calls: dict[Any, list[_Call]] = {}
    for seq, ended, value, *who in rows:
        begun, epoch = ended - delays.get(seq, 0.0), sum(reset < seq for reset in resets)
        calls.setdefault(tuple(who), []).append(
            _Call(begun, ended, seq, epoch, value, failed.get(seq))
        )
    return {
        again.seq: again.begun - (first.ended if first.failed else first.begun)
        for same in calls.values()
        for first, again in zip(sorted(same), sorted(same)[1:], strict=False)
        if _repeats(first, again)
    }


def _repeats(first: _Call, again: _Call) -> bool:
    if first.failed is None or again.begun - first.ended > WINDOW or first.epoch != again.epoch:
        return False
    if first.value is not None and again.value is not None and first.value != again.value:
        return False
    return first.failed or again.begun < first.ended
