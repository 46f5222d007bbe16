"""The bodies of errors, as the description of the APIs shows them; ``web.errors`` writes them."""

from __future__ import annotations

from marshmallow import Schema, fields

from .fields.airflow import Place


class HTTPExceptionResponse(Schema):
    """What was wrong, in words."""

    detail = fields.Str(required=True)


class ValidationItem(Schema):
    """One input that does not fit: pydantic's type of fault, the place, words, the input."""

    type = fields.Str(required=True)
    loc = fields.List(Place(), required=True)
    msg = fields.Str(required=True)
    input = fields.Raw()
    ctx = fields.Dict()


class HTTPValidationError(Schema):
    """Every input that does not fit."""

    detail = fields.List(fields.Nested(ValidationItem), required=True)


class Reason(Schema):
    """A word for programs and a sentence for people."""

    reason = fields.Str(required=True)
    message = fields.Str(required=True)
    previous_state = fields.Str(allow_none=True)


class ReasonResponse(Schema):
    """Why it was refused."""

    detail = fields.Nested(Reason, required=True)


class Fault(Schema):
    """A place in the body, and what is wrong there."""

    where = fields.Str(required=True)
    message = fields.Str(required=True)


class ControlReason(Schema):
    """Why a request failed: reason, message, place, backend error, what became of the row."""

    reason = fields.Str(required=True)
    message = fields.Str(required=True)
    where = fields.Str()
    errors = fields.List(fields.Nested(Fault))
    class_ = fields.Str(data_key="class")
    row = fields.Str()


class ControlResponse(Schema):
    """Why Stateroom's own API refused."""

    detail = fields.Nested(ControlReason, required=True)
