"""The events of assets, as tasks read them."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution import asset_events as schemas
from state.store.views import asset_events
from state.words import count

from ...operation import Operation
from ...request.parsing import query, read
from ...request.state_call import note_read
from ...responses import json_answer
from . import older_clients

bp = Blueprint("asset_events", __name__, url_prefix="/asset-events")
_BY_ASSET = schemas.AssetEventsQuery()
_BY_ALIAS = schemas.AssetAliasEventsQuery()
_EVENTS = (200, schemas.AssetEventsResponse)


@bp.get("/by-asset")
@Operation(
    _EVENTS, query=schemas.AssetEventsQuery, also=(400, 409, 422), state_op="list_asset_events"
)
def get_asset_event_by_asset_name_uri() -> Response:
    """List the events of an asset, by its name, its uri or both."""
    (asked,) = read(query(_BY_ASSET))
    events = asset_events.of_asset(g.namespace, asked)
    note_read(f"{count(len(events), 'event')} of the asset {asked['name'] or asked['uri']!r}")
    return json_answer({"asset_events": older_clients.asset_events(events)})


@bp.get("/by-asset-alias")
@Operation(
    _EVENTS, query=schemas.AssetAliasEventsQuery, also=(409, 422), state_op="list_asset_events"
)
def get_asset_event_by_asset_alias() -> Response:
    """List the events that came from an asset alias."""
    (asked,) = read(query(_BY_ALIAS))
    events = asset_events.of_alias(g.namespace, asked)
    note_read(f"{count(len(events), 'event')} of the alias {asked['name']!r}")
    return json_answer({"asset_events": older_clients.asset_events(events)})
