"""The health of the Execution API."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import StrictSchema


class HealthcheckResponse(StrictSchema):
    """The health of the Execution API."""

    status = fields.Str(required=True)


class PingResponse(Schema):
    """The checks of the Execution API that passed, and those that failed with their errors."""

    ok = fields.List(fields.Str(), required=True)
    failing = fields.Dict(required=True)
