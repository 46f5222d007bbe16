"""Why a key is there, or is not: when it goes and by whose clock, how it went, where it is found
instead.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, NamedTuple

from ...model.clock import Clock, from_text, to_text, to_wire
from ...model.durations import words
from ...model.retention import has_expired
from ...model.scopes import AssetScope, StoreScope, TaskScope, scope_document
from ..journal.scope_ids import scope_id_of
from ..namespace import Namespace
from ..tables import scopes
from . import deletions
from .deletions import second
from .suggestions import Miss, misses

_NAMED_AT_MOST = 80  # letters of a key, in a sentence
_ENTRY = (
    "SELECT expires_at, expires_by, updated_at, seq FROM entries WHERE scope_id = ? AND key = ?"
)
_ATTEMPT = """SELECT t.try_number, t.superseded_at, t.scope_id, r.dag_id, r.run_id, s.task_id,
    s.map_index
    FROM task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE t.ns = ? AND t.id = ?"""
_CURRENT = (
    "SELECT id, try_number, state FROM task_instances WHERE scope_id = ? AND superseded_at IS NULL"
)
_ZOMBIE = """SELECT t.try_number, t.superseded_at FROM journal j
    JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    WHERE j.scope_id = ? AND j.key = ? AND j.op = 'get' AND j.status = 404 AND j.seq > ?
    AND t.superseded_at IS NOT NULL ORDER BY j.seq DESC LIMIT 1"""


class _Entry(NamedTuple):
    expires_at: str | None
    expires_by: str | None
    updated_at: str
    seq: int


class _Subject(NamedTuple):
    """What was asked, and what of it is there.

    :param here: the scope's row, if this name reaches one.
    :param before: a sentence about the name itself, if that is what is wrong.
    """

    scope: StoreScope | None
    key: str
    here: int | None
    before: str = ""


def explain(
    namespace: Namespace,
    scope: StoreScope | None,
    key: str,
    *,
    ti_id: str | None = None,
    clears: bool = False,
) -> dict[str, Any]:
    """Say in sentences when a key goes and why it is still readable, or why it is not there.

    :param scope: a task instance, or an asset by its name; None with a ``ti_id``.
    :param ti_id: the key is asked for by the id of an attempt, as workers do; a superseded one
        finds nothing.
    :param clears: whether a task's success drops its keys (``clear_on_success``).
    :returns: ``key``, ``scope``, ``found`` (whether who asks like this finds it), ``sentence``,
        ``expires_at``, ``expired``, ``expires_by``, and ``near``: where it is instead, each with a
        ``why``.
    :raises OutOfRange: for a map index that no row can hold.
    """
    namespace.journal.flush()
    with namespace.database.snapshot() as db:
        if ti_id is not None:
            subject, near = _by_attempt(db, namespace, ti_id, key)
        else:
            assert scope is not None
            subject, near = _by_name(db, namespace, scope, key), []
        row = db.execute(_ENTRY, (subject.here, key)).fetchone()
        entry = _Entry(*row) if row else None
        if entry is None:
            near = near or misses(db, namespace.ns, subject.scope, key, subject.here)
            sentence = _missing(db, namespace, subject, near)
        else:
            sentence = _found(db, namespace, subject, entry, clears)
    return _answer(namespace, subject, entry, sentence, near)


def _answer(
    namespace: Namespace, subject: _Subject, entry: _Entry | None, sentence: str, near: list[Miss]
) -> dict[str, Any]:
    expiry: dict[str, Any] = {"expires_at": None, "expired": False, "expires_by": None}
    if entry is not None:
        expiry["expires_by"] = entry.expires_by
        if entry.expires_at is not None:
            expiry["expires_at"] = to_wire(entry.expires_at)
            expiry["expired"] = has_expired(from_text(entry.expires_at), namespace.clock.now())
    return {
        "key": subject.key,
        "scope": scope_document(subject.scope) or None,
        "found": entry is not None,
        "sentence": sentence,
        **expiry,
        "near": [
            {"scope": scope_document(miss.scope), "key": miss.key, "why": miss.why} for miss in near
        ],
    }


# ---------------------------------------------------------------- who was asked


def _by_name(db: sqlite3.Connection, namespace: Namespace, scope: StoreScope, key: str) -> _Subject:
    lookup = (
        scopes.task(namespace, scope)
        if isinstance(scope, TaskScope)
        else scopes.asset(namespace, name=scope.name)
    ).lookup
    row = db.execute(lookup.sql, lookup.parameters).fetchone()
    if row is not None:
        return _Subject(scope, key, row[0])
    return _Subject(scope, key, None, _unknown(db, namespace.ns, scope))


def _unknown(db: sqlite3.Connection, ns: int, scope: StoreScope) -> str:
    """Which part of a name is unknown."""
    if isinstance(scope, AssetScope):
        return f"There is no active asset named {scope.name!r}."
    runs = "SELECT 1 FROM dag_runs r WHERE r.ns = ? AND r.dag_id = ?"
    if not db.execute(runs, (ns, scope.dag_id)).fetchone():
        return f"There is no run of a dag {scope.dag_id!r}."
    if not db.execute(f"{runs} AND r.run_id = ?", (ns, scope.dag_id, scope.run_id)).fetchone():
        return f"The dag {scope.dag_id} has no run {scope.run_id!r}."
    tasks = """SELECT 1 FROM dag_runs r JOIN scopes s USING (run_pk) WHERE r.ns = ? AND r.dag_id = ?
        AND r.run_id = ?"""
    if not db.execute(
        f"{tasks} AND s.task_id = ?", (ns, scope.dag_id, scope.run_id, scope.task_id)
    ).fetchone():
        return f"That run has no task {scope.task_id!r}."
    if scope.map_index < 0:
        return f"The task {scope.task_id} is mapped in that run: name a map index."
    return f"The task {scope.task_id} has no map index {scope.map_index} in that run."


def _by_attempt(
    db: sqlite3.Connection, namespace: Namespace, ti_id: str, key: str
) -> tuple[_Subject, list[Miss]]:
    row = db.execute(_ATTEMPT, (namespace.ns, ti_id)).fetchone()
    if row is None:
        return _Subject(
            None, key, None, f"No task instance here ever had the id {ti_id}{_TAKEN_FOR}"
        ), []
    try_number, superseded_at, scope_id, *place = row
    scope = TaskScope(*place)
    if superseded_at is None:
        return _Subject(scope, key, scope_id), []
    before = (
        f"This id was that of try {try_number}, superseded at {second(superseded_at)}{_TAKEN_FOR}"
    )
    near = []
    if db.execute(_ENTRY, (scope_id, key)).fetchone():
        ti_id, number, _ = db.execute(_CURRENT, (scope_id,)).fetchone()
        why = f"the task's current id, {ti_id} (try {number}), has it"
        near.append(Miss(scope, key, why))
    return _Subject(scope, key, None, before), near


_TAKEN_FOR = ": a read with it is answered 404, which Airflow's SDK takes for a missing key."


# ---------------------------------------------------------------- sentences


def _named(key: str) -> str:
    if len(key) > _NAMED_AT_MOST:
        key = f"{key[: _NAMED_AT_MOST - 1]}…"
    return repr(key)


def _missing(
    db: sqlite3.Connection, namespace: Namespace, subject: _Subject, near: list[Miss]
) -> str:
    parts = [subject.before or f"There is no {_named(subject.key)} here."]
    known = scope_id_of(db, namespace.ns, subject.scope) if subject.scope else None
    if not (subject.before and near):
        parts.append(deletions.story(db, namespace, known, subject.key))
    if near:
        parts.append(_suggestion(subject, near[0]))
    return " ".join(parts)


def _suggestion(subject: _Subject, miss: Miss) -> str:
    if miss.scope == subject.scope and miss.key != subject.key:
        return f"Did you mean {miss.key!r}?"
    return f"But {miss.why}."


def _found(
    db: sqlite3.Connection, namespace: Namespace, subject: _Subject, entry: _Entry, clears: bool
) -> str:
    name = _named(subject.key)
    if isinstance(subject.scope, AssetScope):
        parts = [f"{name} stays until somebody deletes it: asset state does not expire."]
    elif entry.expires_at is None:
        end = "somebody deletes it"
        if clears:
            end += ", or the task succeeds (clear_on_success)"
        parts = [f"{name} never expires: it stays until {end}."]
    else:
        parts = _expiry(namespace.clock, name, from_text(entry.expires_at), entry, clears)
        parts.append(_late(db, namespace, subject.here, from_text(entry.expires_at)))
    parts.append(_zombie(db, subject, entry))
    return " ".join(part for part in parts if part)


def _expiry(
    clock: Clock, name: str, expires_at: datetime, entry: _Entry, clears: bool
) -> list[str]:
    moment = second(to_text(expires_at))
    now = clock.now()
    left = (expires_at - now).total_seconds()
    if has_expired(expires_at, now):
        sentence = (
            f"{name} expired {words(left)} ago, at {moment}, and is still readable: "
            "as in Airflow, an expired key is readable until a clean runs, and "
        )
        if has_expired(expires_at, from_text(entry.updated_at)):
            sentence += "it was so already when it was written."
        else:
            sentence += "none has run since."
    else:
        sentence = (
            f"{name} expires in {words(left)}, at {moment}, "
            "and is removed by the next clean after that"
        )
        sentence += ", unless the task succeeds before (clear_on_success)." if clears else "."
    return [sentence, _whose(clock, entry.expires_by)]


def _whose(clock: Clock, by: str | None) -> str:
    """By whose clock the expiry was counted, and by which one it comes."""
    counted = {
        "worker": "The worker counted that by its own clock",
        "namespace": "That was counted by this namespace's clock",
        "caller": "The caller gave that moment itself",
    }.get(by or "", "By whose clock that was counted is not known")
    if clock.is_real:
        return f"{counted}."
    now = second(to_text(clock.now()))
    shown = f"frozen at {now}" if clock.frozen_at else f"{_ahead(clock)} real time and shows {now}"
    if by == "namespace":
        return f"{counted}, which is {shown}."
    return f"{counted}; it expires by this namespace's, which is {shown}."


def _ahead(clock: Clock) -> str:
    seconds = clock.offset.total_seconds()
    return f"{words(seconds)} {'ahead of' if seconds > 0 else 'behind'}"


def _late(
    db: sqlite3.Connection, namespace: Namespace, here: int | None, expires_at: datetime
) -> str:
    """That the next attempt begins when the key has expired."""
    current, late = db.execute(_CURRENT, (here,)).fetchone(), deletions.retry(db, here)
    if late is None or current is None or current[2] != "up_for_retry" or late.due <= expires_at:
        return ""
    left = (late.due - namespace.clock.now()).total_seconds()
    due = f"due only in {words(left)}" if left > 0 else f"due since {second(to_text(late.due))}"
    return (
        f"Beware: the next attempt is {due} (retry_delay {words(late.delay)}), "
        f"{words((late.due - expires_at).total_seconds())} after the expiry. "
        "A clean before then takes the key, and the attempt starts without it."
    )


def _zombie(db: sqlite3.Connection, subject: _Subject, entry: _Entry) -> str:
    """That an attempt which is no longer the current one asked for the key in vain."""
    row = db.execute(_ZOMBIE, (subject.here, subject.key, entry.seq)).fetchone()
    if row is None:
        return ""
    return (
        f"Try {row[0]}, superseded at {second(row[1])}, asked for it after that and was answered "
        "404: its id is no longer valid."
    )
