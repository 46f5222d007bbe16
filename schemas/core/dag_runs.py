"""Dag runs."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..fields.airflow import Texts, UtcDateTime
from .dags import DagVersionResponse
from .lists import CursorPage, DatedPagination


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
    team_name = fields.Str(allow_none=True)  # in Airflow 3.4


class DAGRunCollectionResponse(CursorPage):
    """A page of dag runs."""

    dag_runs = fields.List(fields.Nested(DAGRunResponse), required=True)


class DagRunsQuery(DatedPagination):
    """A page of the runs of a Dag."""

    run_type = Texts()
    state = Texts()
    order_by = Texts(load_default=["id"])
