"""Errors as JSON: the three shapes of an error's body."""

from __future__ import annotations

from typing import Any

from state import errors
from state.model import values

from .errors import InvalidInput, NotEmulated, Refused, body_error


def core_body(error: errors.StateError) -> Any:
    """``{"detail": "…"}``, and a list for invalid inputs: the Core API's shape."""
    if isinstance(error, InvalidInput):
        return {"detail": _listed(error.problems)}
    return {"detail": str(error)}


def _listed(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of a 422 list as JSON can carry them."""
    try:
        return [values.finite(item) for item in problems]
    except RecursionError:  # an input that is nested deeper than Python follows is not repeated
        return [{**item, "input": None} for item in problems]


def execution_body(error: errors.StateError) -> Any:
    """``{"detail": {"reason", "message"}}`` for what a view raises; the rest as in the Core API."""
    if error.is_plain or isinstance(error, InvalidInput | Refused):
        return core_body(error)
    detail = {"reason": error.reason, "message": str(error), **error.details}
    if error.is_bare:
        del detail["message"]
    return {"detail": detail}


def control_body(error: errors.StateError) -> Any:
    """Reason and message, and for an invalid body each place and what is wrong there."""
    facts: dict[str, Any] = {"reason": error.reason, "message": str(error)}
    if isinstance(error, errors.BadDocument):
        facts["message"] = f"{error.where}: {error}"
        facts["errors"] = [{"where": error.where, "message": str(error)}]
    if isinstance(error, InvalidInput):
        facts["errors"] = [body_error(problem) for problem in error.problems]
    if "errors" in facts:
        facts["where"] = facts["errors"][0]["where"]
    if isinstance(error, NotEmulated):
        facts["route"] = error.route
    if isinstance(error, errors.BackendFailed):
        facts["class"] = error.kind
    if isinstance(error, errors.BackendFailed | errors.BackendTimeout):
        facts["row"] = error.row
    return {"detail": facts}
