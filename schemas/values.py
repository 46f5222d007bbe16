"""Bodies of the gateway: values as tasks see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import ValidationError

from state.retention import NEVER_EXPIRE

from .execution import Parameters
from .fields import Field, JsonValue, Text
from .members import Control
from .problems import Problem

_LONGEST = 10_000 * 366 * 86_400  # seconds; what lies beyond the year 9999 is refused by the calendar


class Retention(Field):
    """How long an entry lives: seconds, or ``never``."""

    default_error_messages = {"null": Problem("Input should be a number of seconds, or never", "retention")}

    def openapi(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": _LONGEST}, {"const": "never"}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        if value == "never":
            return NEVER_EXPIRE
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
            raise ValidationError([self.error_messages["null"]])
        return timedelta(seconds=value)


class KeyOption(Parameters):
    """Which key."""

    key = Text(least=1, required=True)


class ValueBody(Control):
    """A value to be set through the gateway."""

    value = JsonValue(required=True)
    retention = Retention()
