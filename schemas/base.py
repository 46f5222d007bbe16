"""What every schema starts from: strict, named as in Airflow, or Stateroom's own."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, fields

from .fields.problems import EXTRA, NOT_AN_OBJECT


class StrictSchema(Schema):
    """A body in which unknown members are refused."""

    error_messages = {"unknown": EXTRA, "type": NOT_AN_OBJECT}

    class Meta:
        unknown = RAISE


class Parameters(Schema):
    """A path's or a query's parameters; unknown ones are ignored."""

    class Meta:
        unknown = EXCLUDE


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
        inner = field
        value = data.get(name)
        if isinstance(inner, fields.Nested):
            found += unknown_members(inner.schema, value, f"{where}{name}.")
        elif (
            isinstance(inner, fields.List)
            and isinstance(inner.inner, fields.Nested)
            and isinstance(value, list)
        ):
            for index, item in enumerate(value):
                found += unknown_members(inner.inner.schema, item, f"{where}{name}[{index}].")
    return found
