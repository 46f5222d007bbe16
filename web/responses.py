"""Answers with exactly the content type that the SDK looks for, and the headers of pages."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

# in environ: after how many bytes of the answer's body the server closes the connection
CUT = "stateroom.cut"
NOTHING = -1  # not even a status line is sent

NO_CONTENT = ("", 204)  # the answer to a write that was kept

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without one, a form would be sent with the Origin "null"
    "Cache-Control": "no-store",
}


def json_answer(document: Any, status: int = 200) -> Response:
    """An answer with exactly the content type that the SDK looks for."""
    return text_answer(json.dumps(document), status)


def text_answer(text: str, status: int = 200) -> Response:
    """Like :func:`json_answer`, of a string that is JSON already."""
    return Response(text, status, content_type="application/json")


def is_client_gone() -> bool:
    """Whether the client of this request has closed its connection; unknown to other servers."""
    is_gone = request.environ.get("waitress.client_disconnected")
    return is_gone is not None and bool(is_gone())
