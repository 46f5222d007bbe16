"""Assets, as people see them."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.core import assets as schemas
from state.store.views import assets

from ...operation import SLOW, Operation
from ...request.parsing import path, query, read
from ...responses import json_answer
from ...service import page_size
from ..asset_filters import assets_order, assets_where

bp = Blueprint("assets", __name__)
_ASSETS = schemas.AssetsQuery()
_PATH = schemas.AssetPath()
_ASSET = schemas.AssetResponse()


@bp.get("/assets")
@Operation(
    (200, schemas.AssetCollectionResponse),
    query=schemas.AssetsQuery,
    also=(400,),
    entity="asset",
    lane=SLOW,
)
def get_assets() -> Response:
    """List a page of the assets: the active ones, unless ``only_active=false``."""
    (parameters,) = read(query(_ASSETS, several=("order_by",)))
    found, total = assets.page(
        g.namespace,
        parameters["only_active"],
        *assets_where(parameters),
        assets_order(parameters["order_by"]),
        page_size(parameters),
        parameters["offset"],
    )
    documents = [_ASSET.dump(asset) for asset in found]
    return json_answer({"assets": documents, "total_entries": total})


@bp.get("/assets/<other(aliases, events):asset_id>")
@Operation((200, schemas.AssetResponse), also=(404,), entity="asset")
def get_asset(asset_id: str) -> Response:
    """Get an asset, active or not."""
    (segments,) = read(path(_PATH, asset_id=asset_id))
    return json_answer(_ASSET.dump(assets.asset(g.namespace, segments["asset_id"])))
