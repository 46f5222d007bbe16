"""Records of a task's log, as Airflow's supervisor writes them: what bounds them, and their moment.

A record is a JSON object with ``timestamp``, ``level``, ``event``, ``logger`` and whatever else was
logged; a raised error stands in ``error_detail``, the last one first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timezone
from typing import Any

from . import values
from .clock import from_text, in_utc

Record = Mapping[str, Any]
MOST = 5000  # records of an attempt's log; the oldest ones are left out
SIZE = 2**20  # bytes of an attempt's log
LONGEST = 16 * 1024  # bytes of a record; a longer one is cut
_LENGTHS = ((8000, 20), (1000, 4), (200, 0))  # characters of a text, frames of an error
_ERRORS = 4  # of a chain
_MOST_ERROR = 500  # characters


def fitted(record: Record) -> tuple[Record, str]:
    """A record and its JSON text, of at most :data:`LONGEST` bytes.

    Of a longer record its moment, its level, its logger and the beginnings of its texts are left,
    and ``cut``: how many bytes it had. NaN and Infinity, which are not JSON, become strings.
    """
    text = json.dumps(record)
    if values.suspicious(text):
        record = json.loads(text, parse_constant=str)
        text = json.dumps(record)
    size = len(text)
    if size <= LONGEST:
        return record, text
    for characters, frames in _LENGTHS:
        record = _shortened(record, characters, frames) | {"cut": size}
        text = json.dumps(record)
        if len(text) <= LONGEST:
            break
    return record, text


def _shortened(record: Record, characters: int, frames: int) -> dict[str, Any]:
    short = {
        name: str(record[name])[:200]
        for name in ("timestamp", "level", "logger")
        if record.get(name) is not None
    }
    short["event"] = str(record.get("event", ""))[:characters]
    errors = errors_of(record)[:_ERRORS]
    if not errors:
        return short
    return {
        **short,
        "error_detail": [_shortened_error(each, characters, frames) for each in errors],
    }


def _shortened_error(error: Record, characters: int, frames: int) -> dict[str, Any]:
    return {
        "exc_type": str(error.get("exc_type", ""))[:200],
        "exc_value": str(error.get("exc_value", ""))[: characters // _ERRORS],
        "frames": frames_of(error)[-frames:] if frames else [],
    }


def errors_of(record: Record) -> list[Record]:
    """The errors of a record, with that which was raised last first; empty if it has none."""
    return _objects(record.get("error_detail"))


def error_of(record: Record) -> str | None:
    """What was raised last, such as ``ValueError: no rows``; None if a record has no error."""
    for error in errors_of(record)[:1]:
        return f"{error.get('exc_type')}: {error.get('exc_value')}"[:_MOST_ERROR]
    return None


def frames_of(error: Record) -> list[Record]:
    """The frames of an error, the innermost last."""
    return _objects(error.get("frames"))


def lists_of(value: Any) -> list[list[Record]]:
    """The errors of each member of a group, as :func:`errors_of` returns those of a record."""
    if not isinstance(value, list):
        return []
    return [_objects(item) for item in value]


def _objects(value: Any) -> list[Record]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def moment(record: Record) -> float | None:
    """When a record was logged, in seconds since 1970; None if it does not say so, or a moment
    outside the years 1 to 9999 in UTC.
    """
    try:
        time = in_utc(from_text(str(record.get("timestamp"))))
        return time.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError):
        return None
