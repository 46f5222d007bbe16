"""Task instances: what they need to run, and what they report."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import BareBody, Parameters, StrictSchema
from ..fields.airflow import JsonObject, LaxInteger, LaxTruth, Text, UtcDateTime, Uuid4
from ..fields.control import Word
from ..fields.task_states import Duration, Mapping, Members, Number, OneOf, TasksToSkip
from .dag_runs import DagRun


class TaskInstancePath(Parameters):
    """The path of a task instance."""

    task_instance_id = Uuid4(required=True)


class TIEnterRunningPayload(StrictSchema):
    """A process begins to run a task instance."""

    state = OneOf("running", literal="TaskInstanceState")
    hostname = Word(required=True)
    unixname = Word(required=True)
    pid = LaxInteger(required=True)
    start_date = UtcDateTime(required=True)


class TIHeartbeatInfo(StrictSchema):
    """A process still runs a task instance."""

    hostname = Text(required=True)
    pid = LaxInteger(required=True)


class RenderedFields(BareBody):
    """The rendered template fields of a task instance, by their names."""

    value = JsonObject(required=True)


class RenderedMapIndex(BareBody):
    """The label of a mapped task instance."""

    value = Word(required=True)


class TISkippedDownstreamTasksStatePayload(StrictSchema):
    """The task instances to skip: a task id each, or a task id with a map index."""

    tasks = TasksToSkip(required=True)


class RenderedFieldsResponse(StrictSchema):
    """The fields were stored."""

    message = fields.Str(required=True)


class TIRunContext(Schema):
    """What a task needs to run; the last three members only where it resumes after a deferral.

    :cvar multi_team: for clients from 2026-10-30 on, as the start of the first reschedule.
    """

    dag_run = fields.Nested(DagRun, required=True)
    task_reschedule_count = fields.Int(required=True)
    max_tries = fields.Int(required=True)
    variables = fields.List(fields.Dict(), required=True)
    connections = fields.List(fields.Dict(), required=True)
    xcom_keys_to_clear = fields.List(fields.Str(), required=True)
    should_retry = fields.Bool(required=True)
    multi_team = fields.Bool()
    first_task_reschedule_start_date = UtcDateTime()
    next_method = fields.Str()
    next_kwargs = fields.Dict()
    start_date = UtcDateTime()


class TITerminalStatePayload(StrictSchema):
    """A task instance has ended without success."""

    state = OneOf("failed", "skipped", "removed", "upstream_failed")
    end_date = UtcDateTime(required=True)
    rendered_map_index = Word(allow_none=True)


class AssetProfile(StrictSchema):
    """An outlet of a task."""

    name = Word(allow_none=True)
    uri = Word(allow_none=True)
    type = Text(required=True)


class TISuccessStatePayload(StrictSchema):
    """A task instance has succeeded."""

    state = OneOf("success", literal="TerminalTIState")
    end_date = UtcDateTime(required=True)
    task_outlets = Members(AssetProfile)
    outlet_events = Members()
    rendered_map_index = Word(allow_none=True)


class TITargetStatePayload(StrictSchema):
    """A task instance has a state without further members."""

    state = OneOf(
        "scheduled",
        "queued",
        "restarting",
        "up_for_retry",
        "up_for_reschedule",
        "deferred",
        "awaiting_input",
    )


class TIDeferredStatePayload(StrictSchema):
    """A task instance waits for a trigger."""

    state = OneOf("deferred", literal="IntermediateTIState")
    classpath = Text(required=True)
    trigger_kwargs = Mapping(or_text=True)
    trigger_timeout = Duration(allow_none=True)
    queue = Text(allow_none=True)
    next_method = Word(required=True)
    next_kwargs = Mapping()
    rendered_map_index = Word(allow_none=True)


class TIRescheduleStatePayload(StrictSchema):
    """A sensor is to be run again later."""

    state = OneOf("up_for_reschedule", literal="IntermediateTIState")
    reschedule_date = UtcDateTime(required=True)
    end_date = UtcDateTime(required=True)


class TIAwaitingInputStatePayload(StrictSchema):
    """A task instance waits for a person."""

    state = OneOf("awaiting_input", literal="IntermediateTIState")
    timeout = Duration(allow_none=True)
    next_method = Word(required=True)
    next_kwargs = Mapping()
    rendered_map_index = Word(allow_none=True)


class TIRetryStatePayload(StrictSchema):
    """A task instance has failed and will be retried."""

    state = OneOf("up_for_retry", literal="IntermediateTIState")
    end_date = UtcDateTime(required=True)
    rendered_map_index = Word(allow_none=True)
    retry_delay_seconds = Number(allow_none=True)
    retry_reason = Text(allow_none=True)


class LoopDecisionPayload(StrictSchema):
    """What the gate of a loop has decided; nothing here reads it."""

    stop = LaxTruth(required=True)
    reason = Word(allow_none=True)


SERVER_TERMINATED = "server_terminated"


class TITerminalStateOf34(TITerminalStatePayload):
    """The same for clients from 2026-10-30 on, which may also say that a worker has ended its task,
    as it was told.
    """

    state = OneOf("failed", "skipped", "removed", "upstream_failed", SERVER_TERMINATED)
    retry_reason = Word(allow_none=True)
    hostname = Word(allow_none=True)
    pid = LaxInteger(allow_none=True)
    loop_decision = fields.Nested(LoopDecisionPayload, allow_none=True)


class TISuccessStateOf34(TISuccessStatePayload):
    """A success as clients from 2026-10-30 on report it."""

    loop_decision = fields.Nested(LoopDecisionPayload, allow_none=True)


TI_STATE_UPDATE: dict[str, Schema] = {
    "_terminal_": TITerminalStatePayload(),
    "success": TISuccessStatePayload(),
    "_other_": TITargetStatePayload(),
    "deferred": TIDeferredStatePayload(),
    "up_for_reschedule": TIRescheduleStatePayload(),
    "awaiting_input": TIAwaitingInputStatePayload(),
    "up_for_retry": TIRetryStatePayload(),
}
"""``TIStateUpdate``: a body must match one of these, else Airflow lists the errors of each."""
TI_STATE_UPDATE_OF_34: dict[str, Schema] = {
    **TI_STATE_UPDATE,
    "_terminal_": TITerminalStateOf34(),
    "success": TISuccessStateOf34(),
}
"""The same for clients from 2026-10-30 on."""
