"""Text tables for a terminal."""

from __future__ import annotations

import unicodedata
from itertools import zip_longest

_WIDEST = 72  # columns of a terminal


def columns(lines: list[tuple[str, ...]], widths: list[int] | None = None) -> str:
    """Align lines of equally many texts in columns; texts too wide are cut, except in the last.

    :param widths: of lines that stand above these, as this function left them; empty at first.
    """
    widths = [] if widths is None else widths
    cut = [(*(_cut(text, _WIDEST) for text in line[:-1]), line[-1]) for line in lines]
    own = [max(map(_width, column)) for column in zip(*cut, strict=True)]
    widths[:] = [max(pair) for pair in zip_longest(widths, own, fillvalue=0)]
    return "\n".join(
        "  ".join(
            text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in cut
    )


def printable(text: str) -> str:
    """A text without control characters, for a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def second(moment: str | None) -> str:
    """A moment as it is sent, without its fraction."""
    return moment[:19] + "Z" if moment else ""


def _cut(text: str, most: int) -> str:
    if _width(text) <= most:
        return text
    kept = ""
    for letter in text:
        if _width(kept + letter) >= most:
            break
        kept += letter
    return kept + "…"


def _width(text: str) -> int:
    """Columns of a terminal: two for a wide letter, none for an accent of its own."""
    return sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 2
    return 1
