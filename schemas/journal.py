"""Bodies of the journal."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields

from .execution import Parameters
from .fields import Field, Integer, Text, Truth, UtcDateTime
from .problems import Problem

MOST = 1000  # events in one answer
LONGEST_WAIT = 60  # seconds


class Seconds(Field):
    """A number of seconds in a query, to wait."""

    def openapi(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= LONGEST_WAIT:
            raise ValidationError([Problem(f"Input should be seconds, from 0 to {LONGEST_WAIT}", "seconds")])
        return seconds


class ScopeQuery(Parameters):
    """A task instance by its coordinates, or an asset by its name, or neither."""

    dag_id = Text()
    run_id = Text()
    task_id = Text()
    map_index = Integer(least=-1, load_default=-1)
    asset = Text()


class JournalQuery(ScopeQuery):
    """Which events: those after a number, and how long to wait, in seconds, if there is none yet.

    Of more than ``limit`` it is the first ones, or the last ones with ``newest``; always in their order.
    """

    after = Integer(least=0, load_default=0)
    wait = Seconds(load_default=0.0)
    limit = Integer(least=1, load_default=100)
    newest = Truth(load_default=False)
    op = Text()
    api = Text()
    key = Text()
    ti_id = Text()


class Actor(Schema):
    """Who it was."""

    kind = fields.Str(required=True)
    ti_id = fields.Str(required=True, allow_none=True)
    try_number = fields.Int(required=True, allow_none=True)


class Event(Schema):
    """One thing that happened; ``value`` is absent where there is none."""

    seq = fields.Int(required=True)
    at = UtcDateTime(required=True)
    real_at = fields.Float(required=True)
    actor = fields.Nested(Actor, required=True)
    api = fields.Str(required=True)
    op = fields.Str(required=True)
    scope = fields.Dict(required=True, allow_none=True)
    key = fields.Str(required=True, allow_none=True)
    status = fields.Int(required=True, allow_none=True)
    value = fields.Raw(allow_none=True)
    kind = fields.Str(required=True, allow_none=True)
    expires_at = UtcDateTime(required=True, allow_none=True)
    expires_by = fields.Str(required=True, allow_none=True)
    parent = fields.Int(required=True, allow_none=True)
    saw = fields.Int(required=True, allow_none=True)
    note = fields.Str(required=True, allow_none=True)


class Events(Schema):
    """Events in their order, and the numbers of the oldest and the newest that are kept."""

    events = fields.List(fields.Nested(Event), required=True)
    oldest = fields.Int(required=True)
    last = fields.Int(required=True)
