"""Assets, by name or uri."""

from __future__ import annotations

from marshmallow import fields

from ..base import Parameters, StrictSchema
from ..fields.airflow import Text


class AssetByNameQuery(Parameters):
    """An asset by its name."""

    name = Text(least=1, required=True)


class AssetByUriQuery(Parameters):
    """An asset by its uri."""

    uri = Text(least=1, required=True)


class AssetNameQuery(Parameters):
    """An asset by its name, which may be empty."""

    name = Text(required=True)


class AssetUriQuery(Parameters):
    """An asset by its uri, which may be empty."""

    uri = Text(required=True)


class AssetResponse(StrictSchema):
    """An asset, as workers see it."""

    name = fields.Str(required=True)
    uri = fields.Str(required=True)
    group = fields.Str(dump_default="asset")
    extra = fields.Dict(dump_default={})


class AssetAliasQuery(Parameters):
    """An asset alias by its name."""

    alias_name = Text(required=True)
