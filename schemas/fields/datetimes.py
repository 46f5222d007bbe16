"""Read times as pydantic 2 does: lenient ISO 8601, and seconds or milliseconds since 1970."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone

from state.model.clock import in_utc

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"[Tt _](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?", re.ASCII)
_ZONE = re.compile(r"[Zz]|([+\-\u2212])(\d\d):?(\d\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+|(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECONDS_FROM = 20_000_000_000  # beyond this a number is milliseconds

_LIKE_ZERO = 2000  # a year with the days of the year 0
_YEAR_ZERO_FROM = -62_167_219_200  # seconds

TOO_SHORT = "input is too short"
TRAILING = "unexpected extra characters at the end of the input"


class YearZero(ValueError):
    """A moment in the year 0, which pydantic can read and Python cannot hold."""

    def __init__(self) -> None:
        super().__init__("year 0 is out of range")


def from_string(text: str) -> datetime:
    """A datetime from text; naive if the text has no time zone.

    :raises ValueError: with pydantic's message.
    """
    day = _DATE.match(text)
    if day:
        moment = _with_time(day, text[day.end() :])
        if moment is not None:
            return moment
    if _NUMBER.fullmatch(text):
        if text.lstrip("+-").isdecimal():
            return from_number(int(text))
        return from_number(float(text))
    return _from_date(text, day)


def utc_from_string(text: str) -> datetime:
    """A moment from text: like :func:`from_string`, in UTC if the text has no time zone."""
    return in_utc(from_string(text))


def from_number(number: int | float) -> datetime:
    """A datetime in UTC from seconds (or, beyond 2e10, milliseconds) since 1970.

    :raises ValueError: for NaN, or a moment outside the years 1 to 9999.
    """
    if isinstance(number, int):
        if abs(number) <= _MILLISECONDS_FROM:
            return _from_timestamp(number, 0)
        seconds, thousandths = divmod(number, 1000)
        return _from_timestamp(seconds, thousandths * 1000)
    if math.isnan(number):
        raise ValueError("NaN values not permitted")
    if math.isinf(number):
        raise ValueError("dates after 9999 are not supported as unix timestamps")
    whole = math.floor(number)
    if abs(number) > _MILLISECONDS_FROM:
        seconds, thousandths = divmod(whole, 1000)
        return _from_timestamp(
            seconds, thousandths * 1000 + math.floor((number - whole) * 1000 + 0.5)
        )
    return _from_timestamp(whole, math.floor((number - whole) * 1_000_000 + 0.5))


def _with_time(day: re.Match[str], rest: str) -> datetime | None:
    time = _TIME.match(rest)
    if not time:
        return None
    hour, minute, second = (int(part or 0) for part in time.groups()[:3])
    fraction = int((time[4] or "0")[:6].ljust(6, "0"))
    zone_text = rest[time.end() :]
    zone = _ZONE.fullmatch(zone_text)
    if zone_text and not zone:
        return None
    year = int(day[1])
    tzinfo = None
    try:
        if zone:
            tzinfo = _zone(zone)
        moment = datetime(
            year or _LIKE_ZERO, int(day[2]), int(day[3]), hour, minute, second, fraction, tzinfo
        )
    except ValueError:
        return None
    if year == 0 and tzinfo is not None:
        raise YearZero
    return moment


def _zone(zone: re.Match[str]) -> timezone:
    if zone[1] is None:
        return timezone.utc
    hours = int(zone[2])
    minutes = int(zone[3])
    if minutes > 59:
        raise ValueError("timezone minutes")
    offset = timedelta(hours=hours, minutes=minutes)
    if zone[1] != "+":
        offset = -offset
    return timezone(offset)


def _from_timestamp(seconds: int, micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=micros)
    except OverflowError:
        if _YEAR_ZERO_FROM <= seconds < 0:
            raise YearZero from None
        side = "before 0000"
        if seconds > 0:
            side = "after 9999"
        raise ValueError(f"dates {side} are not supported as unix timestamps") from None


def _from_date(text: str, day: re.Match[str] | None) -> datetime:
    if day is None:
        raise ValueError(TOO_SHORT if len(text) < 10 else "invalid character in year")
    year, month, number = map(int, day.groups())
    if not 1 <= month <= 12:
        raise ValueError("month value is outside expected range of 1-12")
    try:
        parsed = date(year or _LIKE_ZERO, month, number)
    except ValueError:
        raise ValueError("day value is outside expected range") from None
    if day.end() != len(text):
        raise ValueError(TRAILING)
    return datetime(parsed.year, parsed.month, parsed.day)
