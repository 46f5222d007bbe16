"""Moments in UTC: the clock of a namespace, and moments as text.

A moment is stored and sent as ISO 8601 text with ``Z``; in the database always with six digits of a
second, so that text order is time order and ``SELECT`` shows what a person can read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

_FRACTION = re.compile(r"\.(\d+)")  # of a second
_END = datetime.max.replace(tzinfo=timezone.utc)


class Timepiece(Protocol):
    """A clock that can be read: a :class:`Clock`, or a namespace's in another process."""

    def now(self) -> datetime: ...


@dataclass(frozen=True)
class Clock:
    """The clock of a namespace: real time in UTC, unless it was set, advanced or frozen.

    At the end of the year 9999 it stops, because there is no later moment.

    :param offset: how far it is ahead of real time.
    :param frozen_at: the aware moment at which it is frozen; None if it runs.
    :param tokens: whether tokens are checked by it too, rather than by real time.
    """

    offset: timedelta = timedelta(0)
    frozen_at: datetime | None = None
    tokens: bool = False

    def now(self) -> datetime:
        if self.frozen_at is not None:
            return self.frozen_at
        real = datetime.now(timezone.utc)
        if not self.offset:
            return real
        if self.offset >= _END - real:
            return _END
        return real + self.offset

    @property
    def is_real(self) -> bool:
        """Whether it shows real time."""
        return self.frozen_at is None and not self.offset

    def set(self, moment: datetime) -> Clock:
        """The clock that shows an aware moment now, frozen or running as before."""
        moment = moment.astimezone(timezone.utc)
        if self.frozen_at is not None:
            return replace(self, frozen_at=moment)
        return replace(self, offset=moment - datetime.now(timezone.utc))

    def advance(self, by: timedelta) -> Clock:
        """The clock moved by a duration, back if it is negative.

        :raises OverflowError: if it would leave the years 1 to 9999.
        """
        self.now() + by
        if self.frozen_at is not None:
            return replace(self, frozen_at=self.frozen_at + by)
        return replace(self, offset=min(self.offset, _END - datetime.now(timezone.utc)) + by)

    def freeze(self) -> Clock:
        """The clock, frozen at the moment that it shows."""
        return replace(self, frozen_at=self.now(), offset=timedelta(0))

    def unfreeze(self) -> Clock:
        """The clock, running on from the moment that it shows."""
        if self.frozen_at is None:
            return self
        return replace(self, frozen_at=None, offset=self.frozen_at - datetime.now(timezone.utc))

    def to_json(self) -> dict[str, Any]:
        """The clock as JSON for the database; empty for real time."""
        document: dict[str, Any] = {}
        if self.frozen_at is not None:
            document["frozen_at"] = to_text(self.frozen_at)
        if self.offset:
            document["offset"] = self.offset / timedelta(microseconds=1)
        if self.tokens:
            document["tokens"] = True
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Clock:
        """Read what :meth:`to_json` wrote."""
        offset = timedelta(microseconds=document.get("offset", 0))
        frozen_at = None
        if "frozen_at" in document:
            frozen_at = from_text(document["frozen_at"])
        return cls(offset, frozen_at, document.get("tokens", False))


def to_text(moment: datetime) -> str:
    """Write an aware moment as ``2030-01-01T00:00:00.000000Z``.

    :raises OverflowError: if the moment in UTC lies outside the years 1 to 9999.
    """
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"


def to_wire(text: str) -> str:
    """Drop a fraction of zero, as Airflow sends moments: ``2030-01-01T00:00:00Z``."""
    if text.endswith(".000000Z"):
        return text[:19] + "Z"
    return text


def second(text: str | None) -> str:
    """Cut a moment to its second, for people; empty for None."""
    if not text:
        return ""
    return f"{text[:19]}Z"


def from_text(text: str) -> datetime:
    """Read what :func:`to_text` or :func:`to_wire` wrote, or ISO 8601 with an offset."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def from_person(text: str) -> datetime:
    """Read a moment that somebody wrote: ISO 8601, in UTC unless it has an offset.

    :raises ValueError: for anything else.
    """
    # Python 3.10 reads only fractions of 3 or 6 digits
    moment = from_text(_FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text))
    return in_utc(moment)


def in_utc(moment: datetime) -> datetime:
    """A moment with its time zone: UTC where it was written without one."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment
