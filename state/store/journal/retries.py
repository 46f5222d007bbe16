"""Retries after faults, detected when the journal is read."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

from ...model.events import CLOSED

WINDOW = 60.0  # seconds of real time; the same call within them is a retry, later a new call

_HITS = """SELECT parent, delay, outcome, status FROM journal
    WHERE ns = ? AND op = 'fault' AND real_at > ? AND parent IS NOT NULL"""
_CALLS = """SELECT seq, real_at, value, actor, ti_id, api, op, scope_id, key FROM journal
    WHERE ns = ? AND parent IS NULL AND real_at > ? AND seq <= ?
    AND scope_id IN (SELECT p.scope_id FROM journal f JOIN journal p ON p.seq = f.parent
                     WHERE f.ns = ? AND f.op = 'fault' AND f.real_at > ?)"""
_RESETS = "SELECT seq FROM journal WHERE ns = ? AND op = 'reset' AND real_at > ?"


class _Call(NamedTuple):
    """A call in the journal.

    :param begun: Unix seconds of its arrival.
    :param ended: Unix seconds of its effect, after the delays of its faults.
    :param epoch: the number of resets before it; a reset separates a call from its retries.
    :param failed: whether a fault kept its client from a good answer; None if it met no fault.
    """

    begun: float
    ended: float
    seq: int
    epoch: int
    value: str | None
    failed: bool | None


def mark(db: sqlite3.Connection, ns: int, events: list[dict[str, Any]]) -> None:
    """Add to the notes of calls that they probably repeat one that met a fault: the same call, by
    the same caller.

    A call that was only delayed counts if it was repeated before it was answered.

    :param events: in order, as they are sent.
    """
    if not events:
        return
    since = events[0]["real_at"] - WINDOW
    hits = db.execute(_HITS, (ns, since)).fetchall()
    if not hits:
        return
    resets = [row[0] for row in db.execute(_RESETS, (ns, since))]
    calls = db.execute(_CALLS, (ns, since, events[-1]["seq"], ns, since))
    pauses = _pauses(hits, resets, calls)
    for event in events:
        if event["seq"] in pauses:
            retry = f"same call again after {pauses[event['seq']]:.2g} s, probably a retry"
            event["note"] = f"{event['note']}; {retry}" if event["note"] else retry


def _pauses(hits: list[Any], resets: list[int], rows: sqlite3.Cursor) -> dict[int, float]:
    """The numbers of the retries, each with the seconds since the call that it repeats."""
    delays: dict[int, float] = defaultdict(float)
    failed: dict[int, bool] = {}
    for parent, delay, outcome, status in hits:
        delays[parent] += delay or 0.0
        has_failed = (status or 0) >= 400 or outcome == CLOSED
        failed[parent] = failed.get(parent, False) or has_failed
    calls: dict[Any, list[_Call]] = defaultdict(list)
    for seq, ended, value, *caller_and_key in rows:
        begun = ended - delays.get(seq, 0.0)
        epoch = sum(reset < seq for reset in resets)
        call = _Call(begun, ended, seq, epoch, value, failed.get(seq))
        calls[tuple(caller_and_key)].append(call)
    return {
        retry.seq: retry.begun - (first.ended if first.failed else first.begun)
        for same in calls.values()
        for first, retry in pairwise(sorted(same))
        if _repeats(first, retry)
    }


def _repeats(first: _Call, second: _Call) -> bool:
    if first.failed is None or first.epoch != second.epoch:
        return False
    if second.begun - first.ended > WINDOW:
        return False
    if first.value is not None and second.value is not None and first.value != second.value:
        return False
    return first.failed or second.begun < first.ended
