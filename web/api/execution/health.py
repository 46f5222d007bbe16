"""The health of the Execution API."""

from __future__ import annotations

from flask import Blueprint, Response

from schemas.execution import health as schemas

from ...operation import Operation
from ...request.parsing import read
from ...responses import json_answer

bp = Blueprint("health", __name__)
_TOKENS = "airflow.api_fastapi.auth.tokens.JWTValidator"


@bp.get("/health")
@Operation((200, schemas.HealthcheckResponse), open=True)
def health() -> Response:
    """Say that the Execution API answers."""
    read()
    return json_answer({"status": "healthy"})


@bp.get("/health/ping")
@Operation((200, schemas.PingResponse), open=True)
def ping() -> Response:
    """Name the checks that passed: Airflow's only one, of the tokens."""
    read()
    return json_answer({"ok": [_TOKENS], "failing": {}})
