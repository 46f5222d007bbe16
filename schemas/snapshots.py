"""Bodies of snapshots and of a key's story."""

from __future__ import annotations

from marshmallow import Schema, fields

from .execution import Parameters
from .fields import Text, UtcDateTime
from .journal import Event, ScopeQuery


class Snapshot(Schema):
    """A snapshot; ``size`` is that of its values' JSON texts, in characters."""

    name = fields.Str(required=True)
    taken_at = UtcDateTime(required=True)
    keys = fields.Int(required=True)
    size = fields.Int(required=True)


class Snapshots(Schema):
    """All snapshots of a namespace, by name."""

    snapshots = fields.List(fields.Nested(Snapshot), required=True)
    total_entries = fields.Int(required=True)


class DiffQuery(Parameters):
    """From which snapshot, and to which; to now, if no ``b`` is given."""

    a = Text(least=1, required=True)
    b = Text(least=1)


class Held(Schema):
    """A key that only one side has."""

    scope = fields.Dict(required=True)
    key = fields.Str(required=True)
    value = fields.Raw(required=True, allow_none=True)


class Changed(Schema):
    """A key that is different."""

    scope = fields.Dict(required=True)
    key = fields.Str(required=True)
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class Diff(Schema):
    """What changed."""

    added = fields.List(fields.Nested(Held), required=True)
    removed = fields.List(fields.Nested(Held), required=True)
    changed = fields.List(fields.Nested(Changed), required=True)


class HistoryQuery(ScopeQuery):
    """Which key; ``at`` is a moment of the namespace's clock, or an event's number."""

    key = Text(least=1, required=True)
    at = Text(least=1)


class Change(Event):
    """An event that changed the key; ``lost`` is the number of the write that it overwrote without having read it."""

    lost = fields.Int(required=True, allow_none=True)


class History(Schema):
    """What changed a key, oldest first; or, asked with ``at``, what it was then and by which event."""

    history = fields.List(fields.Nested(Change))
    found = fields.Bool()
    value = fields.Raw(allow_none=True)
    event = fields.Nested(Change, allow_none=True)
