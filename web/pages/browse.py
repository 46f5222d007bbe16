"""The pages of the overview, of a task instance and of an asset; each works without scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, render_template, request

from state.store.views import details, history, keys, lists

from ..operation import SLOW, WAITING, lane, part_of_page
from ..responses import is_client_gone, plain_text
from . import task
from .examples import set_command
from .forms import default_at
from .urls import ROWS, named_asset, named_task, number, one_of, read

bp = Blueprint("browse", __name__)
_LISTS = {"runs": lists.runs, "tasks": lists.tasks, "assets": lists.assets, "keys": keys.matching}
_LATEST = 12  # writes
_WAIT = 10  # seconds that a page waits for the next event; then its relative times are renewed


@bp.get("/")
@lane(SLOW)
def show_overview() -> Any:
    """Dag runs, task instances, assets and keys with what they hold, and the latest writes."""
    page = read(str(one_of("show", _LISTS, _default_list())))
    search = lists.in_values(g.namespace, page.search)
    totals = lists.totals(g.namespace, search)
    totals_of_all = totals
    if search.only:
        totals_of_all = lists.totals(g.namespace, replace(search, only=None))
    return render_template(
        "overview.html",
        list=page,
        rows=_LISTS[page.show](g.namespace, search, page.order, ROWS, page.offset),
        of_each=totals_of_all,
        fitting=totals,
        total=totals[page.show],
        empty=lists.is_empty(g.namespace),
        **_latest_writes(),
    )


def _default_list() -> str:
    """The list of an address that names none."""
    if request.args.get("q") or request.args.get("only"):
        return "keys"
    if request.args.get("run_id"):
        return "tasks"
    return "runs"


def _latest_writes() -> dict[str, Any]:
    return {
        "latest": history.latest(g.namespace, _LATEST),
        "journal": g.namespace.journal.is_kept,
    }


@bp.get("/live")
@lane(WAITING)
@part_of_page
def live() -> Response:
    """Wait until there is an event after ``after``, at most a few seconds; the last event's number
    is in the header ``Stateroom-Last``.
    """
    g.namespace.journal.wait(_WAIT, number("after", 0), 1, is_client_gone)
    last = g.namespace.journal.bounds()[1]
    return Response(headers={"Stateroom-Last": str(last)}, content_type="text/plain")


def show_owner(owner: dict[str, Any], status: int = 200, **more: Any) -> Any:
    """The page of a task instance or asset.

    :param more: the form that was refused, with its input and its errors.
    """
    page = read("keys")
    counts = details.counts(g.namespace, owner["scope_id"])
    facts = {
        "list": page,
        "owner": owner,
        "counts": counts,
        "total": counts["keys"],
        "backend": g.service.backend_of(g.namespace),
    }
    facts["rows"] = keys.of_scope(g.namespace, owner["scope_id"], page.order, ROWS, page.offset)
    facts["default_at"] = default_at()
    if owner["asset_id"] is None:
        facts |= task.facts(owner)
    return render_template("owner.html", set_command=set_command, **facts, **more), status


@bp.get("/task")
@lane(SLOW)
def show_task() -> Any:
    """A task instance: its keys, attempts, map indices, rendered fields, XComs and log."""
    return show_owner(named_task())


@bp.get("/task/raw")
@lane(SLOW)
def show_task_part() -> Response:
    """The whole of an XCom, of the rendered fields or of a log, as text."""
    return plain_text(task.raw(named_task()))


@bp.get("/asset")
@lane(SLOW)
def show_asset() -> Any:
    """An asset and its keys."""
    return show_owner(named_asset())
