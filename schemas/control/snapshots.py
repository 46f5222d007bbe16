"""Bodies of snapshots and of a key's story."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Text, UtcDateTime


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
