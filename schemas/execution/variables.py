"""Variables."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from ..base import Parameters, StrictSchema
from ..fields.airflow import Integer, Text
from ..fields.control import Word


class VariablePath(Parameters):
    """The path of a variable; Airflow checks its key twice, for access and for the route."""

    variable_key = Text(least=1, times=2, required=True)


class VariableKeysQuery(Parameters):
    """Which keys of variables, and which page of them."""

    prefix = Text(load_default="")
    limit = Integer(least=1, most=10_000, load_default=1000)
    offset = Integer(least=0, load_default=0)


class VariablePostBody(StrictSchema):
    """Set a variable."""

    val = Word(required=True, allow_none=True)
    description = Word(allow_none=True, load_default=None)


class VariablePostBodyByName(StrictSchema):
    """The same with the name that the value has in Airflow's model, which takes both."""

    val = Word(required=True, allow_none=True, data_key="value")
    description = Word(allow_none=True, load_default=None)


_VARIABLE = VariablePostBody()
_VARIABLE_BY_NAME = VariablePostBodyByName()


def variable_body(data: Any) -> Schema:
    """The schema that a body which sets a variable has to match."""
    if isinstance(data, dict) and "value" in data and "val" not in data:
        return _VARIABLE_BY_NAME
    return _VARIABLE


class VariableResponse(StrictSchema):
    """A variable; the SDK refuses further members."""

    key = fields.Str(required=True)
    value = fields.Str(required=True)


class VariableKeysResponse(StrictSchema):
    """A page of keys of variables, and the number of all that match."""

    keys = fields.List(fields.Str(), required=True)
    total_entries = fields.Int(required=True)


class VariableSetResponse(StrictSchema):
    """The variable was set."""

    message = fields.Str(required=True)
