"""What Stateroom's own bodies are made of: members, and a schema that can name those that it does not know."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from state import values

from .fields import Field, Text
from .problems import EXTRA, NOT_AN_OBJECT, Problem

_MOST = 2**63 - 1  # in a column of SQLite
_NUMBER = Problem("Input should be a whole number", "int_type")


class Whole(Field):
    """A JSON whole number that a database row can hold."""

    def __init__(self, *, least: int, most: int = _MOST, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    default_error_messages = {"null": _NUMBER}

    def openapi(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError([_NUMBER])
        if not self.least <= value <= self.most:
            limit = "below 2^63" if self.most == _MOST else f"at most {self.most}"
            raise ValidationError([Problem(f"Input should be at least {self.least} and {limit}", "out_of_range")])
        return value


class Word(Text):
    """A string that a database and a header can hold: no lone surrogate."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if values.broken_text(text, names=False):
            raise ValidationError([Problem(f"Input should be Unicode text; {values.LONE_SURROGATE}", "string_unicode")])
        return text


class Flag(Field):
    """A JSON boolean."""

    default_error_messages = {"null": Problem("Input should be true or false", "bool_type")}

    def openapi(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError([self.error_messages["null"]])
        return value


class Control(Schema):
    """A body whose unknown members are ignored, or refused when loaded with ``unknown=RAISE``."""

    error_messages = {"unknown": EXTRA, "type": NOT_AN_OBJECT}

    class Meta:
        unknown = EXCLUDE


def unknown_members(schema: Schema, data: Any, where: str = "") -> list[str]:
    """The places of the members that a schema does not know, such as ``task_instances[0].ref``."""
    if not isinstance(data, dict):
        return []
    known = {field.data_key or name: field for name, field in schema.fields.items()}
    found = [f"{where}{name}" for name in data if name not in known]
    for name, field in known.items():
        inner, value = field, data.get(name)
        if isinstance(inner, fields.Nested):
            found += unknown_members(inner.schema, value, f"{where}{name}.")
        elif isinstance(inner, fields.List) and isinstance(inner.inner, fields.Nested) and isinstance(value, list):
            for index, item in enumerate(value):
                found += unknown_members(inner.inner.schema, item, f"{where}{name}[{index}].")
    return found
