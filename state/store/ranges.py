"""Numbers that a row can hold."""

from __future__ import annotations

from ..errors import OutOfRange

_MAX = 2**63


def in_range(name: str, number: int) -> int:
    """Pass a number that SQLite can hold.

    :raises OutOfRange: for any other.
    """
    if not -_MAX <= number < _MAX:
        raise OutOfRange(name, number)
    return number
