"""XCom entries."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Integer, Text, Texts, Truth, UtcDateTime
from .lists import Pagination


class XComEntryQuery(Parameters):
    """An XCom's map index, and how its value is shown."""

    map_index = Integer(least=-1, load_default=-1)
    deserialize = Truth(load_default=False)
    stringify = Truth(load_default=False)


class XComEntriesQuery(Pagination):
    """A page of XComs."""

    xcom_key_pattern = Text()
    xcom_key_prefix_pattern = Text()
    dag_display_name_pattern = Text()
    dag_display_name_prefix_pattern = Text()
    run_id_pattern = Text()
    run_id_prefix_pattern = Text()
    task_id_pattern = Text()
    task_id_prefix_pattern = Text()
    map_index_filter = Integer()
    logical_date_gte = UtcDateTime()
    logical_date_gt = UtcDateTime()
    logical_date_lte = UtcDateTime()
    logical_date_lt = UtcDateTime()
    run_after_gte = UtcDateTime()
    run_after_gt = UtcDateTime()
    run_after_lte = UtcDateTime()
    run_after_lt = UtcDateTime()
    order_by = Texts(load_default=["dag_id", "task_id", "run_id", "map_index", "key"])
    xcom_key = Text()
    map_index = Integer(least=-1)


class XComResponse(Schema):
    """An XCom without its value."""

    key = fields.Str(required=True)
    timestamp = UtcDateTime(required=True)
    logical_date = UtcDateTime(required=True, allow_none=True)
    map_index = fields.Int(required=True)
    task_id = fields.Str(required=True)
    dag_id = fields.Str(required=True)
    run_id = fields.Str(required=True)
    dag_display_name = fields.Str(required=True)
    task_display_name = fields.Str(required=True)
    run_after = UtcDateTime(required=True)


class XComResponseNative(XComResponse):
    """An XCom, with a text as its value where that was asked for."""

    value = fields.Raw(required=True, allow_none=True)


class XComCollectionResponse(Schema):
    """A page of XComs."""

    xcom_entries = fields.List(fields.Nested(XComResponse), required=True)
    total_entries = fields.Int(required=True)
