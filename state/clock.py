"""Moments in UTC: how they are read off a clock and how they are written down.

A moment is stored and sent as ISO 8601 text with ``Z``; in the database always with six digits of a
second, so that text order is time order and ``SELECT`` shows what a person can read.
"""

from __future__ import annotations

from datetime import datetime, timezone


class Clock:
    """The clock of a namespace. Real time, in UTC."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)


def to_text(moment: datetime) -> str:
    """Write an aware moment as ``2030-01-01T00:00:00.000000Z``.

    :raises OverflowError: if the moment in UTC lies outside the years 1 to 9999.
    """
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"


def to_wire(text: str) -> str:
    """Drop a fraction of zero, as Airflow sends moments: ``2030-01-01T00:00:00Z``."""
    return text[:19] + "Z" if text.endswith(".000000Z") else text


def from_text(text: str) -> datetime:
    """Read what :func:`to_text` wrote."""
    return datetime.fromisoformat(text[:-1] + "+00:00")
