"""The list of checks, and the values, keys and scopes that they share."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..model.scopes import AssetScope, StoreScope, TaskScope
from .deadline import Failed
from .harness import Harness
from .runner import Check

FILLER = "x" * 4096  # makes a value big enough for most thresholds
VALUES: list[Any] = [
    "text",
    "",
    "é☕\u202e\x00",
    0,
    1,
    -1,
    2**63,
    10**30,
    1.5,
    -0.0,
    1e300,
    True,
    False,
    [],
    [1, "a", None, [2.5]],
    {},
    {"a": {"b": [None, False]}, "": 0},
]
HOSTILE_KEYS = [
    "a/b",
    "/lead",
    "trail/",
    "..",
    ".",
    "../../escape",
    "a b",
    "report.gz",
    "data.json",
    "%2F",
    "a%00b",
    "nul\x00",
    "new\nline",
    "q?x#y",
    "é☕",
    "k" * 512,
    "é" * 512,
    "con",
    "trailing.",
    "~",
    "*",
]
TWINS = [
    ("Key", "key"),
    (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
    ("a/b", "a%2Fb"),
    ("a", "a/"),
    ("k" * 300 + "1", "k" * 300 + "2"),
    ("x", "x.gz"),
]
CHECKS: list[Check] = []


def neighbours(harness: Harness) -> list[tuple[str, StoreScope]]:
    """Scopes that are similar to those of a harness, with their descriptions."""
    task = harness.task
    name = harness.asset.name or ""
    return [
        ("another map index", replace(task, map_index=0)),
        ("another run", replace(task, run_id="run-2")),
        ("another task", replace(task, task_id="task2")),
        ("another dag", replace(task, dag_id=f"{task.dag_id}2")),
        ("a dag called assets", TaskScope("assets", name, "task")),
        ("an asset", harness.asset),
        ("another asset", AssetScope(name=f"{name}2")),
        ("an asset whose name is a path", AssetScope(name=f"{task.dag_id}/run-1/task/-1")),
    ]


def check(
    trap: str, advice: str
) -> Callable[[Callable[[Harness], None]], Callable[[Harness], None]]:
    """Add a function to :data:`CHECKS`, under its name."""

    def add(look: Callable[[Harness], None]) -> Callable[[Harness], None]:
        CHECKS.append(Check(look.__name__, trap, advice, look))
        return look

    return add


def big(value: Any) -> dict[str, Any]:
    """A value above the threshold of most backends, so that it is not kept inline."""
    return {"value": value, "filler": FILLER}


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON; 1, 1.0 and true differ."""
    return json.dumps(left) == json.dumps(right)


def expect(condition: bool, message: str) -> None:
    """Check a condition.

    :raises Failed: with the message, if the condition is false.
    """
    if not condition:
        raise Failed(message)
