"""What came of a run, from its log and from the attempt's own events."""

from __future__ import annotations

import linecache
import signal
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..model import log_records
from ..model.scopes import TaskScope
from ..tracebacks import traceback_of
from .airflow_worker.processes import how_it_ended
from .changes import Change, Key
from .task import Record

_FAILED = ("failed", "up_for_retry")
_DEBUGGER = ("/pdb.py", "/bdb.py")
_NO_TERMINAL = "A breakpoint needs a terminal: run the task with --in-process (in_process=True)."
_SYS_EXIT = "Task exited"  # the event of a task runner


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    :param max_tries: up to which try number a failure is ``up_for_retry``; 0 for a task without
        retries.
    :param state: the final state of the attempt, such as ``success`` or ``up_for_retry``.
    :param log: the records of supervisor and task, each with ``timestamp``, ``level`` and
        ``event``.
    :param error: what the task raised, with its traceback as text; None if it raised nothing.
    :param missing: what XComs, variables and connections it has not found, a sentence each.
    :param xcoms: what this attempt has pushed, by key; nothing that a former one has left.
    :param changes: the keys that this attempt has changed: their values before its first write and
        after its last one, by the name of the scope (``etl/submit``, ``asset orders``) and key;
        None stands for no value. What others write meanwhile is not among them. Like ``xcoms``
        and ``missing``, they are from the journal, which is bounded (``--journal-limit``).
    """

    scope: TaskScope
    try_number: int
    max_tries: int
    ti_id: str
    state: str
    log: list[Record]
    error: str | None
    missing: list[str]
    xcoms: dict[str, Any]
    changes: dict[Key, Change]

    @property
    def xcom(self) -> Any:
        """The return value; None if there is none."""
        return self.xcoms.get("return_value")


def error_of(state: str, log: list[Record]) -> str | None:
    """Why an attempt failed: the exception that was logged last, or else how its process ended."""
    if state not in _FAILED:
        return None
    linecache.checkcache()
    texts = map(_traceback, reversed(log))
    exits = filter(None, map(_exit, reversed(log)))
    return next(filter(None, texts), None) or next(exits, None)


def _traceback(record: Record) -> str | None:
    text = traceback_of(record, linecache.getline)
    frames = chain.from_iterable(map(log_records.frames_of, log_records.errors_of(record)))
    if any(str(frame.get("filename")).endswith(_DEBUGGER) for frame in frames):
        return f"{text}\n{_NO_TERMINAL}"
    return text


def _exit(record: Record) -> str | None:
    """How a task or its process ended, if the record says so and the end explains a failure; a
    negative code is that of a signal, and one that a task gives or logs may be anything.
    """
    code = record.get("exit_code")
    if record.get("event") == _SYS_EXIT:
        return f"the task called sys.exit({code!r})"
    if not isinstance(code, int):
        return None
    if code == 0:
        if record.get("final_state") != "success":  # another process follows, or a trigger
            return None
        return "the process of the task ended with status 0 before it had reported a state"
    reason = ""
    if code == -signal.SIGKILL:
        reason = ", as the kernel does where memory is short"
    return f"the process of the task {how_it_ended(code)}{reason}"


def headline(log: list[Record]) -> str | None:
    """What was raised last, in one line; None if nothing was."""
    errors = filter(None, map(log_records.error_of, reversed(log)))
    return next(errors, "").partition("\n")[0] or None
