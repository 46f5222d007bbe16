"""Fields of a task instance's state report: tagged unions, mappings, numbers, durations."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, validate

from .airflow import LaxInteger
from .base import Field
from .control import Word
from .problems import MISSING, NOT_AN_OBJECT, Problem

TASK_INSTANCE_STATES = (
    *("removed", "scheduled", "queued", "running", "success", "restarting", "failed"),
    *("up_for_retry", "up_for_reschedule", "upstream_failed", "skipped", "deferred"),
    "awaiting_input",
)
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
_MOST_SECONDS = 86_400 * 1_000_000_000  # Python's timedelta has fewer days
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
        super().__init__(**{"required": True, "validate": validate.OneOf(states), **kwargs})
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
    """A span of time: seconds, ISO 8601, or ``[days] hours:minutes[:seconds]``; its value is the
    seconds. A year has 365 days and a month 30, as for pydantic.
    """

    problem = Problem("Input should be a valid timedelta", "time_delta_parsing")

    def openapi(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, int | float | str):
            raise ValidationError([Problem("Input should be a valid timedelta", "time_delta_type")])
        if isinstance(value, str) and not _DURATION.fullmatch(value):
            raise ValidationError([self.problem])
        if isinstance(value, str):
            value = _seconds(value)
        if not abs(value) < _MOST_SECONDS:
            raise ValidationError([self.problem])
        return value


_DATE_UNITS = {"Y": 365 * 86_400, "M": 30 * 86_400, "W": 7 * 86_400, "D": 86_400}
_TIME_UNITS = {"H": 3600, "M": 60, "S": 1}


def _seconds(text: str) -> float:
    """The seconds of a text that ``_DURATION`` matches."""
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-").replace(",", ".")
    if text.startswith("P"):
        date, _, time = text[1:].partition("T")
        return sign * (_sum(date, _DATE_UNITS) + _sum(time, _TIME_UNITS))
    days = re.match(r"\d+(?= ?[dD])", text)
    seconds = int(days[0]) * 86_400.0 if days else 0.0
    clock = re.search(r"\d+(?::[\d.]+)+", text)
    if clock:
        sizes = (3600, 60, 1)
        parts = clock[0].split(":")
        seconds += sum(float(part) * size for part, size in zip(parts, sizes, strict=False))
    return sign * seconds


def _sum(text: str, units: dict[str, int]) -> float:
    """The seconds of numbers with units, such as ``1H30M``."""
    parts = re.findall(r"([\d.]+)([A-Z])", text)
    return sum(float(number) * units[unit] for number, unit in parts)


class TasksToSkip(Field):
    """A list of task ids, each alone or in a list with its map index.

    The value is a list of pairs of both.

    :param alone: the map index of a task id alone.
    """

    def __init__(self, *, alone: int | None = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alone = alone

    default_error_messages = {"null": Problem("Input should be a valid list", "list_type")}

    def openapi(self) -> dict[str, Any]:
        task = {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 2, "maxItems": 2}]}
        return {"type": "array", "items": task}

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> list[tuple[str, int | None]]:
        if not isinstance(value, list):
            raise ValidationError([self.error_messages["null"]])
        tasks: list[tuple[str, int | None]] = []
        errors: dict[Any, Any] = {}
        for index, item in enumerate(value):
            try:
                tasks.append(_task(item, self.alone))
            except ValidationError as error:
                errors[index] = error.messages
        if errors:
            raise ValidationError(errors)
        return tasks


def _task(item: Any, alone: int | None) -> tuple[str, int | None]:
    """A task id and a map index; what is wrong is told as by pydantic, for either form."""
    if isinstance(item, str):
        return Word().deserialize(item), alone
    not_a_text = Problem("Input should be a valid string", "string_type", loc=("str",))
    pair = ("tuple[str, int]",)
    if not isinstance(item, list):
        not_a_pair = Problem("Input should be a valid tuple", "tuple_type", loc=pair)
        raise ValidationError([not_a_text, not_a_pair])
    problems = [not_a_text]
    values: list[Any] = []
    for position, kind in enumerate((Word(), LaxInteger())):
        loc = (*pair, position)
        if position >= len(item):
            problems.append(Problem(str(MISSING), "missing", loc=loc))
            continue
        try:
            values.append(kind.deserialize(item[position]))
        except ValidationError as error:
            found: Any = error.messages
            problems += [Problem(str(one), one.type, one.ctx, loc) for one in found]
    if len(item) > 2:
        message = f"Tuple should have at most 2 items after validation, not {len(item)}"
        ctx = {"field_type": "Tuple", "max_length": 2, "actual_length": len(item)}
        problems.append(Problem(message, "too_long", ctx, pair))
    if len(problems) > 1:
        raise ValidationError(problems)
    task_id, map_index = values
    return task_id, map_index
