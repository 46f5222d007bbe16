"""Connections."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Text


class ConnectionPath(Parameters):
    """The path of a connection; Airflow checks its id twice, for access and for the route."""

    connection_id = Text(least=1, times=2, required=True)


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
