"""The Control API: Stateroom's own, under ``/_stateroom``."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, g, request

from schemas import control as schemas
from schemas.problems import listed
from state import __version__, tokens
from state.scopes import TaskScope
from state.store import fixtures

from . import service, setting
from .auth import require_admin
from .errors import InvalidInput, Refused, json_answer, no_content
from .parsing import _is_json, body, queries, read, read_body

bp = Blueprint("control_api", __name__, url_prefix="/_stateroom")
_FIXTURE = schemas.Fixture()
_TASK_INSTANCE = schemas.TaskInstanceBody()
_ASSET = schemas.AssetBody()
_NAMED_AT_MOST = 50
_STARTED = time.monotonic()


@bp.before_request
def admit() -> None:
    """Only admins, where a secret was given at start; and only JSON, so that no page's form can write."""
    if request.endpoint == "control_api.health":
        return
    require_admin()
    read_json()


def read_json() -> None:
    """Parse the body.

    :raises Refused: if it is not said to be JSON.
    """
    if (
        request.method in ("PUT", "POST", "PATCH")
        and request.content_length
        and not _is_json(request.content_type or "")
    ):
        raise Refused(415, "the body must be application/json", "unsupported_media_type")
    read_body()


@bp.get("/health")
def health() -> Response:
    """Say that the service is ready, what it is and which database it serves."""
    current = service()
    with current.store.reading() as db:
        db.execute("SELECT 1 FROM namespaces LIMIT 1").fetchone()
    return json_answer({
        "status": "healthy",
        "version": __version__,
        "compat": current.settings["compat"],
        "database": current.store.path,
        "realm": f"{current.store.database_id}/{g.namespace.name}",
        "backend": {"name": current.backend.name, **current.backend.calls.counts()},
        "uptime": round(time.monotonic() - _STARTED, 3),
    })  # fmt: skip


@bp.post("/reset")
def reset() -> Any:
    """Forget everything, or return to the fixture loaded at start; ``?to=empty`` forgets that too."""
    to = queries("to")
    if to not in ([], ["empty"]):
        raise Refused(400, f"to is {to[-1]!r}; expected empty, or no to at all", "invalid_input")
    fixtures.apply(g.namespace, {} if to else service().fixture or {}, forget=True)
    return no_content()


@bp.get("/fixture")
def get_fixture() -> Response:
    """Export what the namespace holds as a fixture document; secrets are not part of it."""
    return json_answer(fixtures.export(g.namespace))


@bp.put("/fixture")
def put_fixture() -> Any:
    """Create or update what a fixture document names, and leave the rest."""
    document, ignored = load_fixture(g.body, strict=queries("strict") == ["1"])
    config = document.get("config", {})
    if config.get("jwt_secret") and not service().keys.takes_secrets():
        del config["jwt_secret"]
        ignored.append("config.jwt_secret")
    fixtures.apply(g.namespace, document)
    return "", 204, {"Stateroom-Ignored": _header(ignored)} if ignored else {}


def _header(places: list[str]) -> str:
    shown = ", ".join(
        place.encode("ascii", "backslashreplace").decode().replace("\n", "\\n") for place in places[:_NAMED_AT_MOST]
    )
    return shown + (f", and {len(places) - _NAMED_AT_MOST} more" if len(places) > _NAMED_AT_MOST else "")


def load_fixture(data: Any, strict: bool) -> tuple[dict[str, Any], list[str]]:
    """Check a fixture document.

    :param strict: refuse members that no fixture has, instead of naming them.
    :returns: the document with its moments read, and the places of the ignored members.
    :raises InvalidInput: naming each place that is wrong.
    """
    document, problems = _loaded(data)
    ignored = schemas.unknown_members(_FIXTURE, data)
    if strict:
        problems += [
            {"type": "extra_forbidden", "loc": [place], "msg": "is not a member that a fixture has", "input": None}
            for place in ignored
        ]
    if problems:
        raise InvalidInput(problems)
    return document, ignored


def _loaded(data: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from marshmallow import ValidationError

    if data is None:
        return {}, [{"type": "missing", "loc": ["body"], "msg": "a fixture document is required", "input": None}]
    try:
        return dict(_FIXTURE.load(data)), []
    except ValidationError as error:
        return {}, listed(_FIXTURE, error, data, ())


@bp.post("/task-instances")
def create_task_instance() -> Response:
    """Make a task instance, or its next attempt, with its dag run if need be, and a token for its worker."""
    (asked,) = read(body(_TASK_INSTANCE))
    run_id = asked.get("run_id") or f"manual__{g.namespace.clock.now().isoformat()}"
    scope = TaskScope(asked["dag_id"], run_id, asked["task_id"], asked["map_index"])
    made = g.namespace.create_task_instance(scope, asked.get("try_number"))
    token = tokens.for_task_instance(service().keys.signing(g.namespace), made["id"])
    return json_answer({**made, "token": token}, 201)


@bp.post("/assets")
def create_asset() -> Response:
    """Make an active asset; one of this name that is there already is returned as it is."""
    (asked,) = read(body(_ASSET))
    return json_answer(g.namespace.create_asset(asked["name"], asked.get("uri")), 201)


@bp.post("/clean")
def clean() -> Response:
    """Remove expired entries, as ``airflow state-store clean`` does; ``?dry_run=1`` only counts them."""
    dry_run = queries("dry_run") == ["1"]
    count = g.namespace.clean(dry_run, setting("state_cleanup_batch_size"))
    return json_answer({"expired" if dry_run else "removed": count})
