"""Who may call the Control API, and how its bodies are read."""

from __future__ import annotations

from flask import current_app, g, request

from ...errors import Refused
from ...operation import operation_of
from ...request.auth import require_admin
from ...request.parsing import is_json, read_body


def admit() -> None:
    """Only admins, where a secret was given at start; and only JSON, so that no page's form can write."""
    operation = operation_of(current_app, request.endpoint)
    if operation is not None and operation.open:
        return
    require_admin()
    read_json()


def read_json() -> None:
    """Parse the body.

    :raises Refused: if there is one, and it is not said to be JSON.
    """
    read_body()
    kind = request.content_type or ""
    if (
        request.method in ("PUT", "POST", "PATCH")
        and (kind or g.get("body") is not None)
        and not is_json(kind)
    ):
        raise Refused(415, "the body must be application/json", "unsupported_media_type")
