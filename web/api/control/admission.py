"""Who may call the Control API, and how its bodies are read."""

from __future__ import annotations

from flask import g, request

from ...errors import Refused
from ...operation import current_operation
from ...request.auth import require_admin
from ...request.parsing import is_json, read_body


def admit() -> None:
    """Admit only admins, if there is a secret, and only JSON, which no page's form can send."""
    operation = current_operation()
    if operation is not None and operation.open:
        return
    require_admin()
    read_json()


def read_json() -> None:
    """Parse the body.

    :raises Refused: if its content type is not JSON.
    """
    read_body()
    if request.method not in ("PUT", "POST", "PATCH"):
        return
    content_type = request.content_type or ""
    has_body = content_type or g.get("body") is not None
    if has_body and not is_json(content_type):
        raise Refused(415, "the body must be application/json", "unsupported_media_type")
