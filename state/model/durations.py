"""Durations as text: ``31d`` and ``1h30m`` as input, "29 days" as output."""

from __future__ import annotations

import re

from .plurals import count

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}  # in seconds
MOST_DAYS = 36_500  # in an option of a command
_NAMES = (("year", 31_557_600), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])", re.ASCII)
_WHOLE = re.compile(rf"-?(?:{_PART.pattern})+", re.ASCII)
_FEW = 3  # of a unit; below that, the next smaller unit is named too


def parse(text: str) -> float:
    """The seconds of a written duration: ``90s``, ``1.5h``, ``1d12h``, ``-30m``.

    :raises ValueError: for anything else.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"invalid duration {text!r}; write 90s, 30m, 12h, 31d or 1d12h")
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
    if text.startswith("-"):
        return -seconds
    return seconds


def words(seconds: float) -> str:
    """A duration in words, rounded and without its sign: "29 days", "1 hour 30 minutes", "less than
    a second".
    """
    left = abs(seconds)
    if left < 1:
        return "less than a second"
    index = next(index for index, (_, size) in enumerate(_NAMES) if left >= size)
    name, size = _NAMES[index]
    if left / size >= _FEW or size == 1:
        number = round(left / size)
        larger, larger_size = _NAMES[max(index - 1, 0)]
        if index and number * size >= larger_size:  # 59.6 seconds
            return count(1, larger)
        return count(number, name)
    smaller, step = _NAMES[index + 1]
    whole, rest = divmod(round(left / step), size // step)
    text = count(whole, name)
    if rest:
        text += f" {count(rest, smaller)}"
    return text
