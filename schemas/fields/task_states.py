"""Fields of a task instance's state report: tagged unions, mappings, numbers, durations."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, validate

from .base import Field
from .problems import NOT_AN_OBJECT, Problem

_NOT_A_DICT = Problem("Input should be a valid dictionary", "dict_type")
_UNION_PROBLEMS = [
    Problem(
        str(_NOT_A_DICT),
        "dict_type",
        loc=(
            "dict[str,json-or-python[json=any,python="
            "tagged-union[list[...],dict[str,...],str,bool,int,float,none]]]",
        ),
    ),
    Problem("Input should be a valid string", "string_type", loc=("str",)),
]
_CLOCK = r"\d{2,}:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
_DURATION = re.compile(
    rf"[+-]?(?:P(?=.)(?:\d+(?:[.,]\d+)?[YMWD])*(?:T(?:\d+(?:[.,]\d+)?[HMS])*)?"
    rf"|(?:\d+ ?[dD](?:ays?)?(?:,? ?{_CLOCK})?)|{_CLOCK})",
    re.ASCII,
)


class OneOf(Field):
    """One of a few states.

    :param literal: the name of a single state's enum, for pydantic's error message.
    """

    def __init__(self, *states: str, literal: str = "", **kwargs: Any) -> None:
        super().__init__(required=True, validate=validate.OneOf(states), **kwargs)
        self.states = states
        quoted = [f"'{state}'" for state in states]
        expected = " or ".join([", ".join(quoted[:-1]), quoted[-1]])
        kind = "enum"
        if literal:
            expected = f"<{literal}.{states[0].upper()}: '{states[0]}'>"
            kind = "literal_error"
        self.error_messages["null"] = Problem(
            f"Input should be {expected}", kind, {"expected": expected}
        )

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.states)}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value not in self.states:
            raise ValidationError([self.error_messages["null"]])
        return value


class Members(Field):
    """A list of objects, each of which a schema may check."""

    default_error_messages = {"null": Problem("Input should be a valid list", "list_type")}

    def __init__(self, schema: type[Schema] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = None
        if schema is not None:
            self.schema = schema()

    def openapi(self) -> dict[str, Any]:
        return {"type": "array", "items": self.schema or {"type": "object"}}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError([self.error_messages["null"]])
        errors: dict[Any, Any] = {}
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                errors[index] = [NOT_AN_OBJECT if self.schema else _NOT_A_DICT]
            elif self.schema and (problems := self.schema.validate(item)):
                errors[index] = problems
        if errors:
            raise ValidationError(errors)
        return value


class Mapping(Field):
    """An object with any members.

    :param or_text: accept a string too, since the kwargs of a trigger may be encrypted.
    """

    def __init__(self, *, or_text: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.types: tuple[type, ...] = (dict,)
        self.problems = [_NOT_A_DICT]
        if or_text:
            self.types = (dict, str)
            self.problems = _UNION_PROBLEMS

    def openapi(self) -> dict[str, Any]:
        return {"type": ["object", "string"] if str in self.types else "object"}

    def deserialize(
        self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any
    ) -> Any:
        if value is None:
            raise ValidationError(self.problems)
        return super().deserialize(value, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, self.types):
            raise ValidationError(self.problems)
        return value


class Number(Field):
    """A number, or a string with one."""

    def openapi(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not isinstance(value, int | float | str):
            raise ValidationError([Problem("Input should be a valid number", "float_type")])
        try:
            return float(value)
        except (ValueError, OverflowError):
            message = "Input should be a valid number, unable to parse string as a number"
            raise ValidationError([Problem(message, "float_parsing")]) from None


class Duration(Field):
    """A span of time: seconds, ISO 8601, or ``[days] hours:minutes[:seconds]``."""

    def openapi(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, int | float | str):
            raise ValidationError([Problem("Input should be a valid timedelta", "time_delta_type")])
        if isinstance(value, str) and not _DURATION.fullmatch(value):
            raise ValidationError(
                [Problem("Input should be a valid timedelta", "time_delta_parsing")]
            )
        return value
