"""Assets, as workers see them."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution import assets as schemas
from state.store.tables import assets
from state.words import count

from ...operation import Operation
from ...request.parsing import query, read
from ...request.state_call import note_read
from ...responses import json_answer

bp = Blueprint("assets", __name__, url_prefix="/assets")
_QUERIES = {"name": schemas.AssetByNameQuery, "uri": schemas.AssetByUriQuery}
_WHICH = {"name": schemas.AssetNameQuery(), "uri": schemas.AssetUriQuery()}
_ASSET = schemas.AssetResponse()
_ALIAS = schemas.AssetAliasQuery()


@bp.get("/by-<any(name, uri):by>")
@Operation((200, schemas.AssetResponse), by=_QUERIES, state_op="get_asset")
def get_asset(by: str) -> Response:
    """Get an active asset, by name or by uri."""
    (parameters,) = read(query(_WHICH[by]))
    asset = assets.asset_by(g.namespace, by, parameters[by])
    note_read()
    return json_answer(_ASSET.dump(asset))


@bp.get("/by-alias")
@Operation(
    (200, {"type": "array", "items": {"type": "object"}}),
    query=schemas.AssetAliasQuery,
    since="2026-06-30",
    state_op="get_asset",
)
def get_assets_by_alias() -> Response:
    """List the assets that an alias stands for."""
    (parameters,) = read(query(_ALIAS))
    name = parameters["alias_name"]
    found = assets.assets_of_alias(g.namespace, name)
    note_read(f"alias {name!r}: {count(len(found), 'asset')}")
    return json_answer(found)
