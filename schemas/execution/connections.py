"""Connections."""

from __future__ import annotations

from marshmallow import Schema, fields


class ConnectionResponse(Schema):
    """A connection with its secrets."""

    conn_id = fields.Str(required=True)
    conn_type = fields.Str(required=True)
    host = fields.Str(required=True, allow_none=True)
    schema = fields.Str(required=True, allow_none=True)
    login = fields.Str(required=True, allow_none=True)
    password = fields.Str(required=True, allow_none=True)
    port = fields.Int(required=True, allow_none=True)
    extra = fields.Str(required=True, allow_none=True)
