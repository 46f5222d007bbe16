"""Values as Airflow's Task SDK serializes them, read without the classes that they need."""

from __future__ import annotations

import contextlib
from typing import Any

from ..errors import UnreadableValue
from . import values

_CLASS, _VERSION, _DATA = "__classname__", "__version__", "__data__"
_OLD_CLASS, _OLD_DATA = "__type", "__var"
_COLLECTIONS = ("builtins.tuple", "builtins.set", "builtins.frozenset")


class _NeedsAirflow(Exception):
    """Only Airflow's own code can show an object of this class."""


def deserialized(key: str, value: Any) -> Any:
    """A value of an XCom with its serialized objects as text, such as ``a.b.C@version=1(x=2)``.

    JSON in a string is read as JSON. A value with objects of Airflow's own is left as it is; only
    those that a worker has stored as an object, which is the rule, are left so by Airflow too.

    :raises UnreadableValue: if an object in it cannot be decoded; Airflow 3.3.2 answers 500.
    """
    parsed = value
    if isinstance(value, str):
        with contextlib.suppress(ValueError, RecursionError):
            parsed = values.loads(value)
    try:
        return _readable(parsed)
    except _NeedsAirflow:
        return value
    except ValueError as error:
        raise UnreadableValue(key, str(error)) from None
    except RecursionError:
        raise UnreadableValue(key, "it is nested too deeply") from None


def length(value: Any) -> int | None:
    """How many members a collection has; None for another value."""
    if isinstance(value, dict) and value.get(_CLASS) in _COLLECTIONS:
        value = value.get(_DATA)
    if isinstance(value, dict) and _CLASS in value:
        return None
    return len(value) if isinstance(value, list | tuple | dict) else None


def _readable(value: Any) -> Any:
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _OLD_CLASS in value and _OLD_DATA in value:
        if value[_OLD_CLASS] == "dict":
            value = value[_OLD_DATA]
        else:
            value = {_CLASS: value[_OLD_CLASS], _VERSION: 0, _DATA: value[_OLD_DATA]}
        if not isinstance(value, dict):
            raise ValueError(f"a {_OLD_CLASS} 'dict' whose {_OLD_DATA} is no object")
    if _CLASS not in value or _VERSION not in value:
        return {name: _readable(item) for name, item in value.items()}
    return _object(value[_CLASS], value[_VERSION], value.get(_DATA))


def _object(name: Any, version: Any, data: Any) -> str:
    if not isinstance(name, str) or not isinstance(version, int) or not name:
        raise ValueError(f"no class has the {_CLASS} {name!r} and the {_VERSION} {version!r}")
    if name.startswith("airflow."):
        raise _NeedsAirflow
    if name in _COLLECTIONS and isinstance(data, list):
        return f"({_items(data)})"
    return f"{name}@version={version}({_content(data)})"


def _content(data: Any) -> str:
    if data is None:
        return ""
    if isinstance(data, list):
        return _items(data)
    if isinstance(data, dict):
        return ", ".join(f"{name}={_member(item)}" for name, item in data.items())
    return str(data)


def _items(data: list[Any]) -> str:
    return ",".join(str(_readable(item)) for item in data)


def _member(item: Any) -> str:
    if isinstance(item, str):
        return repr(item)
    return str(_readable(item))
