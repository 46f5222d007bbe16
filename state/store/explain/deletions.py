"""Explain how a key was deleted, from the journal."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ...model.clock import from_text, to_text
from ...model.durations import words
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
    """The attempt that a task said would follow.

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


def retry(db: sqlite3.Connection, scope_id: int | None) -> Retry | None:
    """The last retry that a task announced with a delay, if it ever did."""
    row = db.execute(_RETRIES, (scope_id,)).fetchone()
    if row is None:
        return None
    try:
        return Retry(from_text(row[0]) + timedelta(seconds=row[1]), row[1])
    except OverflowError:  # it is due beyond the year 9999
        return Retry(datetime.max.replace(tzinfo=timezone.utc), row[1])


def story(db: sqlite3.Connection, namespace: Namespace, scope_id: int | None, key: str) -> str:
    """When and how a key went, or that the journal does not say.

    :param scope_id: the scope's row; that of one which a reset took away does too.
    """
    if not namespace.journal.is_kept:
        return "No journal is kept, so it is not known whether it ever was."
    was = _event(db, _SET, (scope_id, key))
    went = _event(db, _DELETE, (scope_id, key, was.seq if was else 0))
    if went is not None:
        return _went(went, was, namespace) + _late(db, scope_id, went, was)
    if was is None:
        return _never(db, namespace)
    return (
        f"It was written at {second(_moment(*_at(was)))}, and the journal does not say how it went."
    )


def _event(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> _Event | None:
    row = db.execute(f"{sql} LIMIT 1", parameters).fetchone()
    return _Event(*row) if row else None


def _at(event: _Event) -> tuple[str | None, float]:
    return event.at, event.real_at


def _went(went: _Event, was: _Event | None, namespace: Namespace) -> str:
    when, by = _when(namespace, *_at(went)), who(went.actor, went.api, went.try_number)
    if went.parent_op == "clean":
        expiry = f" at {second(was.expires_at)}" if was and was.expires_at else ""
        return f"It had expired{expiry}, and a clean removed it {when}."
    if went.parent_op == "state":
        return f"It was deleted when the task reported success {when} (clear_on_success)."
    if went.parent_op == "clear":
        return f"It was deleted when all keys were cleared by {by} {when}."
    if went.parent_op is not None:
        return f"It was deleted by the {went.parent_op} {when}."
    return f"It was deleted by {by} {when}."


def who(actor: str, api: str, try_number: int | None) -> str:
    """Who did something, for a sentence."""
    if actor == "task":
        return f"try {try_number}" if try_number else "a task"
    if actor == "watcher":
        return "a watcher"
    return {"gateway": "the gateway", "control": "Stateroom", "page": "a person on the page"}.get(
        api, "the API"
    )


def _late(db: sqlite3.Connection, scope_id: int | None, went: _Event, was: _Event | None) -> str:
    """That a clean took the key before the attempt that was to read it."""
    late = retry(db, scope_id)
    if went.parent_op != "clean" or late is None or was is None or was.expires_at is None:
        return ""
    due = to_text(late.due)
    if not was.expires_at < due or _moment(*_at(went)) > due:
        return ""
    return (
        f" The next attempt was due only at {second(due)}: "
        f"its retry_delay of {words(late.delay)} was longer than "
        "what was left of the retention, so that attempt does not find it."
    )


def _never(db: sqlite3.Connection, namespace: Namespace) -> str:
    first = db.execute(_FIRST, (namespace.ns,)).fetchone()
    since = f", which begins at {second(_moment(*first))}" if first else ""
    return f"No write of it is in the journal{since}."


def _moment(at: str | None, real_at: float) -> str:
    return at or to_text(datetime.fromtimestamp(real_at, timezone.utc))


def second(moment: str) -> str:
    """A stored moment without its fraction, as sentences have it."""
    return f"{moment[:19]}Z"


def _when(namespace: Namespace, at: str | None, real_at: float) -> str:
    """``3 minutes ago, at …``, by the namespace's clock."""
    moment = _moment(at, real_at)
    past = (namespace.clock.now() - from_text(moment)).total_seconds()
    if past < 0:  # a clock can be set back
        return f"at {second(moment)}"
    return f"{words(past)} ago, at {second(moment)}"
