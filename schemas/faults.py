"""Bodies of faults."""

from __future__ import annotations

import math
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from state.faults import BACKEND, LONGEST, MOMENTS, OPS

from .fields import Field
from .members import Control, Flag, Whole, Word
from .problems import Problem


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


class Latency(Field):
    """Seconds, or two of them to draw from between."""

    default_error_messages = {"null": Problem(f"Input should be seconds up to {LONGEST:g}, or [low, high]", "seconds")}

    def openapi(self) -> dict[str, Any]:
        seconds = {"type": "number", "minimum": 0, "maximum": LONGEST}
        return {"anyOf": [seconds, {"type": "array", "items": seconds, "minItems": 2, "maxItems": 2}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float | list[float]:
        if _is_number(value, LONGEST):
            return float(value)
        if isinstance(value, list) and len(value) == 2 and all(_is_number(one, LONGEST) for one in value):
            return [float(one) for one in value]
        raise ValidationError([self.error_messages["null"]])


class Chance(Field):
    """A probability."""

    default_error_messages = {"null": Problem("Input should be a number from 0 to 1", "probability")}

    def openapi(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": 1}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not _is_number(value, 1) or math.isnan(value):
            raise ValidationError([self.error_messages["null"]])
        return float(value)


class Index(Field):
    """A map index, or a pattern for it."""

    default_error_messages = {"null": Problem("Input should be a map index, or a pattern for it", "map_index")}

    def openapi(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": -1}, {"type": "string", "minLength": 1}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise ValidationError([self.error_messages["null"]])
        return str(value)


class Patterns(Control):
    """Patterns for whose state; all that are given have to fit."""

    dag_id = Word(least=1)
    run_id = Word(least=1)
    task_id = Word(least=1)
    map_index = Index()
    asset = Word(least=1)


class Fault(Control):
    """Which calls, on which of them, and what happens then."""

    op = Word(validate=validate.OneOf(OPS))
    scope = fields.Nested(Patterns)
    key = Word(least=1)
    nth = Whole(least=1)
    times = Whole(least=1)
    probability = Chance()
    seed = Whole(least=-(2**63))
    status = Whole(least=400, most=599)
    after = Flag()
    latency = Latency()
    close = Word(validate=validate.OneOf(MOMENTS))
    truncate = Flag()
    backend = Word(validate=validate.OneOf(BACKEND))


class Counted(Fault):
    """A fault, how many calls it was asked about and fitted, and how often it fired."""

    id = fields.Int(required=True)
    matched = fields.Int(required=True)
    fired = fields.Int(required=True)


class Faults(Schema):
    """All faults, in the order they are asked."""

    faults = fields.List(fields.Nested(Counted), required=True)


class Scope(Control):
    """A task instance by its coordinates, or an asset by its name."""

    dag_id = Word()
    run_id = Word()
    task_id = Word()
    map_index = Whole(least=-1)
    asset = Word()


class TakeBody(Control):
    """A call that a worker is about to make of its backend."""

    op = Word(required=True, validate=validate.OneOf(OPS[:-1]))
    scope = fields.Nested(Scope, required=True)
    key = Word(allow_none=True)


class BackendFault(Schema):
    """What the worker's backend is to do wrong."""

    id = fields.Int(required=True)
    backend = fields.Str(required=True, validate=validate.OneOf(BACKEND))
    delay = fields.Float(required=True)


class Taken(Schema):
    """The fault of a backend's call, or null."""

    fault = fields.Nested(BackendFault, required=True, allow_none=True)
