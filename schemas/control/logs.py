"""Bodies of the logs of attempts."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from state.model.log_records import MOST

from ..base import Control
from ..fields.airflow import JsonObject
from ..fields.control import Whole


class LogBody(Control):
    """Records of a log, as Airflow's supervisor writes them; ``left_out`` is the number of those
    before them that are not sent.
    """

    records = fields.List(JsonObject(), required=True, validate=validate.Length(max=MOST))
    left_out = Whole(least=0, most=2**31, load_default=0)


class Log(Schema):
    """The log of an attempt: its last records, each with ``real_at``, when it was logged in seconds
    since 1970; and how many records before them are not stored.
    """

    records = fields.List(fields.Dict(), required=True)
    left_out = fields.Int(required=True)
