"""Dags."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..fields.airflow import UtcDateTime


class DagResponse(Schema):
    """A Dag."""

    dag_id = fields.Str(required=True)
    is_paused = fields.Bool(required=True)
    bundle_name = fields.Str(required=True, allow_none=True)
    bundle_version = fields.Str(required=True, allow_none=True)
    relative_fileloc = fields.Str(required=True, allow_none=True)
    owners = fields.Str(required=True, allow_none=True)
    tags = fields.List(fields.Str(), required=True)
    next_dagrun = UtcDateTime(required=True, allow_none=True)
