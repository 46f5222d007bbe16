"""The clock of a namespace, over the Control API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..model import durations
from ..model.clock import from_person, from_text, to_text
from ..words import unknown
from .http import StateroomClient

PATH = "/_stateroom/clock"
Moment = datetime | str
_UNITS = ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds")


class NamespaceClock:
    """The clock of a namespace, which expiry, ``clean``, ``updated_at`` and our accessors use.

    A real worker uses its own clock.

    :param client: a client of the namespace.
    """

    def __init__(self, client: StateroomClient) -> None:
        self._client = client

    def now(self) -> datetime:
        """The time of the clock, in UTC."""
        return _time(self._client.call("GET", PATH).json())

    @property
    def is_frozen(self) -> bool:
        return bool(self._client.call("GET", PATH).json()["frozen"])

    def freeze(self, at: Moment | None = None) -> datetime:
        """Freeze the clock and return its time.

        :param at: as for :meth:`set`; None for the clock's current time.
        """
        if at is None:
            return self._change(frozen=True)
        return self._change(frozen=True, now=to_text(_moment(at)))

    def unfreeze(self) -> datetime:
        """Let a frozen clock run on from its time, and return that."""
        return self._change(frozen=False)

    def set(self, moment: Moment) -> datetime:
        """Set the clock and return its time; a frozen clock stays frozen.

        :param moment: an aware datetime, or a text in ISO 8601 such as ``2030-01-01`` or
            ``2030-01-01T12:00``, in UTC unless it has an offset.
        :raises TypeError: for anything else, and a datetime without a time zone.
        :raises ValueError: for a text that is no moment.
        """
        return self._change(now=to_text(_moment(moment)))

    def advance(self, by: timedelta | str | None = None, **span: float) -> datetime:
        """Advance the clock and return its time; a negative duration sets it back.

        :param by: a timedelta, or a text such as ``31d``, ``1d12h`` or ``-30m``.
        :param span: arguments of a timedelta, such as ``days=31``; they are added to ``by``.
        :raises TypeError: for anything else.
        :raises ValueError: for a text that is no duration.
        """
        return self._change(advance=_duration(by).total_seconds() + _span(span).total_seconds())

    def real(self) -> None:
        """Return the clock to real time; tokens expire by real time too."""
        self._client.call("DELETE", PATH)

    def check_tokens(self, by_this_clock: bool = True) -> None:
        """Let tokens expire by this clock, or with False by real time, the default."""
        self._change(tokens=by_this_clock)

    def _change(self, **body: Any) -> datetime:
        return _time(self._client.call("PATCH", PATH, json=body).json())

    def __repr__(self) -> str:
        clock = self._client.call("GET", PATH).json()
        if clock["frozen"]:
            return f"<clock {clock['now']}, frozen>"
        return f"<clock {clock['now']}>"


def _moment(moment: Moment) -> datetime:
    example = 'write "2030-01-01T12:00:00Z", or a datetime with a time zone'
    if isinstance(moment, str):
        try:
            return from_person(moment)
        except ValueError:
            raise ValueError(f"invalid time {moment!r}; {example}") from None
    if not isinstance(moment, datetime):
        raise TypeError(f"invalid time {moment!r}; {example}")
    if moment.tzinfo is None:
        raise TypeError(f"{moment!r} has no time zone; add tzinfo=timezone.utc, or {example}")
    return moment


def _duration(by: timedelta | str | None) -> timedelta:
    if by is None:
        return timedelta()
    if isinstance(by, str):
        return timedelta(seconds=durations.parse(by))
    if not isinstance(by, timedelta):
        raise TypeError(
            f'invalid duration {by!r}; write advance("31d"), advance(days=31) or '
            "advance(timedelta(days=31))"
        )
    return by


def _span(span: Mapping[str, float]) -> timedelta:
    for name in set(span) - set(_UNITS):
        raise TypeError(unknown("unit", name, _UNITS))
    for unit, number in span.items():
        if not isinstance(number, int | float):
            raise TypeError(f'{unit} is {number!r}; write a number, or advance("31d")')
    return timedelta(**span)


def _time(clock: dict[str, Any]) -> datetime:
    return from_text(clock["now"])
