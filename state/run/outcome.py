"""What came of a run, from the log and from the contents of the namespace before and after."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from ..model import fixture_files, log_records
from ..model.scopes import TaskScope, label, scope_document, scope_from
from .register import Attempt
from .task import Record

_FAILED = ("failed", "up_for_retry")
Document = dict[str, Any]
Change = tuple[Any, Any]
Key = tuple[str, str]


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    :param max_tries: up to which try number a failure is ``up_for_retry``; 0 for a task without
        retries.
    :param state: the final state of the attempt, such as ``success`` or ``up_for_retry``.
    :param log: the records of supervisor and task, each with ``timestamp``, ``level`` and
        ``event``.
    :param error: what the task raised, with its traceback as text; None if it raised nothing.
    :param xcoms: what the task instance has pushed, by key.
    :param changes: the keys that changed while it ran: their values before and after, by the name
        of the scope (``etl/submit``, ``asset orders``) and key; None stands for no value.
    """

    scope: TaskScope
    try_number: int
    max_tries: int
    ti_id: str
    state: str
    log: list[Record]
    error: str | None
    xcoms: dict[str, Any]
    changes: dict[Key, Change]

    @property
    def xcom(self) -> Any:
        """The return value; None if there is none."""
        return self.xcoms.get("return_value")


def outcome(
    scope: TaskScope,
    attempt: Attempt,
    state: str,
    log: list[Record],
    before: Document,
    after: Document,
) -> Outcome:
    """The outcome of an attempt.

    :param state: in which it ended.
    :param before: the contents of the namespace before it ran, and ``after`` it.
    """
    return Outcome(
        scope,
        attempt.try_number,
        attempt.max_tries,
        attempt.id,
        state,
        log,
        _error(state, log),
        _xcoms(after, scope),
        _changes(_entries(before), _entries(after)),
    )


def _xcoms(document: Document, scope: TaskScope) -> dict[str, Any]:
    """What a task instance has pushed, by key."""
    place = scope_document(scope)
    return {
        row["key"]: row["value"]
        for row in document.get("xcoms", [])
        if all(row.get(name) == place[name] for name in place)
    }


def _entries(document: Document) -> dict[Key, Any]:
    """Every value of the namespace, by scope and key."""
    rows = fixture_files.rows(document)
    return {(label(scope_from(row)), row["key"]): row["value"] for row in rows}


def _changes(before: dict[Key, Any], after: dict[Key, Any]) -> dict[Key, Change]:
    return {
        key: (before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }


def _error(state: str, log: list[Record]) -> str | None:
    """Why an attempt failed: the exception that was logged last, or how its process ended."""
    if state not in _FAILED:
        return None
    for record in reversed(log):
        traceback = log_records.traceback_of(record)
        if traceback is not None:
            return traceback
        if record.get("exit_code"):
            return _exit(record["exit_code"])
    return None


def _exit(code: int) -> str:
    """How the process of a task ended; a negative code is that of a signal."""
    if code > 0:
        return f"the process of the task ended with status {code}"
    reason = ""
    if code == -signal.SIGKILL:
        reason = ", as the kernel does where memory is short"
    return f"the process of the task was killed by {signal.Signals(-code).name}{reason}"
