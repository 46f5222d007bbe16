"""The pages, for people: overview, task instance and asset. Server-rendered; every one works without scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, render_template, request

from state import __version__
from state.model.scopes import TaskScope
from state.store.views import details, history, keys, lists

from ..errors import Refused
from ..operation import SLOW, WAITING, lane
from ..service import PREFIX, service
from . import session as sessions
from .forms import default_at
from .urls import ROWS, here, key_url, number, one_of, place_args, place_url, read, to

bp = Blueprint("browse", __name__)
_LISTS = {"runs": lists.runs, "tasks": lists.tasks, "assets": lists.assets, "keys": keys.found}
_LATEST = 12  # writes
_WAIT = 25  # seconds that a page waits for the next write


@bp.app_context_processor
def common() -> dict[str, Any]:
    """What every page shows, an error's too."""
    namespace = g.get("namespace")
    return {
        "version": __version__,
        "here": here,
        "to": to,
        "place_url": place_url,
        "place_args": place_args,
        "key_url": key_url,
        "namespace": namespace.name if namespace else None,
        "clock": namespace.clock if namespace else None,
        "root": request.script_root,
        "prefix": PREFIX,
        "csrf": sessions.csrf,
        "heard": sessions.heard,
        "login": sessions,
        "origin": request.host_url.rstrip("/") + request.script_root,
    }


def backend_name() -> str:
    """The backend of this namespace."""
    return service().backend_of(g.namespace).name


@bp.get("/")
@lane(SLOW)
def show_overview() -> Any:
    """Dag runs, task instances, assets and keys with what they hold, and the latest writes."""
    narrowed = bool(request.args.get("q") or request.args.get("only"))
    show = one_of(
        "show", _LISTS, "keys" if narrowed else "tasks" if request.args.get("run_id") else "runs"
    )
    asked = read(str(show))
    fitting = lists.totals(g.namespace, asked.asked)
    of_each = (
        lists.totals(g.namespace, replace(asked.asked, only=None)) if asked.asked.only else fitting
    )
    return render_template(
        "overview.html",
        list=asked,
        rows=_LISTS[asked.show](g.namespace, asked.asked, asked.order, ROWS, asked.offset),
        of_each=of_each,
        fitting=fitting,
        total=fitting[asked.show],
        empty=lists.is_empty(g.namespace),
        **_live(),
    )


def _live() -> dict[str, Any]:
    return {
        "latest": history.latest(g.namespace, _LATEST),
        "journal": g.namespace.journal.is_kept,
        "last": g.namespace.journal.bounds()[1],
    }


@bp.get("/live")
@lane(WAITING)
def live() -> Response:
    """The latest writes as a piece of a page, as soon as something happens after the event ``after``."""
    g.namespace.journal.wait(_WAIT, number("after", 0), limit=1)
    found = _live()
    answer = Response(
        render_template("_latest.html", **found), content_type="text/html; charset=utf-8"
    )
    answer.headers["Stateroom-Last"] = str(found["last"])
    return answer


def task_place() -> dict[str, Any]:
    """The task instance that the address names."""
    missing = [name for name in ("dag_id", "run_id", "task_id") if not request.args.get(name)]
    if missing:
        raise Refused(
            400,
            f"the address names no {missing[0]}; ?dag_id=…&run_id=…&task_id=… name a task instance",
        )
    index = number("map_index", -1)
    scope = TaskScope(
        request.args["dag_id"], request.args["run_id"], request.args["task_id"], index
    )
    return details.task(g.namespace, scope)


def asset_place() -> dict[str, Any]:
    """The asset that the address names, by its id or its name."""
    if "asset" in request.args:
        return details.asset_named(g.namespace, request.args["asset"])
    return details.asset(g.namespace, number("asset_id", 1))


def any_place() -> dict[str, Any]:
    """The task instance or the asset that the address names."""
    return asset_place() if {"asset_id", "asset"} & set(request.args) else task_place()


def show_place(place: dict[str, Any], status: int = 200, **more: Any) -> Any:
    """The page of a task instance or asset.

    :param more: what a form that was refused had in it, and what is wrong there.
    """
    asked, held = read("keys"), details.holds(g.namespace, place["scope_id"])
    facts = {
        "list": asked,
        "place": place,
        "held": held,
        "total": held["keys"],
        "backend": backend_name(),
    }
    facts["rows"] = keys.of_scope(g.namespace, place["scope_id"], asked.order, ROWS, asked.offset)
    facts["default_at"] = default_at()
    if place["asset_id"] is None:
        facts["attempts"] = details.attempts(g.namespace, place["scope_id"])
        facts["siblings"] = details.siblings(g.namespace, place)
    return render_template("place.html", **facts, **more), status


@bp.get("/task")
@lane(SLOW)
def show_task() -> Any:
    """A task instance: its keys, its attempts, its map indices."""
    return show_place(task_place())


@bp.get("/asset")
@lane(SLOW)
def show_asset() -> Any:
    """An asset and its keys."""
    return show_place(asset_place())
