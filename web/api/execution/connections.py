"""Connections, as workers get them, under ``/connections``."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution import connections as schemas
from state.store.tables import connections

from ...operation import Operation
from ...request.parsing import read
from ...request.state_call import note_read
from ...responses import json_answer

bp = Blueprint("connections", __name__, url_prefix="/connections")


@bp.get("/<segment:connection_id>")
@Operation((200, schemas.ConnectionResponse), state_op="get_connection")
def get_connection(connection_id: str) -> Response:
    """Get a connection, with its secrets."""
    read()
    connection = connections.connection(g.namespace, connection_id)
    note_read()
    return json_answer(connection)
