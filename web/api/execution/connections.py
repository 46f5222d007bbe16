"""Connections, as workers get them, under ``/connections``."""

from __future__ import annotations

from flask import Blueprint, Response, g

from schemas.execution import connections as schemas
from state.store.tables import connections

from ...operation import Operation, route_where
from ...request.parsing import path, read
from ...request.state_call import note_read
from ...responses import json_answer

bp = Blueprint("connections", __name__, url_prefix="/connections")


_PATH = schemas.ConnectionPath()


@route_where(bp, lambda rules: rules.has_paths_of_connections, "/<key:connection_id>", "GET")
@route_where(
    bp, lambda rules: not rules.has_paths_of_connections, "/<segment:connection_id>", "GET"
)
@Operation((200, schemas.ConnectionResponse), state_op="get_connection")
def get_connection(connection_id: str) -> Response:
    """Get a connection, with its secrets."""
    read(path(_PATH, connection_id=connection_id))
    connection = connections.connection(g.namespace, connection_id)
    note_read()
    return json_answer(connection)
