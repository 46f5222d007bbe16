"""Stored values: JSON, written and read in one place.

Values are stored as the text that ``json.dumps`` writes with its defaults, which is what Airflow
stores and what its ``max_value_storage_bytes`` counts (3.3.2: characters of that text; it is ASCII,
so bytes too).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import ObjectTooLarge

NOT_FINITE = "NaN and Infinity are not JSON"
_DEEPEST = 10_000  # lists and objects in each other; json.dumps follows fewer
TOO_DEEP = "it is nested too deeply to be repaired"
LONE_SURROGATE = "a lone surrogate is not Unicode text"
dumps = json.dumps  # writes a value as it is stored; NaN and Infinity pass, as in Airflow
loads = json.loads  # reads a stored value


def suspicious(text: str) -> bool:
    """Whether a string may hold NaN, Infinity or a lone surrogate: a cheap check before
    :func:`not_finite` and :func:`broken_text`.
    """
    return "NaN" in text or "Infinity" in text or "\\ud" in text


def not_finite(value: Any) -> bool:
    """Whether a value is, or contains, NaN or Infinity."""
    return any(isinstance(part, float) and not math.isfinite(part) for part in _parts(value))


def broken_text(value: Any, names: bool) -> bool:
    """Whether a string in the value (and with ``names`` a member's name) holds a lone surrogate."""
    for part in _parts(value):
        if isinstance(part, str) and not _encodes(part):
            return True
        if names and isinstance(part, dict) and not all(map(_encodes, part)):
            return True
    return False


def _parts(value: Any) -> Iterator[Any]:
    """The value and everything in it, however deep."""
    parts = [value]
    while parts:
        part = parts.pop()
        yield part
        if isinstance(part, dict):
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)


def check(value: Any) -> None:
    """Refuse a value that a task must not store, with the path in it: ``value.rows[3].ratio``.

    :raises ValueError: for None as the whole value, and for NaN or Infinity anywhere.
    :raises TypeError: for what is not JSON: tuples, sets, bytes, dates, members whose name is not a
        string.
    """
    if value is None:
        raise ValueError("the value is None; delete the key instead")
    _check(value, "value")


def _check(value: Any, where: str) -> None:
    kind = type(value)
    if value is None or kind in (str, int, bool):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}; {NOT_FINITE}")
    elif isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise TypeError(f"{where} has a member named {name!r}; JSON names are strings")
            member = f".{name}" if name.isidentifier() else f"[{name!r}]"
            _check(item, where + member)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")
    elif not isinstance(value, str | int):
        raise TypeError(
            f"{where} is of the type {kind.__name__}, which is not JSON-serialisable; "
            "convert it first"
        )


def is_larger(value: Any, limit: int) -> bool:
    """Whether a value's JSON is longer than a limit, however it is written.

    A value that never ends is. No more of a value is looked at than the limit allows, and other
    threads run meanwhile; ``json.dumps`` stops them until it has written all. It refuses a value
    that is nested too deeply as soon as it comes to it: what follows there is not looked at.

    :param limit: characters.
    """
    left = limit
    unfinished = [iter((value,))]
    while unfinished and left >= 0 and len(unfinished) < _DEEPEST:
        for item in unfinished[-1]:
            left -= _least_length(item)
            if left < 0:
                break
            if isinstance(item, dict):
                unfinished.append(part for member in item.items() for part in member)
                break
            if isinstance(item, list):
                unfinished.append(iter(item))
                break
        else:
            unfinished.pop()
    return left < 0


def _least_length(item: Any) -> int:
    """Characters that an item has in JSON at least, without the items in it."""
    if isinstance(item, str):
        return len(item)
    if isinstance(item, int):
        return max(1, item.bit_length() // 4)  # a decimal digit has fewer than four bits
    return 1


def finite(value: Any) -> Any:
    """The value with NaN and Infinity replaced by null, which is what Airflow's Core API sends for
    them.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def repaired_names(value: Any) -> Any:
    """The value with lone surrogates in member names replaced, as Airflow's Execution API sends
    them.
    """
    if isinstance(value, dict):
        repaired = {}
        for name, item in value.items():
            name = name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            repaired[name] = repaired_names(item)
        return repaired
    if isinstance(value, list):
        return [repaired_names(item) for item in value]
    return value


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# characters; a large string is hashed and written in pieces, so that it is never copied as a whole
_PIECE = 2**20
_ESCAPED = 6  # characters of a stored text that stand for one character: \u00e9


def check_size(value: Any, largest: int | None) -> None:
    """Refuse a value that no request could have carried.

    :param largest: bytes of a request's body; None for any number.
    :raises ObjectTooLarge: if it is larger.
    """
    if largest is not None and is_larger(value, largest):
        raise ObjectTooLarge(largest)


def check_text_size(size: int, largest: int | None) -> None:
    """Like :func:`check_size`, of a stored text, in which one byte of a request may have six.

    :param size: characters.
    """
    if largest is not None and size > largest * _ESCAPED:
        raise ObjectTooLarge(largest)


class Encoded:
    """A value's JSON text, written once for the object, its checksum and its size.

    :param text: as :func:`dumps` writes it, so ASCII.
    :param sha256: of the text, in hexadecimal; computed when needed if it is None.
    """

    __slots__ = ("text", "_sha256")

    def __init__(self, text: str, sha256: str | None = None) -> None:
        self.text = text
        self._sha256 = sha256

    @classmethod
    def of(cls, value: Any) -> Encoded:
        return cls(dumps(value))

    @classmethod
    def read(cls, pieces: Iterable[bytes], largest: int | None = None) -> Encoded:
        """Join the pieces of a string, and take its checksum of the bytes as they are.

        :param largest: as for :func:`check_text_size`.
        """
        digest = hashlib.sha256()
        texts = []
        size = 0
        for piece in pieces:
            size += len(piece)
            check_text_size(size, largest)
            digest.update(piece)
            texts.append(piece.decode("latin-1"))  # never fails: damage is for the checksum to find
        return cls("".join(texts), digest.hexdigest())

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text)

    @property
    def sha256(self) -> str:
        if self._sha256 is None:
            digest = hashlib.sha256()
            for piece in self.pieces():
                digest.update(piece)
            self._sha256 = digest.hexdigest()
        return self._sha256

    def pieces(self) -> Iterator[bytes]:
        """The text as bytes, a piece at a time."""
        for start in range(0, len(self.text), _PIECE):
            yield self.text[start : start + _PIECE].encode("ascii")

    def value(self) -> Any:
        return loads(self.text)
