"""What can go wrong before a task runs."""

from __future__ import annotations

from ..errors import StateError


class RunError(StateError):
    """A task that cannot be run; the message says why, and what to do."""

    reason = "cannot_run"
    exit_status = 2


class AirflowNotFound(RunError):
    """There is no Airflow in the environment that is to run the task."""


class DagNotImported(RunError):
    """The Dag file cannot be imported.

    :param printed: what it printed meanwhile.
    """

    def __init__(self, message: str, printed: str = "") -> None:
        super().__init__(message)
        self.printed = printed


class NotRetried(RunError):
    """An attempt is not followed by a retry; the message has its state, and why."""
