"""Bodies and queries of the Execution API (2026-06-30, Airflow 3.3.2), named as in Airflow."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from .fields import Field, JsonValue, Text, UtcDateTime, Uuid4
from .problems import EXTRA, NOT_AN_OBJECT, Problem


class StrictSchema(Schema):
    """A body in which unknown members are refused."""

    error_messages = {"unknown": EXTRA, "type": NOT_AN_OBJECT}

    class Meta:
        unknown = RAISE


class Parameters(Schema):
    """A path's or a query's parameters; unknown ones are ignored."""

    class Meta:
        unknown = EXCLUDE


class TaskStateStorePath(Parameters):
    """The path of one key of a task instance."""

    task_instance_id = Uuid4(required=True)
    key = Text(least=1, required=True)


class TaskInstancePath(Parameters):
    """The path of a task instance."""

    task_instance_id = Uuid4(required=True)


class TaskStateStorePutBody(StrictSchema):
    """Set a key of a task instance: no size limit, and an expiry that the worker has computed."""

    value = JsonValue(nested_nan=True, required=True)
    expires_at = UtcDateTime(allow_none=True, load_default=None)


class TaskStateStoreResponse(StrictSchema):
    """A key's value, and nothing else: the SDK refuses more."""

    value = fields.Raw(required=True)


class AssetStateStorePutBody(StrictSchema):
    """Set a key of an asset; asset state does not expire."""

    value = JsonValue(nested_nan=True, required=True)


class AssetStateStoreResponse(TaskStateStoreResponse):
    """A key's value, and nothing else."""


class AssetByNameQuery(Parameters):
    """Which asset, by name."""

    name = Text(least=1, required=True)


class AssetByUriQuery(Parameters):
    """Which asset, by uri."""

    uri = Text(least=1, required=True)


class AssetKeyByNameQuery(AssetByNameQuery):
    """Which key of which asset, by name."""

    key = Text(least=1, required=True)


class AssetKeyByUriQuery(AssetByUriQuery):
    """Which key of which asset, by uri."""

    key = Text(least=1, required=True)


class AssetNameQuery(Parameters):
    """Which asset, by a name that may be empty."""

    name = Text(required=True)


class AssetUriQuery(Parameters):
    """Which asset, by a uri that may be empty."""

    uri = Text(required=True)


class AssetResponse(StrictSchema):
    """An asset, as workers see it."""

    name = fields.Str(required=True)
    uri = fields.Str(required=True)
    group = fields.Str(dump_default="asset")
    extra = fields.Dict(dump_default={})


class OneOf(Field):
    """One of a few states.

    :param literal: pydantic's name of a single state's enum, in whose error it says so.
    """

    def __init__(self, *states: str, literal: str = "", **kwargs: Any) -> None:
        super().__init__(required=True, validate=validate.OneOf(states), **kwargs)
        self.states, self.literal = states, literal

    default_error_messages = {"null": Problem("Input should be a valid state", "enum")}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value in self.states:
            return value
        if self.literal:
            expected = f"<{self.literal}.{self.states[0].upper()}: '{self.states[0]}'>"
            raise ValidationError([Problem(f"Input should be {expected}", "literal_error", {"expected": expected})])
        quoted = [f"'{state}'" for state in self.states]
        expected = " or ".join([", ".join(quoted[:-1]), quoted[-1]])
        raise ValidationError([Problem(f"Input should be {expected}", "enum", {"expected": expected})])


class TITerminalStatePayload(StrictSchema):
    """A task instance has ended otherwise than in success."""

    state = OneOf("failed", "skipped", "removed", "upstream_failed")
    end_date = UtcDateTime(required=True)
    rendered_map_index = Text(allow_none=True)


class AssetProfile(StrictSchema):
    """An outlet of a task."""

    name = Text(allow_none=True)
    uri = Text(allow_none=True)
    type = Text(required=True)


class Members(Field):
    """A list of objects, each of which a schema may check."""

    def __init__(self, schema: type[Schema] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema() if schema else None

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError([Problem("Input should be a valid list", "list_type")])
        errors: dict[Any, Any] = {}
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                errors[index] = [
                    NOT_AN_OBJECT if self.schema else Problem("Input should be a valid dictionary", "dict_type")
                ]
            elif self.schema and (found := self.schema.validate(item)):
                errors[index] = found
        if errors:
            raise ValidationError(errors)
        return value


class TISuccessStatePayload(StrictSchema):
    """A task instance has succeeded."""

    state = OneOf("success", literal="TerminalTIState")
    end_date = UtcDateTime(required=True)
    task_outlets = Members(AssetProfile)
    outlet_events = Members()
    rendered_map_index = Text(allow_none=True)


class TITargetStatePayload(StrictSchema):
    """A task instance goes into a state that needs no further facts."""

    state = OneOf(
        "scheduled", "queued", "restarting", "up_for_retry", "up_for_reschedule", "deferred", "awaiting_input"
    )


class TIDeferredStatePayload(StrictSchema):
    """A task instance waits for a trigger."""

    state = OneOf("deferred", literal="IntermediateTIState")
    classpath = Text(required=True)
    trigger_kwargs = fields.Raw()
    trigger_timeout = fields.Raw(allow_none=True)
    queue = Text(allow_none=True)
    next_method = Text(required=True)
    next_kwargs = fields.Dict()
    rendered_map_index = Text(allow_none=True)


class TIRescheduleStatePayload(StrictSchema):
    """A sensor asks to be run again later."""

    state = OneOf("up_for_reschedule", literal="IntermediateTIState")
    reschedule_date = UtcDateTime(required=True)
    end_date = UtcDateTime(required=True)


class TIAwaitingInputStatePayload(StrictSchema):
    """A task instance waits for a person."""

    state = OneOf("awaiting_input", literal="IntermediateTIState")
    timeout = fields.Raw(allow_none=True)
    next_method = Text(required=True)
    next_kwargs = fields.Dict()
    rendered_map_index = Text(allow_none=True)


class TIRetryStatePayload(StrictSchema):
    """A task instance has failed and will be tried again."""

    state = OneOf("up_for_retry", literal="IntermediateTIState")
    end_date = UtcDateTime(required=True)
    rendered_map_index = Text(allow_none=True)
    retry_delay_seconds = fields.Float(allow_none=True)
    retry_reason = Text(allow_none=True)


TI_STATE_UPDATE: dict[str, Schema] = {
    "_terminal_": TITerminalStatePayload(),
    "success": TISuccessStatePayload(),
    "_other_": TITargetStatePayload(),
    "deferred": TIDeferredStatePayload(),
    "up_for_reschedule": TIRescheduleStatePayload(),
    "awaiting_input": TIAwaitingInputStatePayload(),
    "up_for_retry": TIRetryStatePayload(),
}
"""``TIStateUpdate``: a body has to fit one of these; if it fits none, Airflow lists what each has against it."""
