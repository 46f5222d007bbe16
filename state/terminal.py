"""Text tables for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_WIDEST = 72  # terminal columns of a cell


def columns(lines: Sequence[tuple[str, ...]]) -> str:
    """Align the cells of lines in columns; cells too wide are cut, except in the last column.

    :param lines: all with the same number of cells.
    """
    cut = [(*(shortened(text, _WIDEST) for text in line[:-1]), line[-1]) for line in lines]
    widths = [max(map(width, column)) for column in zip(*cut, strict=True)]
    return "\n".join(
        "  ".join(
            text + " " * (most - width(text)) for text, most in zip(line, widths, strict=True)
        ).rstrip()
        for line in cut
    )


def printable(text: str) -> str:
    """A string with its control characters escaped, for a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def shortened(text: str, most: int) -> str:
    """A string of at most this many columns, cut with an ellipsis."""
    if width(text) <= most:
        return text
    beginning = ""
    for letter in text:
        if width(beginning + letter) >= most:
            break
        beginning += letter
    return beginning + "…"


def ending(text: str, most: int) -> str:
    """A string of at most this many columns, whose beginning is cut, with an ellipsis."""
    if width(text) <= most:
        return text
    kept = ""
    for letter in reversed(text):
        if width(letter + kept) >= most:
            break
        kept = letter + kept
    return "…" + kept


def ends(text: str, most: int) -> str:
    """A string of at most this many columns, cut in its middle, with an ellipsis."""
    if width(text) <= most:
        return text
    beginning = shortened(text, most - most // 2)
    return beginning + ending(text, most // 2 + 1).removeprefix("…")


def width(text: str) -> int:
    """The terminal columns of a string: two for a wide letter, none for a combining accent."""
    return sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 2
    return 1
