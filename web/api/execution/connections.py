"""Connections, as workers get them, under ``/connections``."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution import connections as schemas
from state.store.tables import connections

from ...operation import Operation
from ...request.parsing import read
from ...responses import json_answer

bp = Blueprint("connections", __name__, url_prefix="/connections")


@bp.get("/<segment:connection_id>")
@Operation((200, schemas.ConnectionResponse))
def get_connection(connection_id: str) -> Response:
    """Get a connection, with its secrets."""
    read()
    return json_answer(connections.connection(g.namespace, connection_id))
