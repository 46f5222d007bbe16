"""The version that this API emulates, and its health."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.core import about as schemas

from ...operation import Operation
from ...responses import json_answer
from ...service import setting

bp = Blueprint("about", __name__)
AIRFLOW_VERSION = {"3.3": ("3.3.2", ".release:aa19d2dbb9ed187ec01957a92848d9b005e9ba9d")}


@bp.get("/version")
@Operation((200, schemas.VersionInfo), open=True)
def get_version() -> Response:
    """Get the version of Airflow that this API emulates."""
    version, commit = AIRFLOW_VERSION[setting("compat")]
    return json_answer({"version": version, "git_version": commit})


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
