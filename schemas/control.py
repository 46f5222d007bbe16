"""Stateroom's own bodies: the fixture document, task instances, assets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, validate

from state import values
from state.references import HEALTH, OLDER_THAN
from state.retention import NEVER_EXPIRE

from .execution import Parameters
from .fields import Field, Integer, JsonValue, Text, Truth, UtcDateTime, Uuid4
from .problems import EXTRA, NOT_AN_OBJECT, Problem

STATES = (
    "removed scheduled queued running success restarting failed up_for_retry up_for_reschedule upstream_failed "
    "skipped deferred awaiting_input"
).split()
_MOST = 2**63 - 1  # in a column of SQLite
_LONGEST = 10_000 * 366 * 86_400  # seconds; what lies beyond the year 9999 is refused by the calendar
_NUMBER = Problem("Input should be a whole number", "int_type")


class Whole(Field):
    """A JSON whole number that a database row can hold."""

    def __init__(self, *, least: int, most: int = _MOST, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    default_error_messages = {"null": _NUMBER}

    def openapi(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError([_NUMBER])
        if not self.least <= value <= self.most:
            limit = "below 2^63" if self.most == _MOST else f"at most {self.most}"
            raise ValidationError([Problem(f"Input should be at least {self.least} and {limit}", "out_of_range")])
        return value


class Word(Text):
    """A string that a database and a header can hold: no lone surrogate."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if values.broken_text(text, names=False):
            raise ValidationError([Problem(f"Input should be Unicode text; {values.LONE_SURROGATE}", "string_unicode")])
        return text


class Flag(Field):
    """A JSON boolean."""

    default_error_messages = {"null": Problem("Input should be true or false", "bool_type")}

    def openapi(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError([self.error_messages["null"]])
        return value


class Control(Schema):
    """A body whose unknown members are ignored, or refused when loaded with ``unknown=RAISE``."""

    error_messages = {"unknown": EXTRA, "type": NOT_AN_OBJECT}

    class Meta:
        unknown = EXCLUDE


class Config(Control):
    """A namespace's settings, which override those of the start."""

    clear_on_success = Flag()
    default_retention_days = Whole(least=-(2**31))
    max_value_storage_bytes = Whole(least=0)
    maximum_page_limit = Whole(least=1)
    state_cleanup_batch_size = Whole(least=0)
    jwt_secret = Word(least=1, allow_none=True)


class Coordinates(Control):
    """Which task instance."""

    dag_id = Word(least=1, required=True)
    run_id = Word(least=1, required=True)
    task_id = Word(least=1, required=True)
    map_index = Whole(least=-1)


class DagRun(Control):
    """A dag run."""

    dag_id = Word(least=1, required=True)
    run_id = Word(least=1, required=True)
    logical_date = UtcDateTime(allow_none=True)
    run_after = UtcDateTime(allow_none=True)
    state = Word(validate=validate.OneOf(["queued", "running", "success", "failed"]))


class TaskInstance(Coordinates):
    """An attempt of a task instance; a new id for known coordinates is the next attempt."""

    id = Uuid4(required=True)
    state = Word(allow_none=True, validate=validate.OneOf(STATES))
    try_number = Whole(least=0)
    max_tries = Whole(least=0)


class Asset(Control):
    """An asset."""

    id = Whole(least=-(2**63), required=True)
    name = Word(least=1, required=True)
    uri = Word(least=1, required=True)
    active = Flag(load_default=True)


class TaskEntry(Coordinates):
    """An entry of a task instance."""

    key = Word(required=True)
    value = JsonValue(required=True, nested_nan=True)
    expires_at = UtcDateTime(allow_none=True)
    updated_at = UtcDateTime(allow_none=True)


class LastUpdatedBy(Control):
    """Who wrote an asset's entry."""

    kind = Word(required=True, validate=validate.OneOf(["task", "watcher", "api"]))
    dag_id = Word(allow_none=True)
    run_id = Word(allow_none=True)
    task_id = Word(allow_none=True)
    map_index = Whole(least=-1, allow_none=True)


class AssetEntry(Control):
    """An entry of an asset, by the asset's name; by its id too, where several have the name (one of them active)."""

    asset = Word(least=1, required=True)
    asset_id = Whole(least=-(2**63))
    key = Word(required=True)
    value = JsonValue(required=True, nested_nan=True)
    updated_at = UtcDateTime(allow_none=True)
    last_updated_by = fields.Nested(LastUpdatedBy, allow_none=True)


class Fixture(Control):
    """All that a namespace holds, or a part of it."""

    config = fields.Nested(Config)
    dag_runs = fields.List(fields.Nested(DagRun))
    task_instances = fields.List(fields.Nested(TaskInstance))
    assets = fields.List(fields.Nested(Asset))
    task_state_store = fields.List(fields.Nested(TaskEntry))
    asset_state_store = fields.List(fields.Nested(AssetEntry))


class TaskInstanceBody(Control):
    """Make a task instance, or its next attempt."""

    dag_id = Word(least=1, required=True)
    run_id = Word(least=1)
    task_id = Word(least=1, required=True)
    map_index = Whole(least=-1, load_default=-1)
    try_number = Whole(least=1)


class AssetBody(Control):
    """Make an asset; without a uri it is the name, as in Airflow."""

    name = Word(least=1, required=True)
    uri = Word(least=1)


class ResetOptions(Control):
    """What to return to: the fixture loaded at start, or nothing at all."""

    to = Text(validate=validate.OneOf(["empty"]))


class StrictOption(Control):
    """Whether members that the body's schema does not know are refused."""

    strict = Truth(load_default=False)


class CleanOptions(Control):
    """Whether expired entries are only counted."""

    dry_run = Truth(load_default=False)


class BackendHealth(Schema):
    """The backend of the gateway, and how many calls it has."""

    class Meta:
        unknown = INCLUDE

    name = fields.Str(required=True, allow_none=True)


class Health(Schema):
    """Whether the service is ready, and which one it is."""

    status = fields.Str(required=True)
    version = fields.Str(required=True)
    compat = fields.Str(required=True)
    database = fields.Str(required=True)
    backend = fields.Nested(BackendHealth, required=True)
    uptime = fields.Float(required=True)
    realm = fields.Str()
    problem = fields.Str()


class TaskInstanceMade(Schema):
    """A task instance, and a token for its worker."""

    id = Uuid4(required=True)
    dag_id = fields.Str(required=True)
    run_id = fields.Str(required=True)
    task_id = fields.Str(required=True)
    map_index = fields.Int(required=True)
    try_number = fields.Int(required=True)
    token = fields.Str(required=True)


class AssetMade(Schema):
    """An active asset."""

    id = fields.Int(required=True)
    name = fields.Str(required=True)
    uri = fields.Str(required=True)


class Cleaned(Schema):
    """How many entries were removed, or with ``dry_run`` had expired."""

    removed = fields.Int()
    expired = fields.Int()


class Retention(Field):
    """How long an entry lives: seconds, or ``never``."""

    default_error_messages = {"null": Problem("Input should be a number of seconds, or never", "retention")}

    def openapi(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": _LONGEST}, {"const": "never"}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        if value == "never":
            return NEVER_EXPIRE
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
            raise ValidationError([self.error_messages["null"]])
        return timedelta(seconds=value)


class KeyOption(Parameters):
    """Which key."""

    key = Text(least=1, required=True)


class ValueBody(Control):
    """A value to be set through the gateway."""

    value = JsonValue(required=True)
    retention = Retention()


class ReferencesQuery(Parameters):
    """A page of the references."""

    limit = Integer(least=0, load_default=50)
    offset = Integer(least=0, load_default=0)
    health = Text(validate=validate.OneOf(HEALTH))
    backend = Text()


class OrphansQuery(Parameters):
    """A page of the orphans, and how old one has to be to be removable."""

    limit = Integer(least=0, load_default=50)
    offset = Integer(least=0, load_default=0)
    older_than = Integer(least=0, load_default=OLDER_THAN)


class WrittenBy(Schema):
    """Who wrote a reference."""

    kind = fields.Str(required=True, allow_none=True)
    ti_id = fields.Str(required=True, allow_none=True)


class Reference(Schema):
    """A reference, its credentials masked, and what is known of the object behind it."""

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
    """A reference that could not be checked, and what the backend said."""

    id = fields.Int(required=True)
    message = fields.Str(required=True)


class Checked(Schema):
    """How the references of a page are; ``next`` is where to go on after."""

    checked = fields.Int(required=True)
    remaining = fields.Int(required=True)
    next = fields.Int(required=True, allow_none=True)
    health = fields.Dict(values=fields.Int(), required=True)
    errors = fields.List(fields.Nested(CheckFault), required=True)


class Orphan(Schema):
    """An object that no row points at, and what would become of it, or did."""

    ref = fields.Str(required=True)
    size = fields.Int(required=True, allow_none=True)
    written_at = UtcDateTime(required=True)
    verdict = fields.Str(required=True)


class Orphans(Schema):
    """A page of the orphans."""

    orphans = fields.List(fields.Nested(Orphan), required=True)
    total_entries = fields.Int(required=True)


class Removed(Schema):
    """Which orphans were removed, which were left and why, and whether there are more."""

    removed = fields.List(fields.Nested(Orphan), required=True)
    left = fields.List(fields.Nested(Orphan), required=True)
    more = fields.Bool(required=True)


class CheckBody(Control):
    """Which references to check now."""

    after = Whole(least=0, load_default=0)
    limit = Whole(least=1, load_default=50)


class RemoveBody(Control):
    """Which orphans to remove now; ``confirm`` has to be true."""

    older_than = Whole(least=0, load_default=OLDER_THAN)
    limit = Whole(least=1, load_default=200)
    confirm = Flag(required=True)


def unknown_members(schema: Schema, data: Any, where: str = "") -> list[str]:
    """The places of the members that a schema does not know, such as ``task_instances[0].ref``."""
    if not isinstance(data, dict):
        return []
    known = {field.data_key or name: field for name, field in schema.fields.items()}
    found = [f"{where}{name}" for name in data if name not in known]
    for name, field in known.items():
        inner, value = field, data.get(name)
        if isinstance(inner, fields.Nested):
            found += unknown_members(inner.schema, value, f"{where}{name}.")
        elif isinstance(inner, fields.List) and isinstance(inner.inner, fields.Nested) and isinstance(value, list):
            for index, item in enumerate(value):
                found += unknown_members(inner.inner.schema, item, f"{where}{name}[{index}].")
    return found
