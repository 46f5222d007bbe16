"""The state store of task instances and of assets."""

from __future__ import annotations

from marshmallow import fields

from ..base import Parameters, StrictSchema
from ..fields.airflow import JsonValue, Text, UtcDateTime, Uuid4
from .assets import AssetByNameQuery, AssetByUriQuery


class TaskStateStorePath(Parameters):
    """The path of one key of a task instance."""

    task_instance_id = Uuid4(required=True)
    key = Text(least=1, required=True)


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


class AssetKeyByNameQuery(AssetByNameQuery):
    """A key of an asset, by the asset's name."""

    key = Text(least=1, required=True)


class AssetKeyByUriQuery(AssetByUriQuery):
    """A key of an asset, by the asset's uri."""

    key = Text(least=1, required=True)
