"""Health, fixtures, task instances, assets, reset and clean, under ``/_stateroom``."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, g

from schemas.control import fixtures as schemas
from schemas.execution.task_instances import TaskInstancePath
from state import __version__
from state.model import tokens
from state.model.scopes import task_scope_from
from state.store import fixtures, scope_removal
from state.store.tables import assets, expiry, task_instances
from state.store.tables.namespaces import DEFAULT
from state.store.tables.task_instances import Resumption
from state.store.views import run_context

from ...operation import NO_BODY, SLOW, Operation
from ...request.auth import signing_secret
from ...request.parsing import load, load_fixture, path, query, read
from ...responses import NO_CONTENT, json_answer, large_answer
from ...service import setting

bp = Blueprint("control_api", __name__)
_TASK_INSTANCE = schemas.TaskInstanceBody()
_TASK_INSTANCE_QUERY = schemas.TaskInstanceQuery()
_TASK_INSTANCE_PATH = TaskInstancePath()
_RESUMPTION = schemas.Resumption()
_ASSET = schemas.AssetBody()
_ASSET_QUERY = schemas.AssetQuery()
_ASSET_NAME_QUERY = schemas.AssetNameQuery()
_RESET = schemas.ResetOptions()
_EXPORT = schemas.ExportOptions()
_STRICT = schemas.StrictOption()
_CLEAN = schemas.CleanOptions()
_MOST_IGNORED = 50  # members that the header names
_LONGEST_IGNORED = 120  # characters of each
_IGNORED = {"Stateroom-Ignored": "Members of the body that its schema does not know."}
_STARTED = time.monotonic()


@bp.get("/health")
@Operation((200, schemas.Health), also=(503,), errors={503: (schemas.Health,)}, open=True)
def health() -> Response:
    """Get the service's health, version and database; 503 if the database cannot be read."""
    service = g.service
    problem = service.store.problem()
    backend = service.backend_of(g.namespace)
    facts = {
        "status": "unhealthy" if problem else "healthy",
        "version": __version__,
        "compat": service.settings["compat"],
        "database": service.store.path,
        "backend": {"name": backend.name, **backend.calls.counts()},
        "uptime": round(time.monotonic() - _STARTED, 3),
    }
    if problem:
        return json_answer({**facts, "problem": problem}, 503)
    database_id = service.store.identity.database_id
    return json_answer({**facts, "realm": f"{database_id}/{g.namespace.realm}"})


@bp.post("/reset")
@Operation(NO_BODY, query=schemas.ResetOptions, lane=SLOW)
def reset() -> Any:
    """Return to the fixture given at start, if any; ``?to=empty`` removes everything."""
    (parameters,) = read(query(_RESET))
    document: dict[str, Any] = {}
    if "to" not in parameters:
        document = first_fixture()
    fixtures.apply(g.namespace, document, forget=True, environ=g.service.environ)
    return NO_CONTENT


def first_fixture() -> dict[str, Any]:
    """The fixture given when the service started or, for another namespace, when it was created."""
    if g.namespace.name == DEFAULT:
        return g.service.fixture or {}
    return load_fixture(g.namespace.fixture or {}, strict=False)[0]


@bp.get("/fixture")
@Operation((200, schemas.Fixture), query=schemas.ExportOptions, lane=SLOW)
def get_fixture() -> Response:
    """Export the namespace as a fixture document; secrets of connections and variables only with
    ``?with_secrets=1``.
    """
    (parameters,) = read(query(_EXPORT))
    sensitive = setting("sensitive_var_conn_names")
    return large_answer(fixtures.parts(g.namespace, parameters["with_secrets"], sensitive))


@bp.put("/fixture")
@Operation(NO_BODY, query=schemas.StrictOption, body=schemas.Fixture, headers=_IGNORED, lane=SLOW)
def put_fixture() -> Any:
    """Create or update what a fixture document names; everything else stays."""
    document, ignored = load_fixture(g.body, strict=_is_strict())
    config = document.get("config", {})
    if "jwt_secret" in config and g.service.keys.guards_control:
        del config["jwt_secret"]
        ignored.append("config.jwt_secret")
    fixtures.apply(g.namespace, document, environ=g.service.environ)
    return "", 204, _ignored_header(ignored)


def _is_strict() -> bool:
    """Whether unknown members of the body are to be refused."""
    (parameters,) = read(query(_STRICT))
    return bool(parameters["strict"])


def _ignored_header(ignored: list[str]) -> dict[str, str]:
    """The header that names ignored members, in ASCII and of a bounded length."""
    if not ignored:
        return {}
    names = [
        path.encode("unicode_escape").decode("ascii")[:_LONGEST_IGNORED]
        for path in ignored[:_MOST_IGNORED]
    ]
    if len(ignored) > _MOST_IGNORED:
        names.append(f"and {len(ignored) - _MOST_IGNORED} more")
    return {"Stateroom-Ignored": ", ".join(names)}


@bp.get("/task-instances")
@Operation((200, schemas.TaskInstanceMade), query=schemas.TaskInstanceQuery, also=(404,), lane=SLOW)
def get_task_instance() -> Response:
    """Get the current attempt of a task instance, with a token for its worker."""
    (parameters,) = read(query(_TASK_INSTANCE_QUERY))
    attempt = task_instances.current_task_instance(g.namespace, task_scope_from(parameters))
    return json_answer(_with_token(attempt["id"]))


@bp.post("/task-instances")
@Operation(
    (201, schemas.TaskInstanceMade),
    query=schemas.StrictOption,
    body=schemas.TaskInstanceBody,
    headers=_IGNORED,
    lane=SLOW,
)
def create_task_instance() -> Any:
    """Create a task instance or its next attempt, and its dag run, with a token for its worker."""
    document, ignored = load(_TASK_INSTANCE, g.body, strict=_is_strict())
    run_id = document.get("run_id") or f"manual__{g.namespace.clock.now().isoformat()}"
    scope = task_scope_from({**document, "run_id": run_id})
    attempt = task_instances.create_task_instance(g.namespace, scope, document.get("try_number"))
    return json_answer(_with_token(attempt["id"]), 201), _ignored_header(ignored)


@bp.delete("/task-instances")
@Operation(
    (200, schemas.TaskInstanceRemoved), query=schemas.TaskInstanceQuery, also=(404,), lane=SLOW
)
def delete_task_instance() -> Response:
    """Delete a task instance with its attempts, keys and XComs; the journal keeps their history."""
    (parameters,) = read(query(_TASK_INSTANCE_QUERY))
    scope = task_scope_from(parameters)
    return json_answer(scope_removal.remove_task_instance(g.namespace, scope))


@bp.get("/task-instances/<task_instance_id>")
@Operation((200, schemas.TaskInstanceFacts), also=(404,), lane=SLOW)
def get_attempt(task_instance_id: str) -> Response:
    """Get the facts of an attempt, current or former: its state, its try number, its trigger."""
    (segments,) = read(path(_TASK_INSTANCE_PATH, task_instance_id=task_instance_id))
    return json_answer(run_context.attempt(g.namespace, segments["task_instance_id"]))


@bp.post("/task-instances/<task_instance_id>/heartbeat-timeout")
@Operation((200, schemas.TimedOut), also=(404,), lane=SLOW)
def time_out_task_instance(task_instance_id: str) -> Response:
    """End an attempt whose worker is gone, as a scheduler does after its heartbeat timeout: it
    fails, or is up for retry; one that neither runs nor is queued keeps its state.
    """
    (segments,) = read(path(_TASK_INSTANCE_PATH, task_instance_id=task_instance_id))
    state = task_instances.time_out(g.namespace, segments["task_instance_id"])
    return json_answer({"state": state})


@bp.post("/task-instances/<task_instance_id>/resume")
@Operation(
    (200, schemas.Resumed),
    query=schemas.StrictOption,
    body=schemas.Resumption,
    also=(404, 409, 410),
    headers=_IGNORED,
    lane=SLOW,
)
def resume_task_instance(task_instance_id: str) -> Any:
    """Resume a deferred task instance with what its trigger yielded: it is queued again, under its
    id, or ends.
    """
    (segments,) = read(path(_TASK_INSTANCE_PATH, task_instance_id=task_instance_id))
    document, ignored = load(_RESUMPTION, g.body, strict=_is_strict())
    ti_id = segments["task_instance_id"]
    state = task_instances.resume(g.namespace, ti_id, Resumption(**document))
    return json_answer({"state": state}), _ignored_header(ignored)


def _with_token(ti_id: str) -> dict[str, Any]:
    """The facts of an attempt, with a token for its worker."""
    facts = run_context.attempt(g.namespace, ti_id)
    return {**facts, "token": tokens.for_task_instance(signing_secret(), ti_id)}


@bp.get("/assets")
@Operation((200, schemas.AssetsFound), query=schemas.AssetQuery, lane=SLOW)
def find_assets() -> Response:
    """Find the active assets of a name, or of a uri."""
    (parameters,) = read(query(_ASSET_QUERY))
    found = assets.named(g.namespace, parameters.get("name"), parameters.get("uri"))
    return json_answer({"assets": found})


@bp.post("/assets")
@Operation(
    (201, schemas.AssetMade),
    query=schemas.StrictOption,
    body=schemas.AssetBody,
    headers=_IGNORED,
    lane=SLOW,
)
def create_asset() -> Any:
    """Create an active asset; an existing one of this name is returned unchanged."""
    document, ignored = load(_ASSET, g.body, strict=_is_strict())
    asset = assets.create_asset(g.namespace, document["name"], document.get("uri"))
    return json_answer(asset, 201), _ignored_header(ignored)


@bp.delete("/assets")
@Operation((200, schemas.AssetRemoved), query=schemas.AssetNameQuery, also=(404,), lane=SLOW)
def delete_asset() -> Response:
    """Delete an active asset with its keys and events; the journal keeps their history."""
    (parameters,) = read(query(_ASSET_NAME_QUERY))
    return json_answer(scope_removal.remove_asset(g.namespace, parameters["name"]))


@bp.post("/clean")
@Operation((200, schemas.Cleaned), query=schemas.CleanOptions, lane=SLOW)
def clean() -> Response:
    """Remove expired entries, as ``airflow state-store clean``; ``?dry_run=1`` only counts them."""
    (parameters,) = read(query(_CLEAN))
    dry_run = parameters["dry_run"]
    count = expiry.clean(g.namespace, dry_run, setting("state_cleanup_batch_size"))
    return json_answer({"expired" if dry_run else "removed": count})
