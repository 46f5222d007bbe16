"""Exceptions of a request, and the HTTP status of every error."""

from __future__ import annotations

from typing import Any

from flask import request

from state import errors

STATUS: dict[type[errors.StateError], int] = {
    errors.InvalidTransition: 409,
    errors.NotRunning: 409,
    errors.InvalidStop: 409,
    errors.StoppedElsewhere: 409,
    errors.RunningElsewhere: 409,
    errors.TaskInstanceArchived: 410,
    errors.RunNotStarted: 409,
    errors.AmbiguousTaskInstance: 409,
    errors.RunningTask: 409,
    errors.InvalidPartitionKey: 422,
    errors.BadOutletEvent: 422,
    errors.InvalidRetention: 400,
    errors.UnmappableLength: 400,
    errors.UnreadableValue: 422,
    errors.UnreadableEvent: 422,
    errors.OutOfRange: 422,
    errors.BadDocument: 422,
    errors.NotFound: 404,
    errors.NamespaceExists: 409,
    errors.InvalidName: 400,
    errors.RefusedReference: 403,
    errors.ReferenceTooLong: 422,
    errors.ReferenceBusy: 503,
    errors.BackendFailed: 502,
    errors.BackendTimeout: 504,
    errors.BackendBusy: 429,
    errors.DatabaseFull: 507,
    errors.DatabaseReplaced: 503,
    errors.StoreError: 500,
    errors.StateError: 400,
}


_MOST_SHOWN = 5  # problems in a message


class Refused(errors.StateError):
    """A request that is refused: not authenticated, not allowed or invalid.

    :param retry_after: the seconds after which another try may succeed.
    """

    def __init__(
        self, status: int, message: str, reason: str = "refused", retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Injected(errors.StateError):
    """The answer of a fault, instead of the call's own.

    :param status: the HTTP status.
    """

    reason = "injected_fault"

    def __init__(self, status: int, fault_id: int) -> None:
        super().__init__(f"fault {fault_id} answered {status} on purpose")
        self.status = status


class InvalidInput(errors.StateError):
    """Input that does not match its schema.

    :param problems: the entries of the 422 list.
    """

    reason = "invalid_input"

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        shown = map(body_error, problems[:_MOST_SHOWN])
        sentences = [f"{fault['where']}: {fault['message']}" for fault in shown]
        if len(problems) > _MOST_SHOWN:
            sentences.append(f"and {len(problems) - _MOST_SHOWN} more")
        super().__init__("; ".join(sentences))
        self.problems = problems


def invalid(message: str, *loc: str) -> InvalidInput:
    """An input that is invalid for a reason that no schema knows.

    :param loc: where the input is, as in the 422 list.
    """
    return InvalidInput([{"type": "value_error", "loc": list(loc), "msg": message, "input": None}])


class NotEmulated(errors.StateError):
    """A route that Airflow has and Stateroom does not.

    :param template: its path, as in Airflow's OpenAPI document.
    """

    reason = "not_emulated"

    def __init__(self, template: str) -> None:
        super().__init__(f"Airflow has {request.method} {template}, Stateroom does not emulate it")
        self.route = f"{request.method} {template}"


def body_error(problem: dict[str, Any]) -> dict[str, str]:
    """An entry of a 422 list as a person reads it: ``where`` and ``message``."""
    if problem["type"] == "json_invalid":
        return {
            "where": f"character {problem['loc'][-1]}",
            "message": f"not JSON: {problem['ctx']['error']}",
        }
    return {"where": place(problem["loc"]), "message": problem["msg"]}


def place(loc: list[str | int]) -> str:
    """A location as a person reads it: ``body.task_instances[3].run_id``."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".") or "body"


def status_of(error: errors.StateError) -> int:
    if isinstance(error, Refused | Injected):
        return error.status
    if isinstance(error, InvalidInput):
        return 422
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
