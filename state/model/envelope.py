"""The envelope around a reference (apache/airflow #67530): build, recognise and read it."""

from __future__ import annotations

import json
from typing import Any

MARKER = "__airflow_state_ref__"
LONGEST = 8192  # characters of a reference; Airflow 3.3 has no limit


def wrap(ref: str) -> dict[str, str]:
    """Put a backend's reference into the envelope.

    :raises ValueError: if ``ref`` is not a non-empty string.
    """
    if not isinstance(ref, str) or not ref:
        raise ValueError(f"a reference is a non-empty string, got {ref!r}")
    return {MARKER: ref}


def unwrap(stored: Any) -> str | None:
    """The reference inside an envelope, or None if ``stored`` is not exactly one."""
    if kind(stored) != "reference":
        return None
    ref: str = stored[MARKER]
    return ref


def kind(stored: Any) -> str:
    """``reference``, ``malformed`` (an object with the marker that is not an envelope) or
    ``value``.
    """
    if not isinstance(stored, dict) or MARKER not in stored:
        return "value"
    ref = stored[MARKER]
    if len(stored) == 1 and isinstance(ref, str) and ref:
        return "reference"
    return "malformed"


def is_text(ref: str) -> bool:
    """Whether a reference is the JSON text of a value, and names no object of any backend.

    The default hooks of Airflow 3.3 and 3.4 make such references. A number is not among them: it
    may be the row of an object in somebody's table.
    """
    try:
        return isinstance(json.loads(ref), dict | list | str | bool)
    except (ValueError, RecursionError):
        return False


def check_unmarked(value: Any) -> None:
    """Refuse a value that a reader would take for a reference.

    :raises ValueError: for an object with the marker.
    """
    if kind(value) != "value":
        raise ValueError(
            f"invalid value: with its member {MARKER!r} it would be read as a reference, which "
            "only a backend makes"
        )


def complaint(stored: Any, resolvable: bool) -> str | None:
    """The warning about a stored value that is returned as it is; None if there is none.

    :param resolvable: whether the reader has a backend; then a plain value is worth a warning too.
    """
    what = kind(stored)
    if what == "malformed":
        return f"is a malformed envelope: {_problem(stored)}"
    if what == "reference":
        return "is a reference, and there is no backend here to resolve it"
    if resolvable:
        return "is a plain value: it was not written through the backend, or kept inline by it"
    return None


def _problem(stored: dict[str, Any]) -> str:
    if len(stored) > 1:
        return f"it has {len(stored) - 1} more members beside {MARKER}"
    if stored[MARKER] == "":
        return "its reference is empty"
    return "its reference is not a string"
