"""Bodies of explanations."""

from __future__ import annotations

from marshmallow import Schema, fields

from .fields import Text, UtcDateTime, Uuid4
from .journal import ScopeQuery


class ExplainQuery(ScopeQuery):
    """Which key: of a task instance, of an asset, or of the task instance that an attempt's id names."""

    key = Text(required=True, least=1)
    ti_id = Uuid4()


class Miss(Schema):
    """Where a key is that is not in the place that was asked, or a key that is nearly it."""

    scope = fields.Dict(required=True)
    key = fields.Str(required=True)
    why = fields.Str(required=True)


class Explanation(Schema):
    """When a key goes and why it is still readable, or why it is not there; ``expires_by`` says by whose clock."""

    key = fields.Str(required=True)
    scope = fields.Dict(required=True, allow_none=True)
    found = fields.Bool(required=True)
    sentence = fields.Str(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True)
    expired = fields.Bool(required=True)
    expires_by = fields.Str(required=True, allow_none=True)
    near = fields.List(fields.Nested(Miss), required=True)
