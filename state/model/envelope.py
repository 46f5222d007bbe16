"""The envelope around a reference: the only place that spells its one member (apache/airflow
#67530).
"""

from __future__ import annotations

from typing import Any

MARKER = "__airflow_state_ref__"


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
    """``reference``, ``malformed`` (it has the marker, but is no envelope) or ``value``."""
    if not isinstance(stored, dict) or MARKER not in stored:
        return "value"
    ref = stored[MARKER]
    return "reference" if len(stored) == 1 and isinstance(ref, str) and ref else "malformed"


def complaint(stored: Any, resolvable: bool) -> str | None:
    """What a log should say of a stored value that is returned as it is; None if there is nothing
    to say.

    :param resolvable: whether the reader has a backend; then a plain value is worth a word too.
    """
    what = kind(stored)
    if what == "malformed":
        return f"is a malformed envelope: {_fault(stored)}"
    if what == "reference":
        return "is a reference, and there is no backend here to resolve it"
    return (
        "is a plain value: it was not written through the backend, or kept inline by it"
        if resolvable
        else None
    )


def _fault(stored: dict[str, Any]) -> str:
    if len(stored) > 1:
        return f"it has {len(stored) - 1} more members beside {MARKER}"
    return "its reference is empty" if stored[MARKER] == "" else "its reference is not a string"
