"""Faults at work: what happens to a call on somebody's state, around its view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, g, request

from state.backends.wrappers import BackendFault, FaultyHooks
from state.gateway.backend import Backend
from state.model.events import CLOSED
from state.model.faults import Call
from state.model.scopes import CONTROL, StoreScope, scope_document
from state.store.faults import Fired
from state.store.journal.journal import Event
from state.store.journal.writer import NUMBERS
from state.store.tables import scopes

from .error_handlers import rendered
from .errors import Injected
from .operation import operation_of
from .request.auth import require_role
from .request.state_call import Asked, asked
from .responses import CUT, NOTHING
from .service import service

OPS = frozenset({"get", "set", "delete", "clear", "list"})
_BACKEND = {
    "missing": "the backend's object was missing",
    "corrupt": "the backend's object was corrupt",
    "slow": "the backend was slow",
    "refused": "the backend refused access",
}
_EFFECT = {"get": "read", "list": "read"}


def dispatch(app: Flask, view: Callable[[], Any]) -> Any:
    """Answer a request in a namespace that has faults; they happen to calls on somebody's state only.

    :param view: answers the request without faults.
    """
    operation = operation_of(app, request.endpoint)
    if operation is None or operation.state_op not in OPS:
        return view()
    entity = getattr(app.view_functions[str(request.endpoint)], "entity", None)
    if entity is not None:
        require_role(entity)
    return _play(view)


def _play(view: Callable[[], Any]) -> Response:
    call = asked()
    assert call is not None
    fired = g.namespace.faults.take(_call(call))
    delay = sum(one.delay for one in fired)
    if delay:
        service().store.ending.wait(delay)
    decided = fired[-1] if fired and fired[-1].fault.answers else None
    g.backend_faults = []
    played = _played(view, call, decided)
    answer = played.answer
    status = None if request.environ.get(CUT) == NOTHING else answer.status_code
    for one in (*fired, *g.backend_faults):
        what, outcome = ("", None)
        if one is decided:
            what, outcome = (played.what, played.outcome)
        event = Event(
            "fault", replace(CONTROL, ti_id=call.writer.ti_id), call.scope_id, call.key, status
        )
        event = event._replace(parent=played.parent, outcome=outcome)
        g.namespace.faults.note(one, said_of(one, what), event)
    return answer


def said_of(fired: Fired, what: str = "") -> str:
    """What a fault did, for the journal.

    :param what: beside the delay and what it did to the backend.
    """
    delayed = f"delayed {fired.delay:.3g} s" if fired.delay else ""
    backend = _BACKEND[fired.fault.backend] if fired.fault.backend else ""
    return ", ".join(part for part in (delayed, backend, what) if part)


def _call(call: Asked) -> Call:
    """What faults are matched against: the coordinates that are known, or else those that were named."""
    place = scopes.place(g.namespace, call.scope_id) if call.scope_id is not None else None
    view_args = request.view_args or {}
    if not place and "dag_id" in view_args:
        named = {name: view_args[name] for name in ("dag_id", "run_id", "task_id")}
        place = {**named, "map_index": request.args.get("map_index", "-1")}
    elif not place and view_args.get("by") == "name":
        place = {"asset": request.args.get("name")}
    return Call(call.op, place or {}, call.key)


class _Played(NamedTuple):
    """What became of a call.

    :param parent: the number of the request's event in the journal.
    :param what: what the fault did that decided the answer.
    :param outcome: ``closed`` if it closed the connection, before the answer or in its middle.
    """

    answer: Response
    parent: int | None
    what: str = ""
    outcome: str | None = None


def _played(view: Callable[[], Any], call: Asked, decided: Fired | None) -> _Played:
    """Answer as the fault says that decides, if one does."""
    if decided is None:
        return _viewed(view)
    fault, effect = decided.fault, _EFFECT.get(call.op, "write")
    if fault.close:
        played = (
            _closed_before(call, decided, effect)
            if fault.close == "before"
            else _closed_after(view, effect)
        )
        request.environ[CUT] = NOTHING
        return played
    if fault.status and fault.after:
        played = _replaced(_viewed(view), Injected(fault.status, decided.fault_id), effect)
    elif fault.status:
        played = _viewed(lambda: _injected(decided))._replace(
            what=f"answered {fault.status} instead"
        )
    else:
        played = _viewed(view)
    return _truncated(played) if fault.truncate else played


def _closed_before(call: Asked, decided: Fired, effect: str) -> _Played:
    parent = call.note(None, f"fault {decided.fault_id} closed the connection")
    return _Played(Response(status=503), parent, f"closed before the {effect}", CLOSED)


def _closed_after(view: Callable[[], Any], effect: str) -> _Played:
    played = _viewed(view)
    status = played.answer.status_code
    what = f"closed after the {effect}"
    if status >= 400:
        what = f"closed instead of answering {status}"
    return played._replace(what=what, outcome=CLOSED)


def _replaced(played: _Played, error: Injected, effect: str) -> _Played:
    what = f"answered {error.status} instead of {played.answer.status_code}, after the {effect}"
    return _Played(rendered(error), played.parent, what)


def _truncated(played: _Played) -> _Played:
    length = len(played.answer.get_data())
    request.environ[CUT] = length // 2
    sent = f"sent {length // 2} of {length} bytes, then closed"
    what = f"{played.what}, {sent}" if played.what else sent
    return played._replace(what=what, outcome=CLOSED)


def _viewed(view: Callable[[], Any]) -> _Played:
    """A view's answer, errors included."""
    numbers: list[int] = []
    token = NUMBERS.set(numbers)
    try:
        answer, own = current_app.make_response(view()), 0
    except Exception as error:
        answer, own = (
            current_app.make_response(current_app.handle_user_exception(error)),
            -1,
        )  # the refusal is last
    finally:
        NUMBERS.reset(token)
    return _Played(answer, numbers[own] if numbers else None)


def _injected(decided: Fired) -> Response:
    assert decided.fault.status is not None
    raise Injected(decided.fault.status, decided.fault_id)


def backend() -> Backend:
    """The backend of the request's namespace, with the faults that it has."""
    found, namespace = service().backend_of(g.namespace), g.namespace
    if found.hooks is None or not namespace.faults.of_backend:
        return found
    fired: list[Fired] = g.setdefault("backend_faults", [])

    def take(op: str, scope: StoreScope, key: str | None) -> BackendFault | None:
        one = taken(namespace, Call(op, scope_document(scope), key))
        if one is None:
            return None
        fired.append(one)
        return backend_fault(one)

    return replace(found, hooks=FaultyHooks(found.hooks, take, namespace.database.ending.wait))


def taken(namespace: Any, call: Call) -> Fired | None:
    """What goes wrong with a call of a state backend."""
    found: list[Fired] = namespace.faults.take(call, backend=True)
    return found[0] if found else None


def backend_fault(fired: Fired) -> BackendFault:
    return BackendFault(fired.fault_id, str(fired.fault.backend), fired.delay)
