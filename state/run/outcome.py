"""What came of a run, from the log and from the contents of the namespace before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model import fixture_files
from ..model.scopes import TaskScope, label, scope_document, scope_from
from .errors import RunError
from .register import Attempt
from .task import Record

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
    log: list[Record],
    end: Record | None,
    before: Document,
    after: Document,
) -> Outcome:
    """The outcome of an attempt.

    :param end: what the worker said last; None if it ended without a word.
    :param before: the contents of the namespace before it ran, and ``after`` it.
    :raises RunError: if the log has no final state.
    """
    return Outcome(
        scope,
        attempt.try_number,
        attempt.max_tries,
        attempt.id,
        _final_state(log, end),
        log,
        _error(log),
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


def _final_state(log: list[Record], end: Record | None) -> str:
    for record in reversed(log):
        if "final_state" in record:
            return str(record["final_state"]).lower()
    if end is not None and end["error"]:
        raise RunError(f"the supervisor could not run the task: {end['error'].strip()}")
    raise RunError("the worker process ended while the task ran")


def _error(log: list[Record]) -> str | None:
    for record in reversed(log):
        if record.get("error_detail"):
            return _traceback(record["error_detail"])
    return None


def _traceback(details: list[Record]) -> str:
    """A task's exception with its causes, the last one at the end, as Python prints them."""
    parts = []
    for detail in reversed(details):
        lines = ["Traceback (most recent call last):"]
        for frame in _own_frames(detail.get("frames", [])):
            place = f'File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
            lines.append(f"  {place}")
        lines.append(f"{detail['exc_type']}: {detail['exc_value']}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _own_frames(frames: list[Record]) -> list[Record]:
    """The frames from the first one that is not Airflow's; all of them if all are Airflow's."""
    for index, frame in enumerate(frames):
        if "/airflow/" not in frame["filename"]:
            return frames[index:]
    return frames
