"""Fields that accept what pydantic accepts: JSON values, times, integers, booleans, strings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID as Uuid

from marshmallow import ValidationError

from state.model import values
from state.model.clock import to_text

from . import datetimes
from .base import Field
from .problems import Problem, value_error

DEFAULT = "default"  # expires_at: apply [state_store] default_retention_days
NULL_VALUE = value_error("value cannot be null")
_NOT_A_MOMENT = Problem("Input should be a valid datetime", "datetime_type")
_NOT_JSON = Problem("input was not a valid JSON value", "invalid-json-value")
_NO_ZONE = Problem("Input should have timezone info", "timezone_aware")
_INTEGER = re.compile(r"([+-]?)0*(\d+(?:_\d+)*)(?:\.0+)?", re.ASCII)
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_HYPHENATED = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(rf"[0-9a-fA-F]{{32}}|(?:urn:uuid:)?{_HYPHENATED}|\{{{_HYPHENATED}\}}")
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})
_Located = tuple[Any, tuple[str | int, ...]]
_MAX_DEPTH = 254  # levels, the limit of pydantic's JsonValue


class JsonValue(Field):
    """Any JSON value but null, nested no deeper than pydantic allows.

    :param nested_nan: whether NaN and Infinity may stand inside a container (the Execution API,
        3.3.2).
    :param limit: maximum number of characters of its JSON text (``max_value_storage_bytes``); 0 for
        no limit.
    """

    default_error_messages = {"null": NULL_VALUE}

    def __init__(self, *, nested_nan: bool = False, limit: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.nested_nan = nested_nan
        self.limit = limit

    def openapi(self) -> dict[str, Any]:
        return {"type": ["array", "boolean", "number", "object", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        _refuse(_too_deep(value, _MAX_DEPTH))
        if self.nested_nan:
            if isinstance(value, float) and values.not_finite(value):
                message = "value must be a finite number; NaN and Inf are not JSON representable"
                raise ValidationError([value_error(message)])
        elif values.not_finite(value):
            message = "value contains non-finite numbers; NaN and Inf are not JSON representable"
            raise ValidationError([value_error(message)])
        if self.limit > 0 and len(values.dumps(value)) > self.limit:
            message = (
                f"value exceeds max_value_storage_bytes ({self.limit}); raise [state_store] "
                "max_value_storage_bytes or set it to 0 to disable the limit"
            )
            raise ValidationError([value_error(message)])
        return value


class Unparsed(str):
    """A body that is not JSON, by its content type."""


class AnyJson(Field):
    """Any JSON value, null included, nested no deeper than pydantic allows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def openapi(self) -> dict[str, Any]:
        return {}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Unparsed):
            raise ValidationError([_NOT_JSON])
        _refuse(_too_deep(value, _MAX_DEPTH + 1))  # no object around it is a level too
        return value


class JsonObject(Field):
    """An object whose members are JSON values, null included."""

    default_error_messages = {"null": Problem("Input should be a valid dictionary", "dict_type")}

    def openapi(self) -> dict[str, Any]:
        return {"type": "object"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError([self.error_messages["null"]])
        members = (_too_deep(item, _MAX_DEPTH + 1, (name,)) for name, item in value.items())
        _refuse(list(itertools.chain.from_iterable(members)))
        return value


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise ValidationError(problems)


def _too_deep(value: Any, most: int, location: tuple[str | int, ...] = ()) -> list[Problem]:
    """The problems of a value that is nested too deep, one for each member beyond the depth.

    :param most: levels.
    :param location: of the value; the problems have pydantic's locations.
    """
    if not isinstance(value, dict | list):
        return []
    level: list[_Located] = [(value, location)]
    for _ in range(most - 1):
        level = list(_members(level, dict | list))
        if not level:
            return []
    message = "Recursion error - maximum validation depth exceeded"
    return [
        Problem(message, "recursion_depth_exceeded", loc=place, echo=False)
        for _, place in _members(level, object)
    ]


def _members(level: list[_Located], type_: Any) -> Iterator[_Located]:
    """The members of containers that have a type, each with its location."""
    for container, location in level:
        pairs: Iterable[tuple[Any, Any]]
        if isinstance(container, list):
            kind = "list"
            pairs = enumerate(container)
        else:
            kind = "dict"
            pairs = container.items()
        for index, item in pairs:
            if isinstance(item, type_):
                yield item, (*location, kind, index)


class UtcDateTime(Field):
    """An aware moment, in any of pydantic's spellings."""

    default_error_messages = {"null": _NOT_A_MOMENT}

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return _moment(value)
        except _Rejected as rejected:
            raise ValidationError([rejected.problem]) from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Moments(Field):
    """A query parameter that may be given several times, each an aware moment."""

    def openapi(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "format": "date-time"}}

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> list[datetime]:
        moments: list[datetime] = []
        errors: dict[int, list[str]] = {}
        for index, item in enumerate(value):
            try:
                moments.append(_moment(item))
            except _Rejected as rejected:
                errors[index] = [rejected.problem]
        if errors:
            raise ValidationError(errors)
        return moments


class ExpiresAt(UtcDateTime):
    """An aware moment, null or ``default``: the Core API's union, with an error per member."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def openapi(self) -> dict[str, Any]:
        return {"anyOf": [super().openapi(), {"const": DEFAULT}, {"type": "null"}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value == DEFAULT:
            return DEFAULT
        try:
            return _moment(value)
        except _Rejected as rejected:
            as_moment = rejected.problem
        echo = as_moment.echo
        ctx = {"expected": "'default'"}
        loc = ("literal['default']",)
        as_word = Problem("Input should be 'default'", "literal_error", ctx, loc, echo)
        raise ValidationError(
            [Problem(as_moment, as_moment.type, as_moment.ctx, ("datetime",), echo), as_word]
        )


class _Rejected(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def _moment(value: Any) -> datetime:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _Rejected(_NOT_A_MOMENT)
        if isinstance(value, str):
            moment = datetimes.from_string(value)
        else:
            moment = datetimes.from_number(value)
    except ValueError as error:
        as_date = isinstance(value, str) and not isinstance(error, datetimes.YearZero)
        expected = "datetime"
        kind = "datetime_parsing"
        if as_date:
            expected = "datetime or date"
            kind = "datetime_from_date_parsing"
        raise _Rejected(
            Problem(f"Input should be a valid {expected}, {error}", kind, {"error": str(error)})
        ) from None
    if moment.tzinfo is None:
        raise _Rejected(_NO_ZONE)
    try:
        to_text(moment)
    except OverflowError:
        # not repeated in "input": clients that parse times in responses fail on this one
        message = f"Value error, {value!r} lies in UTC outside the years 1 to 9999"
        raise _Rejected(Problem(message, "value_error", {"error": {}}, echo=False)) from None
    return moment


_TOO_LARGE = Problem(
    "Unable to parse input string as an integer, exceeded maximum size", "int_parsing_size"
)


class Integer(Field):
    """An integer in a query or path, in pydantic's spellings (``1``, ``+1``, ``01``, ``1.0``…).

    :param least: the minimum.
    :param most: the maximum.
    :param times: how often Airflow's list repeats an error.
    """

    def __init__(
        self, *, least: int | None = None, most: int | None = None, times: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.least = least
        self.most = most
        self.times = times

    def openapi(self) -> dict[str, Any]:
        properties: dict[str, Any] = {"type": "integer"}
        if self.least is not None:
            properties["minimum"] = self.least
        if self.most is not None:
            properties["maximum"] = self.most
        return properties

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        try:
            number = _integer(value)
        except _Rejected as rejected:
            raise ValidationError([rejected.problem] * self.times) from None
        if self.least is not None and number < self.least:
            message = f"Input should be greater than or equal to {self.least}"
            problem = Problem(message, "greater_than_equal", {"ge": self.least})
            raise ValidationError([problem] * self.times)
        if self.most is not None and number > self.most:
            message = f"Input should be less than or equal to {self.most}"
            problem = Problem(message, "less_than_equal", {"le": self.most})
            raise ValidationError([problem] * self.times)
        return number


def _integer(text: str) -> int:
    match = _INTEGER.fullmatch(text.strip(_BLANKS))
    if not match:
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise _Rejected(Problem(message, "int_parsing"))
    try:
        return int(match[1] + match[2])
    except ValueError:
        raise _Rejected(_TOO_LARGE) from None


class LaxInteger(Field):
    """An integer in a body, in what pydantic takes for one: ``1``, ``1.0``, ``"1"``, ``true``."""

    default_error_messages = {"null": Problem("Input should be a valid integer", "int_type")}

    def openapi(self) -> dict[str, Any]:
        return {"type": ["integer", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str):
            try:
                return _integer(value)
            except _Rejected as rejected:
                raise ValidationError([rejected.problem]) from None
        if not isinstance(value, int | float):
            raise ValidationError([self.error_messages["null"]])
        if isinstance(value, float) and not value.is_integer():
            message = "Input should be a valid integer, got a number with a fractional part"
            raise ValidationError([Problem(message, "int_from_float")])
        if isinstance(value, float) and abs(value) >= 2**63:  # pydantic reads it as 64 bits
            raise ValidationError([_TOO_LARGE])
        return int(value)


class Truth(Field):
    """A boolean in a query, in pydantic's spellings.

    :param times: how often Airflow's list repeats an error.
    """

    def __init__(self, *, times: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = times

    def openapi(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        word = value.lower()
        if word not in _TRUE | _FALSE:
            message = "Input should be a valid boolean, unable to interpret input"
            raise ValidationError([Problem(message, "bool_parsing")] * self.times)
        return word in _TRUE


class LaxTruth(Truth):
    """A boolean in a body: also 0, 1 and the spellings of a query."""

    default_error_messages = {"null": Problem("Input should be a valid boolean", "bool_type")}

    def openapi(self) -> dict[str, Any]:
        return {"type": ["boolean", "integer", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, str):
            return super()._deserialize(value, attr, data, **kwargs)
        if isinstance(value, int | float) and value in (0, 1):
            return bool(value)
        if isinstance(value, int):
            return super()._deserialize(str(value), attr, data, **kwargs)
        raise ValidationError([self.error_messages["null"]])


class Text(Field):
    """A string.

    :param least: the minimum number of characters.
    :param most: the maximum number of characters; None for any.
    :param times: how often Airflow's list repeats an error.
    """

    def __init__(
        self, *, least: int = 0, most: int | None = None, times: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.least = least
        self.most = most
        self.times = times

    default_error_messages = {"null": Problem("Input should be a valid string", "string_type")}

    def openapi(self) -> dict[str, Any]:
        properties: dict[str, Any] = {"type": "string"}
        if self.least:
            properties["minLength"] = self.least
        if self.most is not None:
            properties["maxLength"] = self.most
        return properties

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError([self.error_messages["null"]])
        if len(value) < self.least:
            message = f"String should have at least {self.least} character"
            raise ValidationError(
                [Problem(message, "string_too_short", {"min_length": self.least})] * self.times
            )
        if self.most is not None and len(value) > self.most:
            message = f"String should have at most {self.most} characters"
            raise ValidationError([Problem(message, "string_too_long", {"max_length": self.most})])
        return value


class Place(Field):
    """A member's name or an item's index, in the location of an error."""

    def openapi(self) -> dict[str, Any]:
        return {"type": ["string", "integer"]}


class Uuid4(Field):
    """A UUID in a path or a query; its value is the canonical spelling.

    :param times: how often Airflow's list repeats an error.
    """

    def __init__(self, *, times: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = times

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        uuid = canonical_uuid(value)
        if uuid is not None:
            return uuid
        error = "it is not 32 hexadecimal digits"
        raise ValidationError(
            [Problem(f"Input should be a valid UUID, {error}", "uuid_parsing", {"error": error})]
            * self.times
        )


def canonical_uuid(text: Any) -> str | None:
    """The canonical spelling of a UUID in any of pydantic's spellings, else None."""
    if not isinstance(text, str):
        return None
    return _canonical_uuid(text)


@lru_cache(maxsize=1024)
def _canonical_uuid(text: str) -> str | None:
    if _UUID.fullmatch(text):
        return str(Uuid(text))
    return None


class Texts(Field):
    """A query parameter that may be given several times."""

    def openapi(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        return list(value)
