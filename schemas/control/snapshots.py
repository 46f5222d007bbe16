"""Bodies of snapshots."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Text, UtcDateTime


class Snapshot(Schema):
    """A snapshot; ``size`` is the number of bytes of its values and XComs, as JSON."""

    name = fields.Str(required=True)
    taken_at = UtcDateTime(required=True)
    keys = fields.Int(required=True)
    size = fields.Int(required=True)


class Snapshots(Schema):
    """All snapshots of a namespace, by name."""

    snapshots = fields.List(fields.Nested(Snapshot), required=True)
    total_entries = fields.Int(required=True)


class DiffQuery(Parameters):
    """The snapshots to compare; the default of ``b`` is the current state."""

    a = Text(least=1, required=True)
    b = Text(least=1)


class Held(Schema):
    """A key in only one of the two."""

    scope = fields.Dict(required=True)
    key = fields.Str(required=True)
    value = fields.Raw(required=True, allow_none=True)


class Changed(Schema):
    """A key with different values."""

    scope = fields.Dict(required=True)
    key = fields.Str(required=True)
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class ChangedXCom(Schema):
    """An XCom in only one of the two, or with different values."""

    scope = fields.Dict(required=True)
    key = fields.Str(required=True)
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class CurrentAttempt(Schema):
    """The current attempt of a task instance."""

    id = fields.Str(required=True)
    state = fields.Str(required=True, allow_none=True)
    try_number = fields.Int(required=True)


class ChangedTaskInstance(Schema):
    """A task instance in only one of the two, or with another attempt or state."""

    scope = fields.Dict(required=True)
    before = fields.Nested(CurrentAttempt)
    after = fields.Nested(CurrentAttempt)


class Diff(Schema):
    """The differences between two snapshots; the last two lists are missing where they are
    empty.
    """

    added = fields.List(fields.Nested(Held), required=True)
    removed = fields.List(fields.Nested(Held), required=True)
    changed = fields.List(fields.Nested(Changed), required=True)
    xcoms = fields.List(fields.Nested(ChangedXCom))
    task_instances = fields.List(fields.Nested(ChangedTaskInstance))
