"""What the checks share: the list they add themselves to, values, keys and scopes that are hard to tell apart."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from ..scopes import AssetScope, StoreScope, TaskScope
from .bench import ASSET, Bench, Failed
from .run import Check

FILLER = "x" * 4096  # makes a value big enough for most thresholds
VALUES: list[Any] = [
    "text", "", "é☕\u202e\x00", 0, 1, -1, 2**63, 10**30, 1.5, -0.0, 1e300, True, False,
    [], [1, "a", None, [2.5]], {}, {"a": {"b": [None, False]}, "": 0},
]  # fmt: skip
HOSTILE_KEYS = [
    "a/b", "/lead", "trail/", "..", ".", "../../escape", "a b", "report.gz", "data.json", "%2F", "a%00b", "nul\x00",
    "new\nline", "q?x#y", "é☕", "k" * 512, "é" * 512, "con", "trailing.", "~", "*",
]  # fmt: skip
TWINS = [
    ("Key", "key"),
    (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
    ("a/b", "a%2Fb"),
    ("a", "a/"),
    ("k" * 300 + "1", "k" * 300 + "2"),
    ("x", "x.gz"),
]
NEIGHBOURS: list[tuple[str, StoreScope]] = [
    ("another map index", TaskScope("kit", "run-1", "task", 0)),
    ("another run", TaskScope("kit", "run-2", "task")),
    ("another task", TaskScope("kit", "run-1", "task2")),
    ("another dag", TaskScope("kit2", "run-1", "task")),
    ("a dag called assets", TaskScope("assets", "kit-asset", "task")),
    ("an asset", ASSET),
    ("another asset", AssetScope(name="kit-asset2")),
    ("an asset whose name is a path", AssetScope(name="kit/run-1/task/-1")),
]
CHECKS: list[Check] = []


def check(trap: str, advice: str) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Add a function to the list, under its name."""

    def add(look: Callable[[Bench], None]) -> Callable[[Bench], None]:
        CHECKS.append(Check(look.__name__, trap, advice, look))
        return look

    return add


def big(value: Any) -> dict[str, Any]:
    """A value that most thresholds let go out of the row."""
    return {"value": value, "filler": FILLER}


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1, 1.0 and true are not."""
    return json.dumps(one) == json.dumps(other)


def expect(what: bool, seen: str) -> None:
    """Fail with what was seen, unless it is as it should be."""
    if not what:
        raise Failed(seen)
