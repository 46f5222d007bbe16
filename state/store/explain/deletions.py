"""Explain how a key was deleted, from the journal."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ...model.clock import from_text, second, to_text
from ...model.events import actor_name
from ...words import duration
from ..journal.documents import moment_of
from ..journal.steps import CHANGED
from ..namespace import Namespace

_EVENT = """SELECT j.seq, j.at, j.real_at, j.actor, j.api, t.try_number, j.expires_at, p.op
    FROM journal j LEFT JOIN journal p ON p.seq = j.parent
    LEFT JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id WHERE"""
_SET = f"""{_EVENT} j.scope_id = ? AND j.key = ? AND j.op = 'set' AND {CHANGED}
    ORDER BY j.seq DESC"""
_DELETE = f"""{_EVENT} j.scope_id = ? AND j.key = ? AND j.op = 'delete' AND j.seq > ?
    AND {CHANGED} ORDER BY j.seq"""
_FIRST = "SELECT at, real_at FROM journal WHERE ns = ? ORDER BY seq LIMIT 1"
_RETRIES = """SELECT superseded_at, retry_delay FROM task_instances
    WHERE scope_id = ? AND retry_delay IS NOT NULL AND superseded_at IS NOT NULL ORDER BY ti_pk DESC
    LIMIT 1"""


class Retry(NamedTuple):
    """The next attempt, as a task reported it.

    :param due: by the namespace's clock.
    :param delay: seconds, as the worker reported them.
    """

    due: datetime
    delay: float


class _Event(NamedTuple):
    seq: int
    at: str | None
    real_at: float
    actor: str
    api: str
    try_number: int | None
    expires_at: str | None
    parent_op: str | None

    @property
    def moment(self) -> str:
        return moment_of(self.at, self.real_at)


def retry(db: sqlite3.Connection, scope_id: int | None) -> Retry | None:
    """The last retry that a task reported with a delay; None if there is none."""
    row = db.execute(_RETRIES, (scope_id,)).fetchone()
    if row is None:
        return None
    superseded_at, delay = row
    try:
        return Retry(from_text(superseded_at) + timedelta(seconds=delay), delay)
    except OverflowError:  # it is due beyond the year 9999
        return Retry(datetime.max.replace(tzinfo=timezone.utc), delay)


def explain_deletion(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int | None, key: str
) -> str:
    """When and how a key was deleted, as sentences.

    :param scope_id: the scope's row, also of one that a reset removed.
    """
    if not namespace.journal.is_kept:
        return "There is no journal, so it is unknown whether it ever existed."
    write = _event(db, _SET, (scope_id, key))
    deletion = _event(db, _DELETE, (scope_id, key, write.seq if write else 0))
    if deletion is not None:
        how = _how(namespace, deletion, write)
        return how + _too_early(db, scope_id, deletion, write)
    if write is None:
        return _never_written(db, namespace)
    return f"It was written at {second(write.moment)}, and the journal has no deletion of it."


def _event(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> _Event | None:
    row = db.execute(f"{sql} LIMIT 1", parameters).fetchone()
    return _Event(*row) if row else None


def _how(namespace: Namespace, deletion: _Event, write: _Event | None) -> str:
    """How a key was deleted.

    :param write: the last one before.
    """
    when = _when(namespace, deletion.moment)
    if deletion.parent_op == "clean":
        expiry = ""
        if write is not None and write.expires_at is not None:
            expiry = f" at {second(write.expires_at)}"
        return f"It had expired{expiry}, and a clean removed it {when}."
    if deletion.parent_op == "state":
        return f"It was deleted when the task reported success {when} (clear_on_success)."
    actor = actor_name(deletion.actor, deletion.api, deletion.try_number)
    if deletion.parent_op == "clear":
        return f"It was deleted when all keys were cleared by {actor} {when}."
    if deletion.parent_op == "remove":
        return f"It was deleted with what it belonged to, by {actor} {when}."
    if deletion.parent_op is not None:
        return f"It was deleted by the {deletion.parent_op} {when}."
    return f"It was deleted by {actor} {when}."


def _too_early(
    db: sqlite3.Connection, scope_id: int | None, deletion: _Event, write: _Event | None
) -> str:
    """A sentence if a clean removed the key before the attempt that would have read it."""
    if deletion.parent_op != "clean" or write is None or write.expires_at is None:
        return ""
    next_attempt = retry(db, scope_id)
    if next_attempt is None:
        return ""
    due = to_text(next_attempt.due)
    if write.expires_at >= due or deletion.moment > due:
        return ""
    return (
        f" The next attempt was due at {second(due)}: "
        f"its retry_delay of {duration(next_attempt.delay)} was longer than "
        "what was left of the retention, so that attempt does not find it."
    )


def _never_written(db: sqlite3.Connection, namespace: Namespace) -> str:
    first = db.execute(_FIRST, (namespace.ns,)).fetchone()
    if first is None:
        return "No write of it is in the journal."
    return f"No write of it is in the journal, which begins at {second(moment_of(*first))}."


def _when(namespace: Namespace, moment: str) -> str:
    """``3 minutes ago, at …``, by the namespace's clock."""
    past = (namespace.clock.now() - from_text(moment)).total_seconds()
    if past < 0:  # the clock was set back
        return f"at {second(moment)}"
    return f"{duration(past)} ago, at {second(moment)}"
