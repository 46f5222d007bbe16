"""The login."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import StrictSchema
from ..fields.airflow import Text


class LoginBody(StrictSchema):
    """Username and password, for a token."""

    username = Text(required=True)
    password = Text(required=True)


class LoginResponse(Schema):
    """A token of the Core API."""

    access_token = fields.Str(required=True)
