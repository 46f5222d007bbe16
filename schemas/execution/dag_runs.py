"""Dag runs."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from ..base import Parameters, StrictSchema
from ..fields.airflow import Moments, Text, Texts, UtcDateTime
from ..fields.control import Word
from ..fields.task_states import OneOf


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


class DagRunNoteUpdatePayload(StrictSchema):
    """A new note of a dag run; null leaves the old one, an empty text removes it."""

    note = Word(most=1000, allow_none=True, load_default=None)
