"""Words for people: how long ago, how large, what kind of JSON. Filters of the templates."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, g

from state.masking import masked
from state.model.clock import Clock, from_text, to_text

_UNITS = ((365 * 86400, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_UP_TO = {
    "year": 10**9,
    "day": 730,
    "hour": 36,
    "minute": 90,
    "second": 90,
}  # of each unit, before the next is taken
_HIGH, _BEGUN = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\(?:u[0-9a-fA-F]{0,3})?"
_HALF = re.compile(
    rf"((?<!\\)(?:\\\\)*)(?:{_HIGH}(?:{_BEGUN})?|{_BEGUN})$"
)  # an escape, or a pair, cut in two
_ESCAPES = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-f]{4})+)")
_TYPES = {"{": "object", "[": "array", '"': "text", "t": "boolean", "f": "boolean", "n": "null"}


def register(app: Flask) -> None:
    """Make the words known to templates."""
    for filter_ in (
        ago,
        until,
        span,
        size,
        json_type,
        shown,
        masked,
        exact,
        count,
        address,
        really_ago,
        preview,
    ):
        app.add_template_filter(filter_, filter_.__name__)


def span(seconds: float) -> str:
    """A length of time, in one unit: ``29 days``."""
    seconds = abs(seconds)
    number, word = 0, "second"
    for length, unit in reversed(_UNITS):
        number, word = round(seconds / length), unit
        if number <= _UP_TO[unit]:
            break
    return count(number, word)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 key``, ``2 keys``, ``1,200 keys``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _passed(text: str, clock: Clock | None = None) -> float:
    """Seconds since a stored moment, by the namespace's clock unless another is given."""
    return float(((clock or g.namespace.clock).now() - _read(text)) / timedelta(seconds=1))


def _read(text: str) -> datetime:
    return from_text(text) if text.endswith("Z") else datetime.fromisoformat(text)


def ago(text: str | None) -> str:
    """When a stored moment was: ``3 minutes ago``."""
    if not text:
        return "–"
    return _ago(_passed(text))


def really_ago(text: str | None) -> str:
    """When a stored moment of real time was, whatever the namespace's clock shows."""
    return _ago(_passed(text, Clock())) if text else "–"


def _ago(passed: float) -> str:
    if abs(passed) < 2:
        return "just now"
    return f"{span(passed)} ago" if passed > 0 else f"in {span(passed)}"


def until(text: str | None) -> str:
    """When an entry expires: ``never``, ``in 29 days``, ``expired 2 hours ago``."""
    if not text:
        return "never"
    passed = _passed(text)
    return f"expired {span(passed)} ago" if passed > 0 else f"in {span(passed)}"


def exact(text: str | None) -> str:
    """A stored moment to the millisecond: ``2026-01-01 00:00:00.250 UTC``."""
    if not text:
        return ""
    written = to_text(_read(text))[:23].replace("T", " ")
    return f"{written.removesuffix('.000')} UTC"


def size(number: int | None) -> str:
    """Bytes: ``12 B``, ``1.2 KiB``."""
    if number is None:
        return "–"
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def json_type(beginning: str) -> str:
    """What kind of JSON a text begins."""
    return _TYPES.get(beginning[:1], "number") if beginning else "–"


def shown(value: Any) -> str:
    """A text that can be sent: lone surrogates, which no encoding carries, as escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def preview(beginning: str, most: int) -> str:
    """The beginning of a JSON text in so many characters, with letters instead of their escapes."""
    text = _ESCAPES.sub(_letters, _HALF.sub(r"\1…", beginning))
    return shown(text if len(text) <= most else f"{text[: most - 1]}…")


def _letters(found: re.Match[str]) -> str:
    letters = str(json.loads(f'"{found[2]}"'))
    return found[1] + (letters if letters.isprintable() else found[2])


def address(ref: str) -> str:
    """A reference in one line: where it is, and the end of its path, which tells it from others."""
    scheme, slashes, rest = ref.partition("://")
    if len(ref) <= 60 or not slashes:
        return ref if len(ref) <= 60 else f"{ref[:28]}…{ref[-28:]}"
    parts = [part if len(part) <= 24 else f"{part[:10]}…" for part in rest.split("/")[-3:]]
    return f"{scheme}://…/{'/'.join(parts)}"


_DEEPEST, _MOST, _LONGEST = 12, 400, 2000  # levels, nodes and characters of one text that are shown
_OPEN = 3  # levels that are unfolded
READABLE = 2 * 1024 * 1024  # bytes; of a larger value only the beginning is shown
_BEGINNING = 4000  # characters
Node = dict[str, Any]


def tree(text: str) -> Node:
    """What a page shows of a value: its ``root`` node, or its ``beginning`` where it is too large or too deep."""
    if len(text) > READABLE:
        return {"beginning": text[:_BEGINNING], "why": "large"}
    try:
        return {"root": _Tree().node(None, json.loads(text), 0)}
    except RecursionError:
        return {"beginning": text[:_BEGINNING], "why": "deeply nested"}
    except ValueError:  # a number of more digits than Python reads
        return {"beginning": text[:_BEGINNING], "why": "unusual"}


def pretty(text: str) -> str:
    """A JSON text in lines, for editing and for comparing; as it is where Python cannot read it."""
    try:
        return shown(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return text


class _Tree:
    def __init__(self) -> None:
        self._left = _MOST

    def node(self, name: str | int | None, value: Any, level: int) -> Node:
        """One node: ``name``, ``type``, and ``text`` or ``children`` with ``more`` that are not shown."""
        self._left -= 1
        made: Node = {
            "name": name if not isinstance(name, str) else shown(name),
            "open": level < _OPEN,
        }
        if isinstance(value, dict):
            return {**made, **self._inner("object", list(value.items()), level)}
        if isinstance(value, list):
            return {**made, **self._inner("array", list(enumerate(value)), level)}
        return {**made, **_leaf(value)}

    def _inner(self, kind: str, items: list[tuple[Any, Any]], level: int) -> Node:
        children = []
        for name, item in items if level < _DEEPEST else []:
            if self._left <= 0:
                break
            children.append(self.node(name, item, level + 1))
        return {
            "type": kind,
            "children": children,
            "count": len(items),
            "more": len(items) - len(children),
        }


def _leaf(value: Any) -> Node:
    if isinstance(value, str):
        return {
            "type": "text",
            "text": shown(value[:_LONGEST]),
            "more": max(0, len(value) - _LONGEST),
        }
    kind = "null" if value is None else "boolean" if isinstance(value, bool) else "number"
    text = (
        json.dumps(value)
        if not isinstance(value, int) or value.bit_length() < 10_000
        else "a very long number"
    )
    return {"type": kind, "text": text[:_LONGEST], "more": 0}
