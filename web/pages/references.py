"""The pages of references: list and check them, list and remove orphans."""

from __future__ import annotations

from itertools import islice
from typing import Any

from flask import Blueprint, g, redirect, render_template, request

from state.gateway import health, orphans
from state.model.clock import to_text
from state.model.reference_facts import HEALTH, OLDER_THAN, UNHEALTHY, Verdict
from state.store.tables import references
from state.words import count

from ..errors import Refused
from ..operation import BACKEND, SLOW, lane
from . import session
from .urls import ROWS, List, number, one_of, to

bp = Blueprint("references", __name__)
_AT_ONCE = 25  # references that one step of a check resolves
_ORPHANS = 200  # that are listed, and removed at once
_AGES = {OLDER_THAN: "older than a day", 3600: "older than an hour", 0: "any age"}


@bp.get("/references")
@lane(SLOW)
def show_references() -> Any:
    """A page of the references, and how many have each health."""
    return _page()


def _page(progress: dict[str, Any] | None = None) -> Any:
    selected = one_of("health", HEALTH)
    counts = references.healths(g.namespace)
    page = number("page", 1)
    rows, total = references.page(g.namespace, selected, None, ROWS, (page - 1) * ROWS)
    listed = List("references", "", page)
    return render_template(
        "references.html",
        rows=rows,
        total=total,
        list=listed,
        health=selected,
        counts=counts,
        known=HEALTH,
        all=sum(counts.values()),
        backend=g.service.backend_of(g.namespace),
        progress=progress,
    )


@bp.post("/references")
@lane(BACKEND)
def check() -> Any:
    """Check the next references; the form of the page that follows continues after them."""
    step = health.check(
        g.namespace, g.service.backend_of(g.namespace), _form_number("after"), _AT_ONCE
    )
    checked = _form_number("checked") + step["checked"]
    bad = _form_number("bad")
    bad += sum(counted for word, counted in step["health"].items() if word in UNHEALTHY)
    if step["next"] is not None:
        progress = {
            "after": step["next"],
            "checked": checked,
            "bad": bad,
            "of": checked + step["remaining"],
            "errors": step["errors"],
        }
        return _page(progress)
    verdict = "none is missing, corrupt or changed"
    if bad:
        verdict = f"{bad} of them missing, corrupt or changed"
    session.leave_message(f"{count(checked, 'reference')} checked; {verdict}.")
    return redirect(to("/references"), 303)


def _form_number(name: str) -> int:
    text = request.form.get(name, "0")
    if not text.isdecimal() or len(text) > 18:
        raise Refused(400, f"{name} is {text[:50]!r}; expected a whole number")
    return int(text)


@bp.get("/references/orphans")
@lane(BACKEND)
def show_orphans() -> Any:
    """The objects that no key points at, and whether each can be removed."""
    older_than = _age(request.args.get("older_than"))
    backend = g.service.backend_of(g.namespace)
    first = list(islice(orphans.orphans(g.namespace, backend), _ORPHANS + 1))
    rows = [_orphan(orphan, older_than) for orphan in first[:_ORPHANS]]
    removable = [row for row in rows if row["removable"]]
    return render_template(
        "orphans.html",
        rows=rows,
        more=len(first) > _ORPHANS,
        removable=removable,
        older_than=older_than,
        ages=_AGES,
        bytes=sum(row["size"] or 0 for row in removable),
        backend=backend,
    )


def _orphan(orphan: orphans.Orphan, older_than: int) -> dict[str, Any]:
    decision = orphans.Decision.of(orphan, orphan.verdict(older_than))
    return {
        "ref": orphan.ref,
        "size": orphan.size,
        "written_at": to_text(orphan.written_at),
        "removable": decision.verdict is Verdict.REMOVABLE,
        "verdict": decision.verdict.value,
        "why": decision.why,
    }


def _age(text: str | None) -> int:
    if text is None:
        return OLDER_THAN
    ages = {str(age): age for age in _AGES}
    if text not in ages:
        raise Refused(400, f"older_than is {text[:50]!r}; expected one of {', '.join(ages)}")
    return ages[text]


@bp.post("/references/orphans")
@lane(BACKEND)
def remove_orphans() -> Any:
    """Remove the orphans that this database wrote and that are old enough."""
    older_than = _age(request.form.get("older_than"))
    result = orphans.remove_orphans(
        g.namespace, g.service.backend_of(g.namespace), older_than, _ORPHANS
    )
    message = f"{count(len(result['removed']), 'object')} removed"
    if result["left"]:
        message += f"; {count(len(result['left']), 'other')} kept"
    session.leave_message(f"{message}.")
    return redirect(to("/references/orphans", older_than=older_than), 303)
