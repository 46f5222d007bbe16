"""Bodies of the gateway: values as tasks see them."""

from __future__ import annotations

from ..base import Control, Parameters
from ..fields.airflow import JsonValue, Text
from ..fields.control import Retention


class KeyOption(Parameters):
    """Which key."""

    key = Text(least=1, required=True)


class ValueBody(Control):
    """A value to be set through the gateway."""

    value = JsonValue(required=True)
    retention = Retention()
