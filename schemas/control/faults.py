"""Bodies of faults."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from state.model.faults import BACKEND, MOMENTS, OPS

from ..base import Control
from ..fields.control import Chance, Flag, Index, Latency, Whole, Word


class Patterns(Control):
    """Patterns for the scope; all of them must match."""

    dag_id = Word(least=1)
    run_id = Word(least=1)
    task_id = Word(least=1)
    map_index = Index()
    asset = Word(least=1)


class Fault(Control):
    """A fault: the calls that it matches, when it fires, and the failure."""

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
    """A fault, and how many calls it has matched and failed."""

    id = fields.Int(required=True)
    matched = fields.Int(required=True)
    fired = fields.Int(required=True)


class Faults(Schema):
    """All faults, in the order of matching."""

    faults = fields.List(fields.Nested(Counted), required=True)


class Scope(Control):
    """A task instance by its coordinates, or an asset by its name."""

    dag_id = Word()
    run_id = Word()
    task_id = Word()
    map_index = Whole(least=-1)
    asset = Word()


class TakeBody(Control):
    """A call to a worker's backend, before it is made."""

    op = Word(required=True, validate=validate.OneOf(OPS[:-1]))
    scope = fields.Nested(Scope, required=True)
    key = Word(allow_none=True)


class BackendFault(Schema):
    """The failure of a call to a worker's backend."""

    id = fields.Int(required=True)
    backend = fields.Str(required=True, validate=validate.OneOf(BACKEND))
    delay = fields.Float(required=True)


class Taken(Schema):
    """The fault of a call to a backend, or null."""

    fault = fields.Nested(BackendFault, required=True, allow_none=True)
