"""Bodies and queries of the Core API (Airflow 3.3.2), named as in Airflow."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from .base import Parameters, StrictSchema
from .fields.airflow import DEFAULT, ExpiresAt, Integer, JsonValue, Text, Texts, Truth, UtcDateTime


class TaskScopeQuery(Parameters):
    """The map index of a task instance."""

    map_index = Integer(least=-1, load_default=-1)


class ClearQuery(TaskScopeQuery):
    """The map index to clear, or all of them."""

    all_map_indices = Truth(load_default=False, times=2)  # Airflow validates it twice


class Pagination(Parameters):
    """A page of a list; ``limit`` is cut to ``maximum_page_limit``."""

    limit = Integer(least=0, load_default=50)
    offset = Integer(least=0, load_default=0)


class TaskListQuery(TaskScopeQuery, Pagination):
    """A page of the entries of a task instance."""

    class Meta:
        fields = ("map_index", "limit", "offset")
        unknown = EXCLUDE


class AssetPath(Parameters):
    """An asset by its id."""

    asset_id = Integer(required=True)


class BoundedSchema(StrictSchema):
    """A body whose value is bounded by ``max_value_storage_bytes``."""

    def __init__(self, limit: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["value"].limit = limit  # type: ignore[attr-defined]  # a JsonValue
        self.load_fields["value"] = self.fields["value"]


class TaskStateStoreBody(BoundedSchema):
    """Set a key of a task instance, with an expiry: a moment, null for never, or ``default``."""

    value = JsonValue(required=True)
    expires_at = ExpiresAt(load_default=DEFAULT)


class TaskStateStorePatchBody(BoundedSchema):
    """Replace the value of a key and keep its expiry."""

    value = JsonValue(required=True)


class AssetStateStoreBody(BoundedSchema):
    """Set a key of an asset."""

    value = JsonValue(required=True)


class TaskStateStoreResponse(Schema):
    """An entry of a task instance."""

    key = fields.Str(required=True)
    value = fields.Raw(required=True)
    updated_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True)


class TaskStateStoreCollectionResponse(Schema):
    """A page of the entries of a task instance."""

    task_state_store = fields.List(fields.Nested(TaskStateStoreResponse), required=True)
    total_entries = fields.Int(required=True)


class AssetStateStoreLastUpdatedBy(Schema):
    """The writer of an asset's entry."""

    kind = fields.Str(required=True)
    dag_id = fields.Str(allow_none=True)
    run_id = fields.Str(allow_none=True)
    task_id = fields.Str(allow_none=True)
    map_index = fields.Int(allow_none=True)


class AssetStateStoreResponse(Schema):
    """An entry of an asset."""

    key = fields.Str(required=True)
    value = fields.Raw(required=True)
    updated_at = UtcDateTime(required=True)
    last_updated_by = fields.Nested(AssetStateStoreLastUpdatedBy, allow_none=True)


class AssetStateStoreCollectionResponse(Schema):
    """A page of the entries of an asset."""

    asset_state_store = fields.List(fields.Nested(AssetStateStoreResponse), required=True)
    total_entries = fields.Int(required=True)


class AssetsQuery(Pagination):
    """A page of the assets."""

    name_pattern = Text()
    name_prefix_pattern = Text()
    uri_pattern = Text()
    uri_prefix_pattern = Text()
    dag_ids = Text()
    only_active = Truth(load_default=True)
    order_by = Texts(load_default=["id"])


class LastAssetEventResponse(Schema):
    """The last event of an asset; null if it has none."""

    id = fields.Int(allow_none=True, dump_default=None)
    timestamp = UtcDateTime(allow_none=True, dump_default=None)


class AssetResponse(Schema):
    """An asset."""

    id = fields.Int(required=True)
    name = fields.Str(required=True)
    uri = fields.Str(required=True)
    group = fields.Str(dump_default="asset")
    extra = fields.Dict(dump_default={})
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)
    scheduled_dags = fields.List(fields.Dict(), dump_default=[])
    producing_tasks = fields.List(fields.Dict(), dump_default=[])
    consuming_tasks = fields.List(fields.Dict(), dump_default=[])
    aliases = fields.List(fields.Dict(), dump_default=[])
    watchers = fields.List(fields.Dict(), dump_default=[])
    last_asset_event = fields.Nested(LastAssetEventResponse)


class AssetCollectionResponse(Schema):
    """A page of the assets."""

    assets = fields.List(fields.Nested(AssetResponse), required=True)
    total_entries = fields.Int(required=True)


class MapIndexPath(Parameters):
    """The map index in the path of a task instance."""

    map_index = Integer(required=True)


class DagVersionResponse(Schema):
    """The version of a Dag."""

    id = fields.Str(required=True)
    version_number = fields.Int(required=True)
    dag_id = fields.Str(required=True)
    bundle_name = fields.Str(required=True, allow_none=True)
    bundle_version = fields.Str(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    dag_display_name = fields.Str(required=True)
    bundle_url = fields.Str(required=True, allow_none=True)


class TriggerResponse(Schema):
    """The trigger for which a task instance waits."""

    id = fields.Int(required=True)
    classpath = fields.Str(required=True)
    kwargs = fields.Str(required=True)
    created_date = UtcDateTime(required=True)
    queue = fields.Str(required=True, allow_none=True)
    triggerer_id = fields.Int(required=True, allow_none=True)


class TaskInstanceResponse(Schema):
    """A task instance; pool, queue, operator and their like are Airflow's defaults."""

    id = fields.Str(required=True)
    task_id = fields.Str(required=True)
    dag_id = fields.Str(required=True)
    dag_run_id = fields.Str(required=True)
    map_index = fields.Int(required=True)
    logical_date = UtcDateTime(required=True, allow_none=True)
    run_after = UtcDateTime(required=True)
    start_date = UtcDateTime(required=True, allow_none=True)
    end_date = UtcDateTime(required=True, allow_none=True)
    duration = fields.Float(required=True, allow_none=True)
    state = fields.Str(required=True, allow_none=True)
    try_number = fields.Int(required=True)
    max_tries = fields.Int(required=True)
    task_display_name = fields.Str(required=True)
    dag_display_name = fields.Str(required=True)
    hostname = fields.Str(required=True, allow_none=True)
    unixname = fields.Str(required=True, allow_none=True)
    pool = fields.Str(required=True)
    pool_slots = fields.Int(required=True)
    queue = fields.Str(required=True, allow_none=True)
    priority_weight = fields.Int(required=True, allow_none=True)
    operator = fields.Str(required=True, allow_none=True)
    operator_name = fields.Str(required=True, allow_none=True)
    queued_when = UtcDateTime(required=True, allow_none=True)
    scheduled_when = UtcDateTime(required=True, allow_none=True)
    pid = fields.Int(required=True, allow_none=True)
    executor = fields.Str(required=True, allow_none=True)
    executor_config = fields.Str(required=True)
    note = fields.Str(required=True, allow_none=True)
    rendered_map_index = fields.Str(required=True, allow_none=True)
    rendered_fields = fields.Dict(required=True)
    trigger = fields.Nested(TriggerResponse, required=True, allow_none=True)
    triggerer_job = fields.Dict(required=True, allow_none=True)
    dag_version = fields.Nested(DagVersionResponse, required=True, allow_none=True)


class TaskInstanceCollectionResponse(Schema):
    """A page of task instances."""

    task_instances = fields.List(fields.Nested(TaskInstanceResponse), required=True)
    total_entries = fields.Int(required=True)
    total_entries_limit = fields.Int(required=True, allow_none=True)
    next_cursor = fields.Str(required=True, allow_none=True)
    previous_cursor = fields.Str(required=True, allow_none=True)


class TaskInstanceHistoryCollectionResponse(Schema):
    """The attempts of a task instance."""

    task_instances = fields.List(fields.Dict(), required=True)
    total_entries = fields.Int(required=True)


class TaskInstancesQuery(Pagination):
    """A page of the task instances of a run."""

    task_id = Text()
    run_after_gte = UtcDateTime()
    run_after_gt = UtcDateTime()
    run_after_lte = UtcDateTime()
    run_after_lt = UtcDateTime()
    logical_date_gte = UtcDateTime()
    logical_date_gt = UtcDateTime()
    logical_date_lte = UtcDateTime()
    logical_date_lt = UtcDateTime()
    state = Texts()
    order_by = Texts(load_default=["map_index"])

    class Meta:
        fields = (
            *("task_id", "run_after_gte", "run_after_gt", "run_after_lte", "run_after_lt"),
            *("logical_date_gte", "logical_date_gt", "logical_date_lte", "logical_date_lt"),
            *("state", "limit", "offset", "order_by"),
        )
        unknown = EXCLUDE


class MappedTaskInstancesQuery(TaskInstancesQuery):
    """A page of the task instances of a mapped task."""

    class Meta:
        fields = tuple(name for name in TaskInstancesQuery.Meta.fields if name != "task_id")
        unknown = EXCLUDE


class TriesQuery(Parameters):
    """The map index of a task instance."""

    map_index = Integer(load_default=-1)


class TryPath(Parameters):
    """The try number in the path of an attempt."""

    task_try_number = Integer(required=True)


class MappedTryPath(TryPath):
    """The try number and the map index in the path of an attempt."""

    map_index = Integer(required=True)


class DAGRunResponse(Schema):
    """A dag run."""

    dag_run_id = fields.Str(required=True)
    dag_id = fields.Str(required=True)
    logical_date = UtcDateTime(required=True, allow_none=True)
    queued_at = UtcDateTime(required=True, allow_none=True)
    start_date = UtcDateTime(required=True, allow_none=True)
    end_date = UtcDateTime(required=True, allow_none=True)
    duration = fields.Float(required=True, allow_none=True)
    data_interval_start = UtcDateTime(required=True, allow_none=True)
    data_interval_end = UtcDateTime(required=True, allow_none=True)
    run_after = UtcDateTime(required=True)
    last_scheduling_decision = UtcDateTime(required=True, allow_none=True)
    run_type = fields.Str(required=True)
    state = fields.Str(required=True)
    triggered_by = fields.Str(required=True, allow_none=True)
    triggering_user_name = fields.Str(required=True, allow_none=True)
    conf = fields.Dict(required=True, allow_none=True)
    note = fields.Str(required=True, allow_none=True)
    dag_versions = fields.List(fields.Nested(DagVersionResponse), required=True)
    bundle_version = fields.Str(required=True, allow_none=True)
    dag_display_name = fields.Str(required=True)
    partition_key = fields.Str(required=True, allow_none=True)
    partition_date = UtcDateTime(required=True, allow_none=True)


class DAGRunCollectionResponse(Schema):
    """A page of dag runs."""

    dag_runs = fields.List(fields.Nested(DAGRunResponse), required=True)
    total_entries = fields.Int(required=True)
    total_entries_limit = fields.Int(required=True, allow_none=True)
    next_cursor = fields.Str(required=True, allow_none=True)
    previous_cursor = fields.Str(required=True, allow_none=True)


class DagRunsQuery(Pagination):
    """A page of the runs of a Dag."""

    run_after_gte = UtcDateTime()
    run_after_gt = UtcDateTime()
    run_after_lte = UtcDateTime()
    run_after_lt = UtcDateTime()
    logical_date_gte = UtcDateTime()
    logical_date_gt = UtcDateTime()
    logical_date_lte = UtcDateTime()
    logical_date_lt = UtcDateTime()
    run_type = Texts()
    state = Texts()
    order_by = Texts(load_default=["id"])


class DagTagResponse(Schema):
    """A tag of a Dag."""

    name = fields.Str(required=True)
    dag_id = fields.Str(required=True)
    dag_display_name = fields.Str(required=True)


class DAGResponse(Schema):
    """A Dag; what no fixture says is as Airflow has it for a Dag that was never parsed."""

    dag_id = fields.Str(required=True)
    dag_display_name = fields.Str(required=True)
    is_paused = fields.Bool(required=True)
    is_stale = fields.Bool(required=True)
    last_parsed_time = UtcDateTime(required=True, allow_none=True)
    last_parse_duration = fields.Float(required=True, allow_none=True)
    last_expired = UtcDateTime(required=True, allow_none=True)
    bundle_name = fields.Str(required=True, allow_none=True)
    bundle_version = fields.Str(required=True, allow_none=True)
    relative_fileloc = fields.Str(required=True, allow_none=True)
    fileloc = fields.Str(required=True)
    description = fields.Str(required=True, allow_none=True)
    timetable_summary = fields.Str(required=True, allow_none=True)
    timetable_description = fields.Str(required=True, allow_none=True)
    timetable_partitioned = fields.Bool(required=True)
    timetable_periodic = fields.Bool(required=True)
    tags = fields.List(fields.Nested(DagTagResponse), required=True)
    max_active_tasks = fields.Int(required=True)
    max_active_runs = fields.Int(required=True, allow_none=True)
    max_consecutive_failed_dag_runs = fields.Int(required=True)
    has_task_concurrency_limits = fields.Bool(required=True)
    has_import_errors = fields.Bool(required=True)
    next_dagrun_logical_date = UtcDateTime(required=True, allow_none=True)
    next_dagrun_data_interval_start = UtcDateTime(required=True, allow_none=True)
    next_dagrun_data_interval_end = UtcDateTime(required=True, allow_none=True)
    next_dagrun_run_after = UtcDateTime(required=True, allow_none=True)
    allowed_run_types = fields.List(fields.Str(), required=True, allow_none=True)
    owners = fields.List(fields.Str(), required=True)
    is_backfillable = fields.Bool(required=True)
    file_token = fields.Str(required=True)


class DAGCollectionResponse(Schema):
    """A page of Dags."""

    dags = fields.List(fields.Nested(DAGResponse), required=True)
    total_entries = fields.Int(required=True)


class DagsQuery(Pagination):
    """A page of the Dags: those that are not stale, unless ``exclude_stale=false``."""

    exclude_stale = Truth(load_default=True)
    paused = Truth()
    order_by = Texts(load_default=["dag_id"])


class XComEntryQuery(Parameters):
    """An XCom's map index, and how its value is shown."""

    map_index = Integer(least=-1, load_default=-1)
    deserialize = Truth(load_default=False)
    stringify = Truth(load_default=False)


class XComEntriesQuery(Pagination):
    """A page of XComs."""

    xcom_key_pattern = Text()
    xcom_key_prefix_pattern = Text()
    dag_display_name_pattern = Text()
    dag_display_name_prefix_pattern = Text()
    run_id_pattern = Text()
    run_id_prefix_pattern = Text()
    task_id_pattern = Text()
    task_id_prefix_pattern = Text()
    map_index_filter = Integer()
    logical_date_gte = UtcDateTime()
    logical_date_gt = UtcDateTime()
    logical_date_lte = UtcDateTime()
    logical_date_lt = UtcDateTime()
    run_after_gte = UtcDateTime()
    run_after_gt = UtcDateTime()
    run_after_lte = UtcDateTime()
    run_after_lt = UtcDateTime()
    order_by = Texts(load_default=["dag_id", "task_id", "run_id", "map_index", "key"])
    xcom_key = Text()
    map_index = Integer(least=-1)


class XComResponse(Schema):
    """An XCom without its value."""

    key = fields.Str(required=True)
    timestamp = UtcDateTime(required=True)
    logical_date = UtcDateTime(required=True, allow_none=True)
    map_index = fields.Int(required=True)
    task_id = fields.Str(required=True)
    dag_id = fields.Str(required=True)
    run_id = fields.Str(required=True)
    dag_display_name = fields.Str(required=True)
    task_display_name = fields.Str(required=True)
    run_after = UtcDateTime(required=True)


class XComResponseNative(XComResponse):
    """An XCom, with a text as its value where that was asked for."""

    value = fields.Raw(required=True, allow_none=True)


class XComCollectionResponse(Schema):
    """A page of XComs."""

    xcom_entries = fields.List(fields.Nested(XComResponse), required=True)
    total_entries = fields.Int(required=True)


class LoginBody(StrictSchema):
    """Username and password, for a token."""

    username = Text(required=True)
    password = Text(required=True)


class LoginResponse(Schema):
    """A token of the Core API."""

    access_token = fields.Str(required=True)


class VersionInfo(Schema):
    """The version of Airflow that is emulated."""

    version = fields.Str(required=True)
    git_version = fields.Str(required=True, allow_none=True)


class BaseInfoResponse(Schema):
    """The health of a component; null for one that Stateroom does not have."""

    status = fields.Str(required=True, allow_none=True)


class SchedulerInfoResponse(BaseInfoResponse):
    """The health of the scheduler, which Stateroom does not have."""

    latest_scheduler_heartbeat = UtcDateTime(required=True, allow_none=True)


class TriggererInfoResponse(BaseInfoResponse):
    """The health of the triggerer, which Stateroom does not have."""

    latest_triggerer_heartbeat = UtcDateTime(required=True, allow_none=True)


class DagProcessorInfoResponse(BaseInfoResponse):
    """The health of the Dag processor, which Stateroom does not have."""

    latest_dag_processor_heartbeat = UtcDateTime(required=True, allow_none=True)


class HealthInfoResponse(Schema):
    """The health of all components."""

    metadatabase = fields.Nested(BaseInfoResponse, required=True)
    scheduler = fields.Nested(SchedulerInfoResponse, required=True)
    triggerer = fields.Nested(TriggererInfoResponse, required=True)
    dag_processor = fields.Nested(DagProcessorInfoResponse, required=True)
