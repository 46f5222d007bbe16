"""The bodies of errors, for the description of the APIs; ``web.error_bodies`` writes them."""

from __future__ import annotations

from marshmallow import Schema, fields

from .fields.airflow import Place


class HTTPExceptionResponse(Schema):
    """An error with a message."""

    detail = fields.Str(required=True)


class ValidationItem(Schema):
    """An invalid input: pydantic's type of the error, the location, a message, the input."""

    type = fields.Str(required=True)
    loc = fields.List(Place(), required=True)
    msg = fields.Str(required=True)
    input = fields.Raw()
    ctx = fields.Dict()


class HTTPValidationError(Schema):
    """All invalid inputs."""

    detail = fields.List(fields.Nested(ValidationItem), required=True)


class Reason(Schema):
    """A reason for programs, and a message for people; with the route, if it is not emulated."""

    reason = fields.Str(required=True)
    message = fields.Str(required=True)
    previous_state = fields.Str(allow_none=True)
    route = fields.Str()


class ReasonResponse(Schema):
    """An error with a reason."""

    detail = fields.Nested(Reason, required=True)


class HeartbeatReason(Schema):
    """Why a heartbeat is refused: the state of its task instance, or where that runs instead."""

    reason = fields.Str(required=True)
    message = fields.Str(required=True)
    current_state = fields.Str(allow_none=True)
    current_hostname = fields.Str()
    current_pid = fields.Int(allow_none=True)


class HeartbeatResponse(Schema):
    """A heartbeat that is refused."""

    detail = fields.Nested(HeartbeatReason, required=True)


class Fault(Schema):
    """A path in the body, and the error there."""

    where = fields.Str(required=True)
    message = fields.Str(required=True)


class ControlReason(Schema):
    """An error: reason, message, path, class of a backend error, effect on the row."""

    reason = fields.Str(required=True)
    message = fields.Str(required=True)
    where = fields.Str()
    errors = fields.List(fields.Nested(Fault))
    class_ = fields.Str(data_key="class")
    row = fields.Str()


class ControlResponse(Schema):
    """An error of the Control API."""

    detail = fields.Nested(ControlReason, required=True)
