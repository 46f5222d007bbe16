"""Secrets of a fixture document that stand in the service's environment: ``{"$env": NAME}`` in
place of a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import BadDocument

MEMBER = "$env"
# no other variable can be read, so that a document never gets at what else the service was given
PREFIXES = ("STATEROOM_CONN_", "STATEROOM_VAR_")
PARTS = ("variables", "connections")  # of a document


def is_placeholder(value: Any) -> bool:
    """Whether a value names a variable of the environment that documents may read."""
    if not isinstance(value, dict) or set(value) != {MEMBER}:
        return False
    name = value[MEMBER]
    return isinstance(name, str) and re.fullmatch(rf"({'|'.join(PREFIXES)})\w+", name) is not None


def resolved(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """A document with the values of the environment in place of the names of its variables.

    :raises BadDocument: with the place and the variable's name, if it is not set.
    """
    parts = {
        part: [
            _with_values(item, f"{part}[{index}]", environ)
            for index, item in enumerate(document[part])
        ]
        for part in PARTS
        if part in document
    }
    return {**document, **parts}


def _with_values(item: dict[str, Any], where: str, environ: Mapping[str, str]) -> dict[str, Any]:
    return {member: _value(value, f"{where}.{member}", environ) for member, value in item.items()}


def _value(value: Any, where: str, environ: Mapping[str, str]) -> Any:
    if not is_placeholder(value):
        return value
    name = value[MEMBER]
    if name not in environ:
        message = f"the environment variable {name} is not set; start the service with it"
        raise BadDocument(where, message)
    return environ[name]


class Placeholders:
    """Makes the placeholders of one document, each with a name of its own."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def of_variable(self, key: str) -> dict[str, str]:
        return self._make(f"STATEROOM_VAR_{_word(key)}")

    def of_connection(self, conn_id: str, member: str) -> dict[str, str]:
        return self._make(f"STATEROOM_CONN_{_word(conn_id)}_{_word(member)}")

    def _make(self, name: str) -> dict[str, str]:
        """A placeholder of this name or, if it is taken, of the next one with a number."""
        free = name
        number = 1
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return {MEMBER: free}


def _word(text: str) -> str:
    """A text as a part of a variable's name."""
    return re.sub(r"[^A-Z0-9]", "_", text.upper())
