"""The templates' filters: how long ago, how large, what kind of JSON."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from flask import Flask, g

from state.masking import masked
from state.model import retention
from state.model.clock import from_text
from state.model.events import VERBS, actor_name
from state.words import count, duration

_HIGH = r"\\u[dD][89abAB][0-9a-fA-F]{2}"  # the first of a pair of surrogates
_BEGUN = r"\\(?:u[0-9a-fA-F]{0,3})?"  # an escape that was cut
_HALF = re.compile(rf"((?<!\\)(?:\\\\)*)(?:{_HIGH}(?:{_BEGUN})?|{_BEGUN})$")  # at the end
_ESCAPES = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-f]{4})+)")
_TYPES = {"{": "object", "[": "array", '"': "text", "t": "boolean", "f": "boolean", "n": "null"}


def register(app: Flask) -> None:
    """Add the filters to the app's templates."""
    for filter_ in (
        ago,
        until,
        has_expired,
        size,
        json_type,
        encodable,
        masked,
        exact,
        precise,
        real_precise,
        differs,
        count,
        address,
        middle,
        really_ago,
        preview,
        actor_name,
        took,
        verb,
    ):
        app.add_template_filter(filter_, filter_.__name__)


# a page shows each of its moments several times
_moment = lru_cache(maxsize=256)(from_text)


def now() -> datetime:
    """The moment that the namespace's clock shows; one page asks once."""
    if "now" not in g:
        g.now = g.namespace.clock.now()
    moment: datetime = g.now
    return moment


def _seconds(passed: timedelta) -> float:
    return passed / timedelta(seconds=1)


def ago(text: str | None) -> str:
    """When a stored moment was: ``3 minutes ago``."""
    if not text:
        return "–"
    return _ago(_seconds(now() - _moment(text)))


def really_ago(text: str | None) -> str:
    """When a stored moment of real time was, whatever the namespace's clock shows."""
    if not text:
        return "–"
    return _ago(_seconds(datetime.now(timezone.utc) - _moment(text)))


def _ago(passed: float) -> str:
    if abs(passed) < 2:
        return "just now"
    if passed < 0:
        return f"in {duration(passed)}"
    return f"{duration(passed)} ago"


def took(seconds: float) -> str:
    """How long an attempt ran: ``0.350 s``, ``2 minutes 5 seconds``."""
    if abs(seconds) < 10:
        return f"{seconds:.3f} s"
    return duration(seconds)


def verb(op: str) -> str:
    """An operation of the journal as a word, of which the attempt is the subject."""
    return {"state": "reports", "create": "created", **VERBS}.get(op, op)


def until(text: str | None) -> str:
    """When an entry expires: ``never``, ``in 29 days``, ``expired 2 hours ago``."""
    if not text:
        return "never"
    passed = _seconds(now() - _moment(text))
    if passed > 0:
        return f"expired {duration(passed)} ago"
    return f"in {duration(passed)}"


def has_expired(text: str) -> bool:
    """Whether the next clean removes an entry that expires at this moment."""
    return retention.has_expired(_moment(text), now())


def exact(text: str | None) -> str:
    """A stored moment to the millisecond: ``2026-01-01 00:00:00.250 UTC``."""
    if not text:
        return ""
    moment = _moment(text).astimezone(timezone.utc)
    written = moment.isoformat(" ", "milliseconds").removesuffix("+00:00")
    return f"{written.removesuffix('.000')} UTC"


def precise(text: str) -> str:
    """A stored moment to the millisecond, in UTC, always with three digits."""
    moment = _moment(text).astimezone(timezone.utc)
    return moment.isoformat(" ", "milliseconds").removesuffix("+00:00")


def real_precise(seconds: float) -> str:
    """Unix seconds as :func:`precise` writes a moment."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(" ", "milliseconds").removesuffix("+00:00")


def differs(text: str, seconds: float) -> bool:
    """Whether a moment of the namespace's clock is another than that of real time."""
    return abs(_moment(text).timestamp() - seconds) > 1


def size(number: int | None) -> str:
    """Bytes: ``12 B``, ``1.2 KiB``."""
    if number is None:
        return "–"
    if number < 1000:
        return f"{number} B"
    value = number / 1024
    for unit in ("KiB", "MiB"):
        if value < 100:
            return f"{value:.1f} {unit}"
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def json_type(beginning: str) -> str:
    """The type of a JSON text, by its first character."""
    if not beginning:
        return "–"
    return _TYPES.get(beginning[0], "number")


def encodable(value: Any) -> str:
    """A text that can be sent: with escapes for lone surrogates, which UTF-8 cannot encode."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def preview(beginning: str, most: int) -> str:
    """The beginning of a JSON text, shortened, with letters instead of their escapes.

    :param most: characters.
    """
    text = _ESCAPES.sub(_unescaped, _HALF.sub(r"\1…", beginning))
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    return encodable(text)


def _unescaped(match: re.Match[str]) -> str:
    letters = str(json.loads(f'"{match[2]}"'))
    if not letters.isprintable():
        return match[0]
    return match[1] + letters


def address(ref: str) -> str:
    """A reference in one line: its scheme and the end of its path, which identifies it."""
    if len(ref) <= 60:
        return ref
    scheme, slashes, rest = ref.partition("://")
    if not slashes:
        if not ref.startswith("/"):
            return f"{ref[:28]}…{ref[-28:]}"
        scheme = ""
        rest = ref
    parts = [part if len(part) <= 24 else f"{part[:10]}…" for part in rest.split("/")[-3:]]
    return f"{scheme}{slashes}…/{'/'.join(parts)}"


def middle(text: str) -> str:
    """A text of at most 32 letters, cut in the middle: a run id begins with what it is and its
    moment, and ends with what tells it from others.
    """
    if len(text) <= 32:
        return text
    return f"{text[:27]}…{text[-4:]}"


_DEEPEST = 12  # levels that are shown
MEMBERS = 100  # of one object or array that are shown at first
MOST_MEMBERS = 10_000  # that are shown on demand
_NODES = 4  # nodes of the whole tree for each member of the largest part of it
_LONGEST = 2000  # characters of one text that are shown
_OPEN = 3  # levels that are unfolded
READABLE = 2 * 1024 * 1024  # bytes; of a larger value only the beginning is shown
_BEGINNING = 4000  # characters
Node = dict[str, Any]


def tree(text: str, members: int = MEMBERS) -> Node:
    """A value as a page shows it.

    :param members: of one object or array, at most; the rest is counted.
    :returns: its ``root`` node; or its ``beginning`` with ``why`` no tree is shown.
    """
    if len(text) > READABLE:
        return {"beginning": text[:_BEGINNING], "why": "large"}
    try:
        return {"root": _Tree(members).node(None, json.loads(text), 0)}
    except RecursionError:
        return {"beginning": text[:_BEGINNING], "why": "deeply nested"}
    except ValueError:  # a number of more digits than Python reads
        return {"beginning": text[:_BEGINNING], "why": "unusual"}


def pretty(text: str) -> str:
    """A JSON text with line breaks, to edit or compare; unchanged if Python cannot parse it."""
    try:
        return encodable(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return text


class _Tree:
    def __init__(self, members: int) -> None:
        self._members = members
        self._left = _NODES * members

    def node(self, name: str | int | None, value: Any, level: int) -> Node:
        """One node: its ``name``, ``type``, ``text`` or ``children``, and how many ``more``."""
        self._left -= 1
        if isinstance(name, str):
            name = encodable(name)
        node: Node = {"name": name, "open": level < _OPEN}
        if isinstance(value, dict):
            return {**node, **self._inner("object", list(value.items()), level)}
        if isinstance(value, list):
            return {**node, **self._inner("array", list(enumerate(value)), level)}
        return {**node, **_leaf(value)}

    def _inner(self, kind: str, items: list[tuple[Any, Any]], level: int) -> Node:
        children: list[Node] = []
        for name, item in items[: self._members]:
            if level >= _DEEPEST or self._left <= 0:
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
            "text": encodable(value[:_LONGEST]),
            "more": max(0, len(value) - _LONGEST),
        }
    if isinstance(value, int) and value.bit_length() >= 10_000:
        return {"type": "number", "text": "a very long number", "more": 0}
    text = json.dumps(value)
    return {"type": json_type(text), "text": text[:_LONGEST], "more": 0}
