"""The version that this API emulates, and its health."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.core import about as schemas

from ...operation import Operation
from ...responses import json_answer
from ...service import rules

bp = Blueprint("about", __name__)


@bp.get("/version")
@Operation((200, schemas.VersionInfo), open=True)
def get_version() -> Response:
    """Get the version of Airflow that this API emulates."""
    return json_answer({"version": rules().release, "git_version": rules().build})


@bp.get("/monitor/health")
@Operation((200, schemas.HealthInfoResponse), open=True)
def get_health() -> Response:
    """Get the health of the database; no scheduler, triggerer or Dag processor ever runs."""
    parts: dict[str, Any] = {
        name: {"status": None, f"latest_{name}_heartbeat": None} for name in _PARTS
    }
    parts["scheduler"]["status"] = "unhealthy"
    is_healthy = g.service.store.problem() is None
    status = "healthy" if is_healthy else "unhealthy"
    return json_answer({"metadatabase": {"status": status}, **parts})


_PARTS = ("scheduler", "triggerer", "dag_processor")
