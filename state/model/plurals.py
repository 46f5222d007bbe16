"""Numbers of things in words."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 key``, ``2 keys``, ``1,200 keys``.

    :param plural: of the noun; by default it ends in ``s``.
    """
    if number != 1:
        noun = plural or f"{noun}s"
    return f"{number:,} {noun}"
