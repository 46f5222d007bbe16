"""Bodies of the gateway: values, with references resolved."""

from __future__ import annotations

from ..base import Control, Parameters
from ..fields.airflow import JsonValue, Text
from ..fields.control import Retention


class KeyOption(Parameters):
    """A key."""

    key = Text(least=1, required=True)


class ValueBody(Control):
    """Set a key through the gateway."""

    value = JsonValue(required=True)
    retention = Retention()
