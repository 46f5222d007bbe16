"""Durations that people write: ``31d``, ``1h30m``."""

from __future__ import annotations

import re

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}  # in seconds
LONGEST_SPAN = 10_000 * 366 * 86_400  # seconds; the calendar ends at the year 9999
MOST_DAYS = 36_500  # in an option of a command
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])", re.ASCII)
_WHOLE = re.compile(rf"-?(?:{_PART.pattern})+", re.ASCII)


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
