"""What differs in a value, by its path: ``cfg.b[2] is 3, expected 4``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..terminal import columns
from .timeline import value_summary

MOST = 5  # differences of one key that are told
_AROUND = 15  # characters around the first one in which two long texts differ
Row = tuple[str, str, str]


def rows(path: str, actual: Any, expected: Any) -> list[Row]:
    """The differences of two values: the path of each, what is there, and what was expected.

    An expected value may be any object that compares, such as ``unittest.mock.ANY``.

    :param path: of the value itself, such as its key.
    """
    found = list(_differences(path, actual, expected))
    shown = found[:MOST]
    if len(found) > MOST:
        shown.append((f"… and {len(found) - MOST} more", "", ""))
    return shown


def of_value(actual: Any, expected: Any) -> list[str] | None:
    """A line for each difference inside two values that are compared by themselves; None where the
    values are no long JSON, of which the usual comparison tells as much.
    """
    if not (_is_json(actual) and isinstance(expected, dict | list)):
        return None
    found = rows("", actual, expected)
    if not any(path.count(".") + path.count("[") > 1 for path, _, _ in found):
        return None
    return columns(found).splitlines()


def _is_json(value: Any) -> bool:
    """Whether a value is what JSON has; a number of NumPy, say, compares in a way of its own."""
    if type(value) is dict:
        return all(type(name) is str and _is_json(member) for name, member in value.items())
    if type(value) is list:
        return all(map(_is_json, value))
    return value is None or type(value) in (str, int, float, bool)


def _differences(path: str, actual: Any, expected: Any) -> Iterator[Row]:
    if actual == expected:
        return
    if isinstance(actual, dict) and isinstance(expected, Mapping):
        yield from _of_members(path, actual, expected)
    elif isinstance(actual, list) and isinstance(expected, list | tuple):
        yield from _of_items(path, actual, expected)
    elif isinstance(actual, str) and isinstance(expected, str):
        yield (path, *_of_texts(actual, expected))
    else:
        yield path, f"is {summary(actual)}", f"expected {summary(expected)}"


def _of_members(path: str, actual: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    for name in sorted({*actual, *expected}, key=str):
        member = f"{path}[{name!r}]"
        if isinstance(name, str) and name.isidentifier():
            member = f"{path}.{name}"
        if name not in expected:
            yield member, f"is {summary(actual[name])}", "not expected"
        elif name not in actual:
            yield member, "is missing", f"expected {summary(expected[name])}"
        else:
            yield from _differences(member, actual[name], expected[name])


def _of_items(path: str, actual: list[Any], expected: Any) -> Iterator[Row]:
    for index in range(max(len(actual), len(expected))):
        item = f"{path}[{index}]"
        if index >= len(expected):
            yield item, f"is {summary(actual[index])}", "not expected"
        elif index >= len(actual):
            yield item, "is missing", f"expected {summary(expected[index])}"
        else:
            yield from _differences(item, actual[index], expected[index])


def _of_texts(actual: str, expected: str) -> tuple[str, str]:
    """Two texts: what is around the first character in which they differ."""
    pairs = zip(actual, expected, strict=False)
    first = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(actual), len(expected)))
    if first < _AROUND:
        return f"is {summary(actual)}", f"expected {summary(expected)}"
    excerpts = [f'"…{summary(text[first - _AROUND :])[1:]}' for text in (actual, expected)]
    return f"is {excerpts[0]}", f"expected {excerpts[1]} (from character {first})"


def summary(value: Any) -> str:
    """A value as JSON, shortened; any other object as Python shows it."""
    try:
        return value_summary(value)
    except (TypeError, ValueError):  # ANY and approx(), for example, are not JSON
        return repr(value)
