"""Bodies and queries of the Execution API (2026-06-30, Airflow 3.3.2), named as in Airflow."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from .fields import Field, JsonValue, Text, UtcDateTime, Uuid4
from .problems import EXTRA, NOT_AN_OBJECT, Problem

_NOT_A_DICT = Problem("Input should be a valid dictionary", "dict_type")
_UNION_FAULTS = [
    Problem(str(_NOT_A_DICT), "dict_type", loc=(
        "dict[str,json-or-python[json=any,python=tagged-union[list[...],dict[str,...],str,bool,int,float,none]]]",
    )),
    Problem("Input should be a valid string", "string_type", loc=("str",)),
]  # fmt: skip
_CLOCK = r"\d{2,}:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
_DURATION = re.compile(
    rf"[+-]?(?:P(?=.)(?:\d+(?:[.,]\d+)?[YMWD])*(?:T(?:\d+(?:[.,]\d+)?[HMS])*)?"
    rf"|(?:\d+ ?[dD](?:ays?)?(?:,? ?{_CLOCK})?)|{_CLOCK})",
    re.ASCII,
)


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


class HealthcheckResponse(StrictSchema):
    """That the Execution API answers."""

    status = fields.Str(required=True)


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
        self.states = states
        quoted = [f"'{state}'" for state in states]
        expected = " or ".join([", ".join(quoted[:-1]), quoted[-1]])
        if literal:
            expected = f"<{literal}.{states[0].upper()}: '{states[0]}'>"
        kind = "literal_error" if literal else "enum"
        self.error_messages["null"] = Problem(f"Input should be {expected}", kind, {"expected": expected})

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.states)}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value not in self.states:
            raise ValidationError([self.error_messages["null"]])
        return value


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

    default_error_messages = {"null": Problem("Input should be a valid list", "list_type")}

    def __init__(self, schema: type[Schema] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema() if schema else None

    def openapi(self) -> dict[str, Any]:
        return {"type": "array", "items": self.schema or {"type": "object"}}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError([self.error_messages["null"]])
        errors: dict[Any, Any] = {}
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                errors[index] = [NOT_AN_OBJECT if self.schema else _NOT_A_DICT]
            elif self.schema and (found := self.schema.validate(item)):
                errors[index] = found
        if errors:
            raise ValidationError(errors)
        return value


class Mapping(Field):
    """An object with any members.

    :param or_text: take a text too: the kwargs of a trigger may be encrypted.
    """

    def __init__(self, *, or_text: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.types: tuple[type, ...] = (dict, str) if or_text else (dict,)
        self.faults = _UNION_FAULTS if or_text else [_NOT_A_DICT]

    def openapi(self) -> dict[str, Any]:
        return {"type": ["object", "string"] if str in self.types else "object"}

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        if value is None:
            raise ValidationError(self.faults)
        return super().deserialize(value, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, self.types):
            raise ValidationError(self.faults)
        return value


class Number(Field):
    """A number, or a text that is one."""

    def openapi(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not isinstance(value, int | float | str):
            raise ValidationError([Problem("Input should be a valid number", "float_type")])
        try:
            return float(value)
        except (ValueError, OverflowError):
            message = "Input should be a valid number, unable to parse string as a number"
            raise ValidationError([Problem(message, "float_parsing")]) from None


class Duration(Field):
    """A span of time: seconds, ISO 8601, or ``[days] hours:minutes[:seconds]``."""

    def openapi(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, int | float | str):
            raise ValidationError([Problem("Input should be a valid timedelta", "time_delta_type")])
        if isinstance(value, str) and not _DURATION.fullmatch(value):
            raise ValidationError([Problem("Input should be a valid timedelta", "time_delta_parsing")])
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
    trigger_kwargs = Mapping(or_text=True)
    trigger_timeout = Duration(allow_none=True)
    queue = Text(allow_none=True)
    next_method = Text(required=True)
    next_kwargs = Mapping()
    rendered_map_index = Text(allow_none=True)


class TIRescheduleStatePayload(StrictSchema):
    """A sensor asks to be run again later."""

    state = OneOf("up_for_reschedule", literal="IntermediateTIState")
    reschedule_date = UtcDateTime(required=True)
    end_date = UtcDateTime(required=True)


class TIAwaitingInputStatePayload(StrictSchema):
    """A task instance waits for a person."""

    state = OneOf("awaiting_input", literal="IntermediateTIState")
    timeout = Duration(allow_none=True)
    next_method = Text(required=True)
    next_kwargs = Mapping()
    rendered_map_index = Text(allow_none=True)


class TIRetryStatePayload(StrictSchema):
    """A task instance has failed and will be tried again."""

    state = OneOf("up_for_retry", literal="IntermediateTIState")
    end_date = UtcDateTime(required=True)
    rendered_map_index = Text(allow_none=True)
    retry_delay_seconds = Number(allow_none=True)
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
