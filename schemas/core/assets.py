"""Assets."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Integer, Text, Texts, Truth, UtcDateTime
from .lists import Pagination


class AssetPath(Parameters):
    """An asset by its id."""

    asset_id = Integer(required=True)


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
