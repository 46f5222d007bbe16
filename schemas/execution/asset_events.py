"""Asset events."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters, StrictSchema
from ..fields.airflow import Integer, Text, Truth, UtcDateTime
from .assets import AssetResponse


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
