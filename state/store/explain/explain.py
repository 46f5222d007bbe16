"""Explain until when a key is readable, or how it was deleted and where there is a similar one."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from ...model.clock import Clock, from_text, second, to_text, to_wire
from ...model.retention import has_expired
from ...model.scopes import AssetScope, StoreScope, TaskScope, scope_document
from ...words import duration
from .. import keyspaces
from ..journal.scope_ids import scope_id_of
from ..namespace import Namespace
from . import deletions
from .suggestions import Miss, misses

_MAX_KEY = 80  # characters of a key in a sentence
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
_STALE_READ = """SELECT t.try_number, t.superseded_at FROM journal j
    JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    WHERE j.scope_id = ? AND j.key = ? AND j.op = 'get' AND j.status = 404 AND j.seq > ?
    AND t.superseded_at IS NOT NULL ORDER BY j.seq DESC LIMIT 1"""


class _Entry(NamedTuple):
    expires_at: str | None
    expires_by: str | None
    updated_at: str
    seq: int


class _Subject(NamedTuple):
    """The key to explain.

    :param scope_id: the scope's row; None if its name or id is unknown.
    :param problem: a sentence about an unknown name or id.
    """

    scope: StoreScope | None
    key: str
    scope_id: int | None
    problem: str = ""


class _Explanation(NamedTuple):
    """What is said of a key.

    :param entry: None if there is none.
    :param suggestions: similar keys.
    """

    entry: _Entry | None
    sentence: str
    suggestions: list[Miss]


def explain(
    namespace: Namespace,
    scope: StoreScope | None,
    key: str,
    *,
    ti_id: str | None = None,
    scope_id: int | None = None,
    clears: bool = False,
    is_open: bool = False,
) -> dict[str, Any]:
    """Explain in sentences until when a key is readable, or why it is not found.

    :param scope: a task instance, or an asset by its name; None with a ``ti_id``.
    :param ti_id: the id of an attempt, by which workers name a task instance; most superseded ones
        find no key (:func:`.keyspaces.readable_task_instance`).
    :param scope_id: of the scope's row, where the caller has it.
    :param clears: whether a task's success deletes its keys (``clear_on_success``).
    :param is_open: whether no secret is set.
    :returns: ``key``, ``scope``, ``found``, ``sentence``, ``expires_at``, ``expired``,
        ``expires_by``, and ``near``: similar keys, each with a ``why``.
    :raises OutOfRange: for a map index that no row can hold.
    """
    namespace.journal.flush()
    with namespace.database.snapshot() as db:
        if ti_id is not None:
            subject, suggestions = _by_attempt(db, namespace, ti_id, key, is_open)
        else:
            assert scope is not None
            subject = _by_name(db, namespace, scope, key, scope_id)
            suggestions = []
        explanation = _explain(db, namespace, subject, suggestions, clears)
    return _answer(namespace, subject, explanation)


def sentence(namespace: Namespace, scope: StoreScope, key: str, scope_id: int, clears: bool) -> str:
    """The sentence of :func:`explain` for a page, which has the scope's row.

    The reads are those that are in the database: :meth:`Journal.flush` writes the pending ones.
    """
    with namespace.database.snapshot() as db:
        subject = _Subject(scope, key, scope_id)
        return _explain(db, namespace, subject, [], clears).sentence


def _explain(
    db: sqlite3.Connection,
    namespace: Namespace,
    subject: _Subject,
    suggestions: list[Miss],
    clears: bool,
) -> _Explanation:
    """Explain a key.

    :param suggestions: similar keys, if some are known already.
    """
    row = db.execute(_ENTRY, (subject.scope_id, subject.key)).fetchone()
    if row is not None:
        entry = _Entry(*row)
        text = _explain_entry(db, namespace, subject, entry, clears)
        return _Explanation(entry, text, suggestions)
    if not suggestions:
        suggestions = misses(db, namespace.ns, subject.scope, subject.key, subject.scope_id)
    text = _explain_missing(db, namespace, subject, suggestions)
    return _Explanation(None, text, suggestions)


def _answer(namespace: Namespace, subject: _Subject, explanation: _Explanation) -> dict[str, Any]:
    entry = explanation.entry
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
        "sentence": explanation.sentence,
        **expiry,
        "near": [
            {"scope": scope_document(miss.scope), "key": miss.key, "why": miss.why}
            for miss in explanation.suggestions
        ],
    }


# ---------------------------------------------------------------- which key


def _by_name(
    db: sqlite3.Connection,
    namespace: Namespace,
    scope: StoreScope,
    key: str,
    scope_id: int | None,
) -> _Subject:
    if scope_id is not None:
        return _Subject(scope, key, scope_id)
    if isinstance(scope, TaskScope):
        lookup = keyspaces.task(namespace, scope).lookup
    else:
        lookup = keyspaces.asset(namespace, name=scope.name).lookup
    row = lookup.find(db)
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
    db: sqlite3.Connection, namespace: Namespace, ti_id: str, key: str, is_open: bool
) -> tuple[_Subject, list[Miss]]:
    row = db.execute(_ATTEMPT, (namespace.ns, ti_id)).fetchone()
    if row is None:
        problem = f"No task instance here ever had the id {ti_id}{_ANSWER}"
        return _Subject(None, key, None, problem), []
    try_number, superseded_at, scope_id, *coordinates = row
    scope = TaskScope(*coordinates)
    lookup = keyspaces.readable_task_instance(namespace, ti_id, is_open).lookup
    if db.execute(lookup.sql, lookup.parameters).fetchone():
        return _Subject(scope, key, scope_id), []
    problem = (
        f"This id was that of attempt {try_number}, superseded at {second(superseded_at)}{_ANSWER}"
    )
    suggestions = []
    if db.execute(_ENTRY, (scope_id, key)).fetchone():
        ti_id, number, _ = db.execute(_CURRENT, (scope_id,)).fetchone()
        why = f"the task's current id, {ti_id} (attempt {number}), has it"
        suggestions.append(Miss(scope, key, why))
    return _Subject(scope, key, None, problem), suggestions


_ANSWER = ": a read with it is answered 404, which Airflow's SDK takes for a missing key."


# ---------------------------------------------------------------- sentences


def _quoted(key: str) -> str:
    if len(key) > _MAX_KEY:
        key = f"{key[: _MAX_KEY - 1]}…"
    return repr(key)


def _explain_missing(
    db: sqlite3.Connection, namespace: Namespace, subject: _Subject, suggestions: list[Miss]
) -> str:
    parts = [subject.problem or f"There is no {_quoted(subject.key)} here."]
    if not (subject.problem and suggestions):
        scope_id = None
        if subject.scope is not None:
            scope_id = scope_id_of(db, namespace.ns, subject.scope)
        parts.append(deletions.explain_deletion(db, namespace, scope_id, subject.key))
    if suggestions:
        parts.append(_suggestion(subject, suggestions[0]))
    return " ".join(parts)


def _suggestion(subject: _Subject, miss: Miss) -> str:
    if miss.scope == subject.scope and miss.key != subject.key:
        return f"Did you mean {miss.key!r}?"
    return f"But {miss.why}."


def _explain_entry(
    db: sqlite3.Connection, namespace: Namespace, subject: _Subject, entry: _Entry, clears: bool
) -> str:
    name = _quoted(subject.key)
    if isinstance(subject.scope, AssetScope):
        parts = [f"{name} stays until it is deleted: asset state does not expire."]
    elif entry.expires_at is None:
        end = "it is deleted"
        if clears:
            end += ", or the task succeeds (clear_on_success)"
        parts = [f"{name} never expires: it stays until {end}."]
    else:
        parts = [
            _expiry(namespace.clock, name, entry.expires_at, entry.updated_at, clears),
            _counted_by(namespace.clock, entry.expires_by),
            _late_retry(db, namespace, subject.scope_id, entry.expires_at),
        ]
    parts.append(_stale_read(db, subject, entry))
    return " ".join(part for part in parts if part)


def _expiry(clock: Clock, name: str, expires_at: str, updated_at: str, clears: bool) -> str:
    moment = from_text(expires_at)
    now = clock.now()
    remaining = (moment - now).total_seconds()
    if has_expired(moment, now):
        reason = "none has run since"
        if has_expired(moment, from_text(updated_at)):
            reason = "it had expired already when it was written"
        return (
            f"{name} expired {duration(remaining)} ago, at {second(expires_at)}, and is still "
            f"readable: as in Airflow, an expired key is readable until a clean runs, and {reason}."
        )
    sentence = (
        f"{name} expires in {duration(remaining)}, at {second(expires_at)}, "
        "and is removed by the next clean after that"
    )
    if clears:
        sentence += ", unless the task succeeds before (clear_on_success)"
    return f"{sentence}."


def _counted_by(clock: Clock, expires_by: str | None) -> str:
    """The clock that the expiry was counted by, and the clock that it follows."""
    counted = {
        "worker": "The worker counted that by its own clock",
        "namespace": "That was counted by this namespace's clock",
        "caller": "The caller gave that moment itself",
    }.get(expires_by or "", "That was counted by an unknown clock")
    if clock.is_real:
        return f"{counted}."
    if expires_by == "namespace":
        return f"{counted}, which is {_clock_state(clock)}."
    return f"{counted}; it expires by this namespace's, which is {_clock_state(clock)}."


def _clock_state(clock: Clock) -> str:
    now = second(to_text(clock.now()))
    if clock.frozen_at:
        return f"frozen at {now}"
    offset = clock.offset.total_seconds()
    side = "ahead of" if offset > 0 else "behind"
    return f"{duration(offset)} {side} real time and shows {now}"


def _late_retry(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int | None, expires_at: str
) -> str:
    """A warning if the next attempt begins after the expiry."""
    current = db.execute(_CURRENT, (scope_id,)).fetchone()
    if current is None or current[2] != "up_for_retry":
        return ""
    retry = deletions.retry(db, scope_id)
    expiry = from_text(expires_at)
    if retry is None or retry.due <= expiry:
        return ""
    remaining = (retry.due - namespace.clock.now()).total_seconds()
    due = f"since {second(to_text(retry.due))}"
    if remaining > 0:
        due = f"in {duration(remaining)}"
    gap = duration((retry.due - expiry).total_seconds())
    return (
        f"Warning: the next attempt is due {due} (retry_delay {duration(retry.delay)}), "
        f"{gap} after the expiry. "
        "A clean before then removes the key, and the attempt starts without it."
    )


def _stale_read(db: sqlite3.Connection, subject: _Subject, entry: _Entry) -> str:
    """A sentence if a superseded attempt could not read the key."""
    row = db.execute(_STALE_READ, (subject.scope_id, subject.key, entry.seq)).fetchone()
    if row is None:
        return ""
    try_number, superseded_at = row
    return (
        f"Try {try_number}, superseded at {second(superseded_at)}, requested it after that and was "
        "answered 404: its id is no longer valid."
    )
