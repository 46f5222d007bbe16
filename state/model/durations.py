"""Durations as people write and read them: ``31d``, ``1h30m``; "29 days"."""

from __future__ import annotations

import re

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}  # in seconds
_NAMES = (("year", 31_557_600), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])", re.ASCII)
_WHOLE = re.compile(rf"-?(?:{_PART.pattern})+", re.ASCII)
_FEW = 3  # of a unit, below which the next smaller one is named too
# the most of each unit that :func:`rounded` says, before it takes the next larger one
_MOST = {"second": 90, "minute": 90, "hour": 36, "day": 730}


def parse(text: str) -> float:
    """Seconds of a written span: ``90s``, ``1.5h``, ``1d12h``, ``-30m``.

    :raises ValueError: for anything else.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"invalid duration {text!r}; write 90s, 30m, 12h, 31d or 1d12h")
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
    return -seconds if text.startswith("-") else seconds


def words(seconds: float) -> str:
    """A span for people, rounded: "29 days", "1 hour 30 minutes", "less than a second"; the sign is
    dropped.
    """
    left = abs(seconds)
    if left < 1:
        return "less than a second"
    place = next(place for place, (_, size) in enumerate(_NAMES) if left >= size)
    name, size = _NAMES[place]
    if left / size >= _FEW or size == 1:
        return _counted(round(left / size), name)
    smaller, step = _NAMES[place + 1]
    whole, rest = divmod(round(left / step), size // step)
    return _counted(whole, name) + (f" {_counted(rest, smaller)}" if rest else "")


def rounded(seconds: float) -> str:
    """A duration in one unit, without its sign, for a column: "29 days", "90 minutes"."""
    for name, size in reversed(_NAMES):
        number = round(abs(seconds) / size)
        if number <= _MOST.get(name, number):
            break
    return _counted(number, name)


def _counted(number: int, name: str) -> str:
    if number != 1:
        name += "s"
    return f"{number:,} {name}"
