"""The state store of task instances and of assets."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from ..base import Parameters, StrictSchema
from ..fields.airflow import DEFAULT, ExpiresAt, Integer, JsonValue, Truth, UtcDateTime, Uuid4
from .lists import Pagination


class TaskScopeQuery(Parameters):
    """The map index of a task instance."""

    map_index = Integer(least=-1, load_default=-1)


class RegionQuery(Parameters):
    """The dynamic region of a task instance, and its index there (Airflow 3.4)."""

    region_id = Uuid4()
    region_index = Integer(least=-1)


class RegionalScopeQuery(RegionQuery):
    """The map index of a task instance, or its place in a region; an index below -1 is refused
    after all else (Airflow 3.4).
    """

    map_index = Integer(load_default=-1)

    class Meta:
        fields = ("map_index", "region_id", "region_index")
        unknown = EXCLUDE


class RegionalClearQuery(Parameters):
    """What to clear: Airflow 3.4 validates the place three times, and five times whether all map
    indices are meant.
    """

    map_index = Integer(least=-1, load_default=-1, times=3)
    region_id = Uuid4(times=3)
    region_index = Integer(least=-1, times=3)
    all_map_indices = Truth(load_default=False, times=5)


class ClearQuery(TaskScopeQuery):
    """The map index to clear, or all of them."""

    all_map_indices = Truth(load_default=False, times=2)  # Airflow validates it twice


class TaskListQuery(TaskScopeQuery, Pagination):
    """A page of the entries of a task instance."""

    class Meta:
        fields = ("map_index", "limit", "offset")
        unknown = EXCLUDE


class RegionalListQuery(RegionalScopeQuery, Pagination):
    """A page of the entries of a task instance, which may lie in a region."""

    class Meta:
        fields = ("map_index", "region_id", "region_index", "limit", "offset")
        unknown = EXCLUDE


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
    # in Airflow 3.4
    task_instance_id = fields.Str(allow_none=True)
    try_number = fields.Int(allow_none=True)
    region_id = fields.Str()
    region_index = fields.Int()


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
