"""The page of references: what there is and how it is, a check with progress, orphans and their removal."""

from __future__ import annotations

from itertools import islice
from typing import Any

from flask import Blueprint, g, redirect, render_template, request

from state.gateway import health as upkeep
from state.gateway import orphans
from state.model.clock import to_text
from state.model.reference_facts import HEALTH, OLDER_THAN
from state.store.tables import references
from state.store.views.lists import UNHEALTHY

from ..errors import Refused
from ..operation import BACKEND, SLOW, lane
from ..service import service
from . import session as sessions
from .formatting import count
from .urls import ROWS, List, number, one_of, to

bp = Blueprint("references", __name__)
_AT_ONCE = 25  # references that one step of a check looks behind
_ORPHANS = 200  # that are listed, and removed at once
_AGES = {OLDER_THAN: "older than a day", 3600: "older than an hour", 0: "any age"}


@bp.get("/references")
@lane(SLOW)
def show_references() -> Any:
    """A page of the references, with how many there are of each health."""
    return _page()


def _page(progress: dict[str, Any] | None = None) -> Any:
    health = one_of("health", HEALTH)
    counts = references.healths(g.namespace)
    page = number("page", 1)
    rows, total = references.page(g.namespace, health, None, ROWS, (page - 1) * ROWS)
    listed = List("references", "", page)
    return render_template(
        "references.html",
        rows=rows,
        total=total,
        list=listed,
        health=health,
        counts=counts,
        known=HEALTH,
        all=sum(counts.values()),
        backend=service().backend_of(g.namespace),
        progress=progress,
    )


@bp.post("/references")
@lane(BACKEND)
def check() -> Any:
    """Look behind the next references; the page that follows goes on where this one stopped."""
    done = upkeep.check(g.namespace, service().backend_of(g.namespace), _given("after"), _AT_ONCE)
    checked, bad = _given("checked") + done["checked"], _given("bad")
    bad += sum(number for health, number in done["health"].items() if health in UNHEALTHY)
    if done["next"] is not None:
        facts = {
            "after": done["next"],
            "checked": checked,
            "bad": bad,
            "of": checked + done["remaining"],
        }
        return _page({**facts, "errors": done["errors"]})
    verdict = (
        f"{bad} of them missing, corrupt or changed"
        if bad
        else "none is missing, corrupt or changed"
    )
    sessions.say(f"{count(checked, 'reference')} checked; {verdict}.")
    return redirect(to("/references"), 303)


def _given(name: str) -> int:
    text = request.form.get(name, "0")
    if not text.isdecimal() or len(text) > 18:
        raise Refused(400, f"{name} is {text[:50]!r}; expected a whole number")
    return int(text)


@bp.get("/references/orphans")
@lane(BACKEND)
def show_orphans() -> Any:
    """Objects that no key points at, and what would become of each."""
    older_than = _age(request.args.get("older_than"))
    backend = service().backend_of(g.namespace)
    found = list(islice(orphans.orphans(g.namespace, backend), _ORPHANS + 1))
    rows = [_orphan(each, older_than) for each in found[:_ORPHANS]]
    removable = [row for row in rows if row["verdict"] == "removable"]
    return render_template(
        "orphans.html",
        rows=rows,
        more=len(found) > _ORPHANS,
        removable=removable,
        older_than=older_than,
        ages=_AGES,
        bytes=sum(row["size"] or 0 for row in removable),
        backend=backend,
    )


def _orphan(each: orphans.Orphan, older_than: int) -> dict[str, Any]:
    verdict = each.verdict(older_than)
    return {
        "ref": each.ref,
        "size": each.size,
        "written_at": to_text(each.written_at),
        "verdict": verdict,
    }


def _age(text: str | None) -> int:
    ages = {str(age): age for age in _AGES}
    if text is not None and text not in ages:
        raise Refused(400, f"older_than is {text[:50]!r}; expected one of {', '.join(ages)}")
    return ages[text] if text is not None else OLDER_THAN


@bp.post("/references/orphans")
@lane(BACKEND)
def remove_orphans() -> Any:
    """Remove those that are this database's and old enough."""
    older_than = _age(request.form.get("older_than"))
    done = orphans.remove_orphans(
        g.namespace, service().backend_of(g.namespace), older_than, _ORPHANS
    )
    left = f"; {count(len(done['left']), 'other')} stayed" if done["left"] else ""
    sessions.say(f"{count(len(done['removed']), 'object')} removed{left}.")
    return redirect(to("/references/orphans", older_than=older_than), 303)
