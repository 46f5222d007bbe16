"""Fields and members of the Control API's own bodies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import ValidationError

from state.model import env_secrets, values
from state.model.durations import LONGEST_SPAN
from state.model.faults import LONGEST
from state.model.retention import NEVER_EXPIRE

from .airflow import Text
from .base import Field
from .problems import Problem

_MOST = 2**63 - 1  # in a column of SQLite
_NUMBER = Problem("Input should be a whole number", "int_type")


class Whole(Field):
    """A JSON whole number that a database row can hold."""

    def __init__(self, *, least: int, most: int = _MOST, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least = least
        self.most = most

    default_error_messages = {"null": _NUMBER}

    def openapi(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError([_NUMBER])
        if not self.least <= value <= self.most:
            limit = "below 2^63" if self.most == _MOST else f"at most {self.most}"
            raise ValidationError(
                [Problem(f"Input should be at least {self.least} and {limit}", "out_of_range")]
            )
        return value


class Word(Text):
    """A string without lone surrogates, which neither a database nor a header can hold."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if values.broken_text(text, names=False):
            raise ValidationError(
                [
                    Problem(
                        f"Input should be Unicode text; {values.LONE_SURROGATE}", "string_unicode"
                    )
                ]
            )
        return text


class Secret(Word):
    """A string, or the name of the environment variable that has it: ``{"$env": NAME}``."""

    def openapi(self) -> dict[str, Any]:
        prefixes = "|".join(env_secrets.PREFIXES)
        name = {"type": "string", "pattern": rf"^({prefixes})\w+$"}
        placeholder = {
            "type": "object",
            "properties": {env_secrets.MEMBER: name},
            "required": [env_secrets.MEMBER],
            "additionalProperties": False,
        }
        return {"anyOf": [{"type": "string"}, placeholder]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if env_secrets.is_placeholder(value):
            return value
        if isinstance(value, dict):
            prefixes = " or ".join(env_secrets.PREFIXES)
            message = f'Input should be a string, or {{"$env": NAME}} with a NAME after {prefixes}'
            raise ValidationError([Problem(message, "secret")])
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(Field):
    """A JSON boolean."""

    default_error_messages = {"null": Problem("Input should be true or false", "bool_type")}

    def openapi(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError([self.error_messages["null"]])
        return value


def _is_number(value: Any, least: float, most: float) -> bool:
    """Whether a value is a JSON number between two limits; NaN is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


class Latency(Field):
    """Seconds, or a range of two for a random number."""

    default_error_messages = {
        "null": Problem(f"Input should be seconds up to {LONGEST:g}, or [low, high]", "seconds")
    }

    def openapi(self) -> dict[str, Any]:
        seconds = {"type": "number", "minimum": 0, "maximum": LONGEST}
        return {
            "anyOf": [seconds, {"type": "array", "items": seconds, "minItems": 2, "maxItems": 2}]
        }

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> float | list[float]:
        if _is_number(value, 0, LONGEST):
            return float(value)
        if (
            isinstance(value, list)
            and len(value) == 2
            and all(_is_number(seconds, 0, LONGEST) for seconds in value)
        ):
            return [float(seconds) for seconds in value]
        raise ValidationError([self.error_messages["null"]])


class Chance(Field):
    """A probability."""

    default_error_messages = {
        "null": Problem("Input should be a number from 0 to 1", "probability")
    }

    def openapi(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": 1}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not _is_number(value, 0, 1):
            raise ValidationError([self.error_messages["null"]])
        return float(value)


class Index(Field):
    """A map index, or a pattern for it."""

    default_error_messages = {
        "null": Problem("Input should be a map index, or a pattern for it", "map_index")
    }

    def openapi(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": -1}, {"type": "string", "minLength": 1}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise ValidationError([self.error_messages["null"]])
        return str(value)


LONGEST_WAIT = 60  # seconds


class Seconds(Field):
    """A number of seconds in a query, for a timeout."""

    def openapi(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= LONGEST_WAIT:
            raise ValidationError(
                [Problem(f"Input should be seconds, from 0 to {LONGEST_WAIT}", "seconds")]
            )
        return seconds


class Span(Field):
    """A number of seconds, which may be negative."""

    default_error_messages = {"null": Problem("Input should be a number of seconds", "seconds")}

    def openapi(self) -> dict[str, Any]:
        return {"type": "number", "minimum": -LONGEST_SPAN, "maximum": LONGEST_SPAN}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not _is_number(value, -LONGEST_SPAN, LONGEST_SPAN):
            raise ValidationError([self.error_messages["null"]])
        return float(value)


class Retention(Field):
    """The time until an entry expires: seconds, or ``never``."""

    default_error_messages = {
        "null": Problem("Input should be a number of seconds, or never", "retention")
    }

    def openapi(self) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_SPAN},
                {"const": "never"},
            ]
        }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        if value == "never":
            return NEVER_EXPIRE
        if not _is_number(value, 0, LONGEST_SPAN) or value == 0:
            raise ValidationError([self.error_messages["null"]])
        return timedelta(seconds=value)


class AssetReference(Field):
    """An asset in a fixture document: its ``ref`` there, its name or its id, or an object with its
    name and its uri, for which no asset need exist.
    """

    default_error_messages = {
        "null": Problem(
            "Input should be an asset's ref, name or id, or an object of a name and a uri",
            "asset_reference",
        )
    }

    def openapi(self) -> dict[str, Any]:
        members = {"name": {"type": "string"}, "uri": {"type": "string"}}
        key = {"type": "object", "properties": members, "required": list(members)}
        return {"anyOf": [{"type": ["string", "integer"]}, key]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        is_key = isinstance(value, dict) and sorted(value) == ["name", "uri"]
        texts = list(value.values()) if is_key else [value]
        if not is_number and not all(isinstance(text, str) for text in texts):
            raise ValidationError([self.error_messages["null"]])
        if values.broken_text(value, names=False):
            message = f"Input should be Unicode text; {values.LONE_SURROGATE}"
            raise ValidationError([Problem(message, "string_unicode")])
        return value
