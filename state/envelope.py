"""The envelope around a reference: the only place that spells its one member (apache/airflow #67530)."""

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
