"""Task instances, and their tries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validates_schema

from ..base import Parameters, StrictSchema
from ..fields.airflow import Integer, LaxTruth, Text, Texts, UtcDateTime, Uuid4
from ..fields.control import Word
from ..fields.problems import value_error
from ..fields.task_states import TasksToSkip
from .dags import DagVersionResponse
from .lists import CursorPage, DatedPagination
from .store import RegionQuery


class MapIndexPath(Parameters):
    """The map index in the path of a task instance."""

    map_index = Integer(required=True)


class RegionalMapIndexPath(Parameters):
    """The same in Airflow 3.4, which validates it twice."""

    map_index = Integer(required=True, times=2)


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
    region_id = fields.Str()
    region_index = fields.Int()
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
            *("dag_id_prefix_pattern", "run_id_prefix_pattern"),
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


class RegionalTriesQuery(RegionQuery):
    """The map index of a task instance, or its place in a region (Airflow 3.4)."""

    map_index = Integer(load_default=-1, times=2)

    class Meta:
        fields = ("map_index", "region_id", "region_index")
        unknown = EXCLUDE


class TryPath(Parameters):
    """The try number in the path of an attempt."""

    task_try_number = Integer(required=True)


class MappedTryPath(TryPath):
    """The try number and the map index in the path of an attempt."""

    map_index = Integer(required=True)


class RegionalMappedTryPath(TryPath):
    """The same in Airflow 3.4, which validates the map index twice."""

    map_index = Integer(required=True, times=2)


class ClearTaskInstancesBody(StrictSchema):
    """Which task instances are cleared, and how (Airflow 3.4)."""

    dry_run = LaxTruth(load_default=True)
    start_date = UtcDateTime(allow_none=True, load_default=None)
    end_date = UtcDateTime(allow_none=True, load_default=None)
    only_failed = LaxTruth(load_default=True)
    only_running = LaxTruth(load_default=False)
    reset_dag_runs = LaxTruth(load_default=True)
    task_ids = TasksToSkip(alone=None, allow_none=True, load_default=None)
    task_group_id = Word(allow_none=True)
    task_instance_ids = fields.List(Uuid4(), allow_none=True, load_default=None)
    whole_expansion_ids = fields.List(Uuid4(), load_default=list)
    include_later_loop_iterations = LaxTruth()
    dag_run_id = Word(allow_none=True, load_default=None)
    include_upstream = LaxTruth()
    include_downstream = LaxTruth()
    include_future = LaxTruth(load_default=False)
    include_past = LaxTruth(load_default=False)
    run_on_latest_version = LaxTruth(allow_none=True)
    prevent_running_task = LaxTruth(load_default=False)
    keep_task_state = LaxTruth(load_default=False)
    note = Word(most=1000, allow_none=True)

    @pre_load
    def _check_members(self, data: Any, **kwargs: Any) -> Any:
        """Refuse members that contradict each other, before any is read, as Airflow does."""
        if isinstance(data, dict):
            for message in _contradictions(data):
                raise ValidationError([value_error(message)])
        return data

    @validates_schema
    def _check_ids(self, data: dict[str, Any], **kwargs: Any) -> None:
        ids = data["task_instance_ids"]
        if ids is not None and (data["task_ids"] is not None or data.get("task_group_id")):
            raise ValidationError([value_error(_IDS_ALONE)])
        ranges = data["include_past"] or data["include_future"]
        if ids is not None and (data["dag_run_id"] is None or ranges):
            raise ValidationError([value_error(_IDS_OF_A_RUN)])
        if not set(data["whole_expansion_ids"]) <= set(ids or ()):
            raise ValidationError([value_error(_EXPANSIONS)])


_IDS_ALONE = "task_instance_ids cannot be combined with task_ids or task_group_id"
_IDS_OF_A_RUN = "task_instance_ids requires one dag_run_id without include_past or include_future"
_EXPANSIONS = "whole_expansion_ids must be a subset of task_instance_ids"


def _contradictions(data: dict[str, Any]) -> Iterator[str]:
    start = data.get("start_date")
    end = data.get("end_date")
    run_id = data.get("dag_run_id")
    if data.get("only_failed") and data.get("only_running"):
        yield "only_failed and only_running both are set to True"
    if isinstance(start, str) and isinstance(end, str) and start > end:
        yield "end_date is sooner than start_date"
    if start and end and run_id:
        yield "Exactly one of dag_run_id or (start_date and end_date) must be provided"
    if start and run_id:
        yield "Exactly one of dag_run_id or start_date must be provided"
    if end and run_id:
        yield "Exactly one of dag_run_id or end_date must be provided"
    if data.get("task_ids") == []:
        yield "task_ids list should have at least 1 element."
    if data.get("task_ids") and data.get("task_group_id"):
        yield "Only one of task_ids or task_group_id may be provided"
