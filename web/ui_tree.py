"""A JSON text as something to look at: a tree of bounded size, whatever the value is."""

from __future__ import annotations

import json
from typing import Any

from .ui_words import shown

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
        made: Node = {"name": name if not isinstance(name, str) else shown(name), "open": level < _OPEN}
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
        return {"type": kind, "children": children, "count": len(items), "more": len(items) - len(children)}


def _leaf(value: Any) -> Node:
    if isinstance(value, str):
        return {"type": "text", "text": shown(value[:_LONGEST]), "more": max(0, len(value) - _LONGEST)}
    kind = "null" if value is None else "boolean" if isinstance(value, bool) else "number"
    text = json.dumps(value) if not isinstance(value, int) or value.bit_length() < 10_000 else "a very long number"
    return {"type": kind, "text": text[:_LONGEST], "more": 0}
