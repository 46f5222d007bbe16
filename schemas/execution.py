"""Bodies and queries of the Execution API (2026-06-30, Airflow 3.3.2), named as in Airflow."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from .base import BareBody, Parameters, StrictSchema
from .fields.airflow import (
    AnyJson,
    Integer,
    JsonObject,
    JsonValue,
    LaxInteger,
    Moments,
    Text,
    Texts,
    Truth,
    UtcDateTime,
    Uuid4,
)
from .fields.control import Word
from .fields.task_states import (
    TASK_INSTANCE_STATES,
    Duration,
    Mapping,
    Members,
    Number,
    OneOf,
    TasksToSkip,
)


class TaskStateStorePath(Parameters):
    """The path of one key of a task instance."""

    task_instance_id = Uuid4(required=True)
    key = Text(least=1, required=True)


class TaskInstancePath(Parameters):
    """The path of a task instance."""

    task_instance_id = Uuid4(required=True)


class TaskStateStorePutBody(StrictSchema):
    """Set a key of a task instance; no size limit, and an expiry computed by the worker."""

    value = JsonValue(nested_nan=True, required=True)
    expires_at = UtcDateTime(allow_none=True, load_default=None)


class TaskStateStoreResponse(StrictSchema):
    """A key's value; the SDK refuses further members."""

    value = fields.Raw(required=True)


class AssetStateStorePutBody(StrictSchema):
    """Set a key of an asset; asset state does not expire."""

    value = JsonValue(nested_nan=True, required=True)


class AssetStateStoreResponse(TaskStateStoreResponse):
    """A key's value."""


class HealthcheckResponse(StrictSchema):
    """The health of the Execution API."""

    status = fields.Str(required=True)


class AssetByNameQuery(Parameters):
    """An asset by its name."""

    name = Text(least=1, required=True)


class AssetByUriQuery(Parameters):
    """An asset by its uri."""

    uri = Text(least=1, required=True)


class AssetKeyByNameQuery(AssetByNameQuery):
    """A key of an asset, by the asset's name."""

    key = Text(least=1, required=True)


class AssetKeyByUriQuery(AssetByUriQuery):
    """A key of an asset, by the asset's uri."""

    key = Text(least=1, required=True)


class AssetNameQuery(Parameters):
    """An asset by its name, which may be empty."""

    name = Text(required=True)


class AssetUriQuery(Parameters):
    """An asset by its uri, which may be empty."""

    uri = Text(required=True)


class AssetResponse(StrictSchema):
    """An asset, as workers see it."""

    name = fields.Str(required=True)
    uri = fields.Str(required=True)
    group = fields.Str(dump_default="asset")
    extra = fields.Dict(dump_default={})


class AssetAliasQuery(Parameters):
    """An asset alias by its name."""

    alias_name = Text(required=True)


class AssetEventsQuery(Parameters):
    """The events of an asset, by its name, its uri or both; either may be empty."""

    name = Text(required=True)
    uri = Text(required=True)
    after = UtcDateTime()
    before = UtcDateTime()
    ascending = Truth(load_default=True)
    limit = Integer()


class AssetAliasEventsQuery(Parameters):
    """The events that came from an asset alias."""

    name = Text(required=True)
    after = UtcDateTime()
    before = UtcDateTime()
    ascending = Truth(load_default=True)
    limit = Integer()


class DagRunAssetReference(StrictSchema):
    """A dag run that consumed an asset event."""

    run_id = fields.Str(required=True)
    dag_id = fields.Str(required=True)
    logical_date = UtcDateTime(required=True, allow_none=True)
    start_date = UtcDateTime(required=True)
    end_date = UtcDateTime(required=True, allow_none=True)
    state = fields.Str(required=True)
    data_interval_start = UtcDateTime(required=True, allow_none=True)
    data_interval_end = UtcDateTime(required=True, allow_none=True)
    partition_key = fields.Str(required=True, allow_none=True)


class AssetEventResponse(Schema):
    """An event of an asset."""

    id = fields.Int(required=True)
    timestamp = UtcDateTime(required=True)
    extra = fields.Dict(required=True)
    asset = fields.Nested(AssetResponse, required=True)
    created_dagruns = fields.List(fields.Nested(DagRunAssetReference), required=True)
    source_task_id = fields.Str(required=True, allow_none=True)
    source_dag_id = fields.Str(required=True, allow_none=True)
    source_run_id = fields.Str(required=True, allow_none=True)
    source_map_index = fields.Int(required=True, allow_none=True)
    partition_key = fields.Str(required=True, allow_none=True)


class AssetEventsResponse(Schema):
    """The events of an asset."""

    asset_events = fields.List(fields.Nested(AssetEventResponse), required=True)


class DagResponse(Schema):
    """A Dag."""

    dag_id = fields.Str(required=True)
    is_paused = fields.Bool(required=True)
    bundle_name = fields.Str(required=True, allow_none=True)
    bundle_version = fields.Str(required=True, allow_none=True)
    relative_fileloc = fields.Str(required=True, allow_none=True)
    owners = fields.Str(required=True, allow_none=True)
    tags = fields.List(fields.Str(), required=True)
    next_dagrun = UtcDateTime(required=True, allow_none=True)


class DagRunsQuery(Parameters):
    """The runs of a Dag; of a filter that is given several times, any value fits."""

    dag_id = Text(required=True)
    logical_dates = Moments()
    run_ids = Texts()
    states = Texts()


class PreviousRunQuery(Parameters):
    """The last run of a Dag before a logical date."""

    logical_date = UtcDateTime(required=True)
    state = OneOf("queued", "running", "success", "failed", required=False)


class PreviousDagRunQuery(PreviousRunQuery):
    """The last run of a Dag before a logical date, with the Dag in the query too."""

    class Meta:
        fields = ("dag_id", "logical_date", "state")
        unknown = EXCLUDE

    dag_id = Text(required=True)


class DagRunStateResponse(Schema):
    """The state of a dag run."""

    state = fields.Str(required=True)


class PrevSuccessfulDagRunResponse(Schema):
    """The last successful run before that of a task instance; null if there is none."""

    data_interval_start = UtcDateTime(dump_default=None, allow_none=True)
    data_interval_end = UtcDateTime(dump_default=None, allow_none=True)
    start_date = UtcDateTime(dump_default=None, allow_none=True)
    end_date = UtcDateTime(dump_default=None, allow_none=True)


class TaskInstanceStatesQuery(Parameters):
    """The task instances of a Dag; of a filter that is given several times, any value fits."""

    dag_id = Text(required=True)
    map_index = Integer()
    task_ids = Texts()
    task_group_id = Text()
    logical_dates = Moments()
    run_ids = Texts()


class TaskInstanceCountQuery(TaskInstanceStatesQuery):
    """The task instances of a Dag in some states, of which ``null`` is none."""

    states = Texts()


class TaskStatesResponse(Schema):
    """The states of task instances, by run and by task."""

    task_states = fields.Dict(required=True)


class PreviousTIQuery(Parameters):
    """The last task instance of a task before a logical date."""

    logical_date = UtcDateTime()
    map_index = Integer(load_default=-1)
    state = OneOf(*TASK_INSTANCE_STATES, required=False)


class PreviousTIResponse(Schema):
    """A task instance of an earlier run."""

    task_id = fields.Str(required=True)
    dag_id = fields.Str(required=True)
    run_id = fields.Str(required=True)
    logical_date = UtcDateTime(required=True, allow_none=True)
    start_date = UtcDateTime(required=True, allow_none=True)
    end_date = UtcDateTime(required=True, allow_none=True)
    state = fields.Str(required=True, allow_none=True)
    try_number = fields.Int(required=True)
    map_index = fields.Int(required=True)
    duration = fields.Float(required=True, allow_none=True)


class BreadcrumbsQuery(Parameters):
    """A dag run."""

    dag_id = Text(required=True)
    run_id = Text(required=True)


class TaskBreadcrumbsResponse(Schema):
    """The task instances of a run that have ended."""

    breadcrumbs = fields.List(fields.Dict(), required=True)


class InactiveAssetsResponse(Schema):
    """The inlets and outlets of a task that are not active assets."""

    inactive_assets = fields.List(fields.Dict(), required=True)


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


class DagRun(Schema):
    """A dag run, as the task of one of its task instances sees it."""

    dag_id = fields.Str(required=True)
    run_id = fields.Str(required=True)
    logical_date = UtcDateTime(required=True, allow_none=True)
    data_interval_start = UtcDateTime(required=True, allow_none=True)
    data_interval_end = UtcDateTime(required=True, allow_none=True)
    run_after = UtcDateTime(required=True)
    start_date = UtcDateTime(required=True, allow_none=True)
    end_date = UtcDateTime(required=True, allow_none=True)
    clear_number = fields.Int(required=True)
    run_type = fields.Str(required=True)
    state = fields.Str(required=True)
    conf = fields.Dict(required=True, allow_none=True)
    triggering_user_name = fields.Str(required=True, allow_none=True)
    consumed_asset_events = fields.List(fields.Dict(), required=True)
    partition_key = fields.Str(required=True, allow_none=True)
    partition_date = UtcDateTime(required=True, allow_none=True)
    note = fields.Str(required=True, allow_none=True)
    team_name = fields.Str(required=True, allow_none=True)


class TIRunContext(Schema):
    """What a task needs to run; the last three members only where it resumes after a deferral."""

    dag_run = fields.Nested(DagRun, required=True)
    task_reschedule_count = fields.Int(required=True)
    max_tries = fields.Int(required=True)
    variables = fields.List(fields.Dict(), required=True)
    connections = fields.List(fields.Dict(), required=True)
    xcom_keys_to_clear = fields.List(fields.Str(), required=True)
    should_retry = fields.Bool(required=True)
    next_method = fields.Str()
    next_kwargs = fields.Dict()
    start_date = UtcDateTime()


class XComPath(Parameters):
    """An XCom's key; two checks of Airflow's look at it."""

    dag_id = Text(required=True)
    run_id = Text(required=True)
    task_id = Text(required=True)
    key = Text(least=1, times=2, required=True)


class XComItemPath(XComPath):
    """One of an XCom's values over all map indices; from the end if the offset is negative."""

    offset = Integer(required=True)


class XComHeadPath(XComPath):
    """An XCom's key, to count its values."""

    key = Text(least=1, required=True)


class XComHeadQuery(Parameters):
    """A map index, which is refused."""

    map_index = Integer(times=2, load_default=None)


class XComQuery(Parameters):
    """Which of an XCom's values: that of a map index, or by an offset in all of them."""

    map_index = Integer(load_default=-1)
    include_prior_dates = Truth(load_default=False)
    offset = Integer(load_default=None)


class XComSliceQuery(Parameters):
    """Which of an XCom's values over all map indices, as in a slice of a list."""

    start = Integer(load_default=None)
    stop = Integer(load_default=None)
    step = Integer(load_default=None)
    include_prior_dates = Truth(load_default=False)


class XComSetQuery(Parameters):
    """Where an XCom is set, and over how many task instances a task can be mapped by it."""

    map_index = Integer(load_default=-1)
    dag_result = Truth(load_default=False)
    mapped_length = Integer(load_default=None)


class XComDeleteQuery(Parameters):
    """The map index of the XCom to delete."""

    map_index = Integer(load_default=-1)


class XComValue(BareBody):
    """An XCom's value; no body is null."""

    value = AnyJson()


class XComResponse(StrictSchema):
    """An XCom, as tasks see it."""

    key = fields.Str(required=True)
    value = fields.Raw(required=True, allow_none=True)


class XComMessage(StrictSchema):
    """The XCom was set or deleted."""

    message = fields.Str(required=True)


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


class VariablePath(Parameters):
    """The path of a variable; Airflow checks its key twice, for access and for the route."""

    variable_key = Text(least=1, times=2, required=True)


class VariableKeysQuery(Parameters):
    """Which keys of variables, and which page of them."""

    prefix = Text(load_default="")
    limit = Integer(least=1, most=10_000, load_default=1000)
    offset = Integer(least=0, load_default=0)


class VariablePostBody(StrictSchema):
    """Set a variable."""

    val = Word(required=True, allow_none=True)
    description = Word(allow_none=True, load_default=None)


class VariablePostBodyByName(StrictSchema):
    """The same with the name that the value has in Airflow's model, which takes both."""

    val = Word(required=True, allow_none=True, data_key="value")
    description = Word(allow_none=True, load_default=None)


_VARIABLE = VariablePostBody()
_VARIABLE_BY_NAME = VariablePostBodyByName()


def variable_body(data: Any) -> Schema:
    """The schema that a body which sets a variable has to match."""
    if isinstance(data, dict) and "value" in data and "val" not in data:
        return _VARIABLE_BY_NAME
    return _VARIABLE


class VariableResponse(StrictSchema):
    """A variable; the SDK refuses further members."""

    key = fields.Str(required=True)
    value = fields.Str(required=True)


class VariableKeysResponse(StrictSchema):
    """A page of keys of variables, and the number of all that match."""

    keys = fields.List(fields.Str(), required=True)
    total_entries = fields.Int(required=True)


class VariableSetResponse(StrictSchema):
    """The variable was set."""

    message = fields.Str(required=True)


class ConnectionResponse(Schema):
    """A connection with its secrets."""

    conn_id = fields.Str(required=True)
    conn_type = fields.Str(required=True)
    host = fields.Str(required=True, allow_none=True)
    schema = fields.Str(required=True, allow_none=True)
    login = fields.Str(required=True, allow_none=True)
    password = fields.Str(required=True, allow_none=True)
    port = fields.Int(required=True, allow_none=True)
    extra = fields.Str(required=True, allow_none=True)


class PingResponse(Schema):
    """The checks of the Execution API that passed, and those that failed with their errors."""

    ok = fields.List(fields.Str(), required=True)
    failing = fields.Dict(required=True)
