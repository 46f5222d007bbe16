"""The Control API: Stateroom's own, under ``/_stateroom``."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, g

from schemas.control import fixtures as schemas
from state import __version__
from state.model import tokens
from state.model.scopes import TaskScope
from state.store import fixtures
from state.store.tables import assets, expiry, task_instances
from state.store.tables.namespaces import DEFAULT

from ...operation import NO_BODY, SLOW, operation
from ...request.parsing import load, load_fixture, query, read
from ...responses import json_answer, no_content
from ...service import service, setting

bp = Blueprint("control_api", __name__)
_TASK_INSTANCE = schemas.TaskInstanceBody()
_ASSET, _WHICH = schemas.AssetBody(), schemas.TaskInstanceQuery()
_RESET, _STRICT, _CLEAN = schemas.ResetOptions(), schemas.StrictOption(), schemas.CleanOptions()
_NAMED_AT_MOST, _NAME_AT_MOST = 50, 120  # members, letters of each
_IGNORED = {"Stateroom-Ignored": "Members of the body that its schema does not know."}
_STARTED = time.monotonic()


@bp.get("/health")
@operation((200, schemas.Health), also=(503,), open=True)
def health() -> Response:
    """Say whether the service is ready, what it is and which database it serves; 503 if that cannot be read."""
    current = service()
    problem, backend = current.store.problem(), current.backend_of(g.namespace)
    facts = {
        "status": "unhealthy" if problem else "healthy",
        "version": __version__,
        "compat": current.settings["compat"],
        "database": current.store.path,
        "backend": {"name": backend.name, **backend.calls.counts()},
        "uptime": round(time.monotonic() - _STARTED, 3),
    }
    if problem:
        return json_answer({**facts, "problem": problem}, 503)
    return json_answer({**facts, "realm": f"{current.store.database_id}/{g.namespace.name}"})


@bp.post("/reset")
@operation(NO_BODY, query=schemas.ResetOptions, lane=SLOW)
def reset() -> Any:
    """Forget everything, or return to the fixture loaded at start; ``?to=empty`` forgets that too."""
    (asked,) = read(query(_RESET))
    fixtures.apply(g.namespace, {} if "to" in asked else _first_fixture(), forget=True)
    return no_content()


def _first_fixture() -> dict[str, Any]:
    """What the namespace began with: the document given at start, or the one that it was made with."""
    if g.namespace.name == DEFAULT:
        return service().fixture or {}
    return load_fixture(g.namespace.fixture or {}, strict=False)[0]


@bp.get("/fixture")
@operation((200, schemas.Fixture), lane=SLOW)
def get_fixture() -> Response:
    """Export what the namespace holds as a fixture document; secrets are not part of it."""
    return json_answer(fixtures.export(g.namespace))


@bp.put("/fixture")
@operation(NO_BODY, query=schemas.StrictOption, body=schemas.Fixture, headers=_IGNORED, lane=SLOW)
def put_fixture() -> Any:
    """Create or update what a fixture document names, and leave the rest."""
    document, ignored = load_fixture(g.body, strict=_is_strict())
    config = document.get("config", {})
    if "jwt_secret" in config and not service().keys.takes_secrets():
        del config["jwt_secret"]
        ignored.append("config.jwt_secret")
    fixtures.apply(g.namespace, document)
    return "", 204, _naming(ignored)


def _is_strict() -> bool:
    """Whether the query asks that unknown members of the body be refused."""
    (asked,) = read(query(_STRICT))
    return bool(asked["strict"])


def _naming(ignored: list[str]) -> dict[str, str]:
    """The header that names ignored members, in ASCII and of a bounded length."""
    shown = [
        place.encode("unicode_escape").decode("ascii")[:_NAME_AT_MOST]
        for place in ignored[:_NAMED_AT_MOST]
    ]
    more = [f"and {len(ignored) - _NAMED_AT_MOST} more"] if len(ignored) > _NAMED_AT_MOST else []
    return {"Stateroom-Ignored": ", ".join(shown + more)} if ignored else {}


@bp.get("/task-instances")
@operation((200, schemas.TaskInstanceMade), query=schemas.TaskInstanceQuery, also=(404,), lane=SLOW)
def get_task_instance() -> Response:
    """Say which attempt of a task instance is the current one, with a token for its worker."""
    (asked,) = read(query(_WHICH))
    return json_answer(
        _with_token(task_instances.current_task_instance(g.namespace, TaskScope(**asked)))
    )


@bp.post("/task-instances")
@operation(
    (201, schemas.TaskInstanceMade),
    query=schemas.StrictOption,
    body=schemas.TaskInstanceBody,
    headers=_IGNORED,
    lane=SLOW,
)
def create_task_instance() -> Any:
    """Make a task instance, or its next attempt, with its dag run if need be, and a token for its worker."""
    asked, ignored = load(_TASK_INSTANCE, g.body, strict=_is_strict())
    run_id = asked.get("run_id") or f"manual__{g.namespace.clock.now().isoformat()}"
    scope = TaskScope(asked["dag_id"], run_id, asked["task_id"], asked["map_index"])
    made = task_instances.create_task_instance(g.namespace, scope, asked.get("try_number"))
    return json_answer(_with_token(made), 201), _naming(ignored)


def _with_token(attempt: dict[str, Any]) -> dict[str, Any]:
    return {
        **attempt,
        "token": tokens.for_task_instance(service().keys.signing(g.namespace), attempt["id"]),
    }


@bp.post("/assets")
@operation(
    (201, schemas.AssetMade),
    query=schemas.StrictOption,
    body=schemas.AssetBody,
    headers=_IGNORED,
    lane=SLOW,
)
def create_asset() -> Any:
    """Make an active asset; one of this name that is there already is returned as it is."""
    asked, ignored = load(_ASSET, g.body, strict=_is_strict())
    return json_answer(
        assets.create_asset(g.namespace, asked["name"], asked.get("uri")), 201
    ), _naming(ignored)


@bp.post("/clean")
@operation((200, schemas.Cleaned), query=schemas.CleanOptions, lane=SLOW)
def clean() -> Response:
    """Remove expired entries, as ``airflow state-store clean`` does; ``?dry_run=1`` only counts them."""
    (asked,) = read(query(_CLEAN))
    count = expiry.clean(g.namespace, asked["dry_run"], setting("state_cleanup_batch_size"))
    return json_answer({"expired" if asked["dry_run"] else "removed": count})
