"""The base classes of schemas: strict bodies, parameters, and Stateroom's own bodies."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from .fields.problems import EXTRA, NOT_AN_OBJECT


class StrictSchema(Schema):
    """A body in which unknown members are refused."""

    error_messages = {"unknown": EXTRA, "type": NOT_AN_OBJECT}

    class Meta:
        unknown = RAISE


class BareBody(Schema):
    """A body that is one value instead of an object; subclasses declare it as ``value``."""

    @property
    def may_be_missing(self) -> bool:
        """Whether it may be null, which is the same to Airflow as no body."""
        return self.fields["value"].allow_none

    def load(self, data: Any, **kwargs: Any) -> Any:
        try:
            return self.fields["value"].deserialize(data)
        except ValidationError as error:
            messages = error.messages
            if isinstance(messages, list):
                messages = {"_schema": messages}
            raise ValidationError(messages) from None


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
    """The paths of the members that a schema does not define, such as ``task_instances[0].ref``.

    :param where: the prefix of the paths.
    """
    if not isinstance(data, dict):
        return []
    known = {field.data_key or name: field for name, field in schema.fields.items()}
    unknown = [f"{where}{name}" for name in data if name not in known]
    for name, field in known.items():
        value = data.get(name)
        if isinstance(field, fields.Nested):
            unknown += unknown_members(field.schema, value, f"{where}{name}.")
        elif (
            isinstance(field, fields.List)
            and isinstance(field.inner, fields.Nested)
            and isinstance(value, list)
        ):
            for index, item in enumerate(value):
                unknown += unknown_members(field.inner.schema, item, f"{where}{name}[{index}].")
    return unknown
