"""Dags, and their versions."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..fields.airflow import Texts, Truth, UtcDateTime
from .lists import Pagination


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
    scheduling_state = fields.Str()  # in Airflow 3.4


class DAGCollectionResponse(Schema):
    """A page of Dags."""

    dags = fields.List(fields.Nested(DAGResponse), required=True)
    total_entries = fields.Int(required=True)


class DagsQuery(Pagination):
    """A page of the Dags: those that are not stale, unless ``exclude_stale=false``."""

    exclude_stale = Truth(load_default=True)
    paused = Truth()
    order_by = Texts(load_default=["dag_id"])
