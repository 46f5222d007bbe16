"""What can go wrong before a task runs."""

from __future__ import annotations

from ..errors import StateError
from ..terminal import printable

_LINES = 10  # of what a Dag file printed
_WIDEST = 200  # characters of each, its last ones


class RunError(StateError):
    """A task that cannot be run; the message says why, and what to do."""

    reason = "cannot_run"
    exit_status = 2


class AirflowNotFound(RunError):
    """There is no Airflow in the environment that is to run the task."""


class WorkerEnded(RunError):
    """The process of a worker ended before the run; the message begins with its last line.

    :param what: says which worker, and when.
    :param said: what it wrote to its standard error.
    """

    def __init__(self, what: str, said: str) -> None:
        lines = said.strip().splitlines()
        message = what
        if lines:
            message += f": {lines[-1].strip()}"
        if len(lines) > 1:
            message += "\nIt said:\n" + "\n".join(lines)
        super().__init__(message)


class DagNotImported(RunError):
    """The Dag file cannot be imported; the message ends with the last lines that it printed.

    :param printed: what it printed meanwhile.
    """

    def __init__(self, message: str, printed: str = "") -> None:
        last = printable_lines(printed)[-_LINES:]
        if last:
            message += "\nIt printed last:\n" + "\n".join(last)
        super().__init__(message)
        self.printed = printed


def printable_lines(text: str) -> list[str]:
    """The lines that say something, for a terminal, and of each its end."""
    return [printable(line[-_WIDEST:].rstrip()) for line in text.splitlines() if line.strip()]


class NotRetried(RunError):
    """An attempt is not followed by a retry; the message has its state, and why."""
