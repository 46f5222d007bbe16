"""Task instances, and their tries."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from ..base import Parameters
from ..fields.airflow import Integer, Text, Texts, UtcDateTime
from .dags import DagVersionResponse
from .lists import CursorPage, DatedPagination


class MapIndexPath(Parameters):
    """The map index in the path of a task instance."""

    map_index = Integer(required=True)


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
    # in Airflow 3.4
    team_name = fields.Str(allow_none=True)
    in_loop = fields.Bool()
    loop_iteration = fields.Dict(allow_none=True)
    state_reason = fields.Str(allow_none=True)


class TaskInstanceCollectionResponse(CursorPage):
    """A page of task instances."""

    task_instances = fields.List(fields.Nested(TaskInstanceResponse), required=True)


class TaskInstanceHistoryCollectionResponse(Schema):
    """The attempts of a task instance."""

    task_instances = fields.List(fields.Dict(), required=True)
    total_entries = fields.Int(required=True)


class TaskInstancesQuery(DatedPagination):
    """A page of the task instances of a run."""

    task_id = Text()
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
