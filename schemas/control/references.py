"""Bodies of the ledger: references, their health, and orphans."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from state.model.reference_facts import HEALTH, OLDER_THAN, Verdict

from ..base import Control, Parameters
from ..fields.airflow import Integer, Text, UtcDateTime
from ..fields.control import Flag, Whole


class ReferencesQuery(Parameters):
    """A page of the references."""

    limit = Integer(least=0, load_default=50)
    offset = Integer(least=0, load_default=0)
    health = Text(validate=validate.OneOf(HEALTH))
    backend = Text()


class OrphansQuery(Parameters):
    """A page of the orphans, and the minimum age, in seconds, of a removable one."""

    limit = Integer(least=0, load_default=50)
    offset = Integer(least=0, load_default=0)
    older_than = Integer(least=0, load_default=OLDER_THAN)


class Released(Schema):
    """The references that a deletion released, where the headers of its answer lack room."""

    released = fields.List(fields.Str(), required=True)
    kept = fields.Bool(required=True)


class WrittenBy(Schema):
    """The writer of a reference."""

    kind = fields.Str(required=True, allow_none=True)
    ti_id = fields.Str(required=True, allow_none=True)


class Reference(Schema):
    """A reference, with credentials masked, and facts about its object."""

    id = fields.Int(required=True)
    backend = fields.Str(required=True, allow_none=True)
    ref = fields.Str(required=True)
    scope = fields.Dict(required=True, allow_none=True)
    key = fields.Str(required=True, allow_none=True)
    size = fields.Int(required=True, allow_none=True)
    sha256 = fields.Str(required=True, allow_none=True)
    health = fields.Str(required=True, validate=validate.OneOf(HEALTH))
    written_by = fields.Nested(WrittenBy, required=True)
    written_at = UtcDateTime(required=True, allow_none=True)
    checked_at = UtcDateTime(required=True, allow_none=True)
    released_at = UtcDateTime(required=True, allow_none=True)


class References(Schema):
    """A page of the references."""

    references = fields.List(fields.Nested(Reference), required=True)
    total_entries = fields.Int(required=True)


class CheckFault(Schema):
    """A reference that could not be checked, and the backend's error."""

    id = fields.Int(required=True)
    message = fields.Str(required=True)


class Checked(Schema):
    """The health of the references of a page; ``next`` is the ``after`` of the next page."""

    checked = fields.Int(required=True)
    remaining = fields.Int(required=True)
    next = fields.Int(required=True, allow_none=True)
    health = fields.Dict(values=fields.Int(), required=True)
    errors = fields.List(fields.Nested(CheckFault), required=True)


class Orphan(Schema):
    """An object without a row, whether it can be removed or was removed, and the reason."""

    ref = fields.Str(required=True)
    size = fields.Int(required=True, allow_none=True)
    written_at = UtcDateTime(required=True)
    verdict = fields.Str(
        required=True, validate=validate.OneOf([verdict.value for verdict in Verdict])
    )
    why = fields.Str(required=True)


class Orphans(Schema):
    """A page of the orphans."""

    orphans = fields.List(fields.Nested(Orphan), required=True)
    total_entries = fields.Int(required=True)


class Removed(Schema):
    """The orphans that were removed, those that were left, and whether there are more."""

    removed = fields.List(fields.Nested(Orphan), required=True)
    left = fields.List(fields.Nested(Orphan), required=True)
    more = fields.Bool(required=True)


class CheckBody(Control):
    """The references to check."""

    after = Whole(least=0, load_default=0)
    limit = Whole(least=1, load_default=50)


class RemoveBody(Control):
    """The orphans to remove; ``confirm`` must be true."""

    older_than = Whole(least=0, load_default=OLDER_THAN)
    limit = Whole(least=1, load_default=200)
    confirm = Flag(required=True)
