"""The page of a namespace: its clock, snapshots, faults, variables and connections, and
the list of namespaces.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, redirect, render_template, request

from schemas.fields.datetimes import utc_from_string
from state.errors import StateError
from state.model.clock import Clock, to_text, to_wire
from state.model.scopes import PAGE
from state.store import fixtures
from state.store.fixtures import counts
from state.store.snapshots import take_before
from state.store.tables import expiry
from state.store.tables.namespaces import change_clock
from state.words import count

from ..api.control.fixtures import first_fixture
from ..errors import Refused, status_of
from ..operation import BACKEND, SLOW, lane
from ..service import PREFIX, setting
from . import faults, session, shared, snapshots
from .faults import Wrong
from .session import Done
from .urls import to

bp = Blueprint("namespace", __name__)
_UNITS = {"minutes": 60, "hours": 3600, "days": 86400}
_SHOWN = 200  # namespaces


@bp.get("/bench")
@lane(SLOW)
def show_namespace() -> Any:
    """The page of everything that changes a whole namespace."""
    return _page()


def _page(status: int = 200, errors: dict[str, str] | None = None) -> Any:
    spaces = g.service.store.namespaces()
    clock = g.namespace.clock
    return render_template(
        "namespace.html",
        spaces=spaces[:_SHOWN],
        more=max(0, len(spaces) - _SHOWN),
        units=_UNITS,
        inputs=request.form,
        errors=errors or {},
        clock=clock,
        now=to_text(clock.now()),
        expired=expiry.clean(g.namespace, True, 0),
        **faults.facts(),
        **snapshots.facts(),
        **shared.facts(),
    ), status


@bp.post("/bench")
@lane(BACKEND)
def act() -> Any:
    """Do what the form says, and report it; invalid input is shown again with its error."""
    action = request.form.get("action", "")
    if action not in _ACTS:
        raise Refused(400, f"action is {action!r}; expected one of {', '.join(_ACTS)}")
    try:
        done = _ACTS[action]()
    except Wrong as error:
        return _page(422, {error.field: str(error)})
    except StateError as error:
        return _page(status_of(error), {action: str(error)})
    session.leave_message(done.text, done.undo)
    return redirect(done.path or to("/bench"), 303)


# ---------------------------------------------------------------- clock


def _change_clock(change: Callable[[Clock], Clock]) -> Done:
    try:
        clock = change_clock(g.namespace, change, PAGE)
    except OverflowError:
        raise Wrong("clock", "The clock would leave the years 1 to 9999.") from None
    message = f"The clock shows {to_wire(to_text(clock.now()))[:19].replace('T', ' ')} UTC"
    if clock.frozen_at is not None:
        message += ", and is frozen"
    return Done(f"{message}.")


def _advance() -> Done:
    text = request.form.get("number", "")
    unit = request.form.get("unit", "days")
    try:
        duration = timedelta(seconds=float(text) * _UNITS.get(unit, 86400))
    except (ValueError, OverflowError):
        raise Wrong("clock", f"{text[:50]!r} is not a number of {unit}.") from None
    return _change_clock(lambda clock: clock.advance(duration))


def _set_to() -> Done:
    text = request.form.get("moment", "").strip()
    try:
        moment = utc_from_string(text)
    except ValueError:
        raise Wrong(
            "clock", f"Invalid time “{text[:50]}”; write one such as 2030-12-24T18:00 (in UTC)."
        ) from None
    return _change_clock(lambda clock: clock.set(moment))


def _clean() -> Done:
    removed = expiry.clean(g.namespace, False, setting("state_cleanup_batch_size"), PAGE)
    return Done(f"Cleaned: {count(removed, 'expired key')} removed.")


# ---------------------------------------------------------------- namespaces


def _reset() -> Done:
    undo = take_before(g.namespace, "reset", PAGE)
    fixtures.apply(g.namespace, first_fixture(), True, PAGE, g.service.environ)
    return Done(f"The namespace {g.namespace.name} is as it was at its start.", undo=undo)


@bp.get("/bench/ask")
@lane(SLOW)
def ask() -> Any:
    """Show what a restore, a drop or a reset would change, and ask for confirmation."""
    action = request.args.get("action", "")
    name = request.args.get("name", "")
    if action not in ("restore_snapshot", "drop_snapshot", "reset"):
        raise Refused(400, f"action is {action!r}; expected restore_snapshot, drop_snapshot, reset")
    facts: dict[str, Any] = {"snapshot": None, "changes": None}
    if action != "reset":
        facts["snapshot"] = snapshots.find(name)
    if action == "restore_snapshot":
        facts["changes"] = snapshots.changes(name)
    held = counts(g.namespace)
    return render_template("ask_namespace.html", action=action, held=held, **facts)


def _create_namespace() -> Done:
    namespace = g.service.store.create_namespace(request.form.get("name", "").strip())
    message = f"The namespace {namespace.name} is created. This is its overview."
    return Done(message, f"{_outer()}{PREFIX}{namespace.name}/")


def _drop_namespace() -> Done:
    name = request.form.get("name", "")
    if request.form.get("sure") != name:
        raise Wrong("drop_namespace", f"Nothing was dropped: write {name} to confirm.")
    g.service.store.drop_namespace(name)
    message = f"The namespace {name} is dropped."
    if g.namespace.name == name:
        return Done(message, f"{_outer()}/bench")
    return Done(message)


def _outer() -> str:
    """The path of the service, without the namespace."""
    return str(request.script_root.partition(PREFIX)[0])


_ACTS: dict[str, Any] = {
    "freeze": lambda: _change_clock(lambda clock: clock.freeze()),
    "unfreeze": lambda: _change_clock(lambda clock: clock.unfreeze()),
    "advance": _advance,
    "set": _set_to,
    "real": lambda: _change_clock(lambda clock: Clock()),
    "clean": _clean,
    "reset": _reset,
    "take_snapshot": snapshots.take,
    "restore_snapshot": snapshots.restore,
    "drop_snapshot": snapshots.drop,
    "set_fault": faults.set_fault,
    "remove_fault": faults.remove_fault,
    "clear_faults": faults.clear_faults,
    "create_namespace": _create_namespace,
    "drop_namespace": _drop_namespace,
}
