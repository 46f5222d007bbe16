"""What tasks ask of other task instances."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Integer, Moments, Text, Texts, UtcDateTime
from ..fields.task_states import TASK_INSTANCE_STATES, OneOf


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
