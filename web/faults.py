"""Inject the faults of a namespace into the calls on state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from flask import Response, current_app, g, request

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
from .operation import current_operation
from .request.state_call import StateCall, state_call
from .responses import CUT, NOTHING

OPS = frozenset({"get", "set", "delete", "clear", "list"})
_BACKEND = {
    "missing": "the backend's object was missing",
    "corrupt": "the backend's object was corrupt",
    "slow": "the backend was slow",
    "refused": "the backend refused access",
}
_KINDS = {"get": "read", "list": "read"}


def dispatch(view: Callable[[], Any]) -> Any:
    """Answer a request in a namespace that has faults; only calls on state have any.

    :param view: answers the request without faults.
    """
    operation = current_operation()
    if operation is None or operation.state_op not in OPS:
        return view()
    return _answer_with_faults(view)


def _answer_with_faults(view: Callable[[], Any]) -> Response:
    """Answer a call on state as the faults that match it say, and note them in the journal."""
    call = state_call()
    assert call is not None
    fired: list[Fired] = g.namespace.faults.take(_call(call))
    delay = sum(fault.delay for fault in fired)
    if delay:
        g.service.store.ending.wait(delay)
    answering = None
    if fired and fired[-1].fault.answers:
        answering = fired[-1]
    g.backend_faults = []
    answer = _answer(view, call, answering)
    event = Event(
        "fault",
        replace(CONTROL, ti_id=call.writer.ti_id),
        call.scope_id,
        call.key,
        answer.response.status_code,
        parent=answer.parent,
    )
    if request.environ.get(CUT) == NOTHING:
        event = event._replace(status=None)
    for fault in (*fired, *g.backend_faults):
        effect = ""
        outcome = None
        if fault is answering:
            effect = answer.effect
            outcome = answer.outcome
        note = effect_note(fault, effect)
        g.namespace.faults.note(fault, note, event._replace(outcome=outcome))
    return answer.response


def effect_note(fired: Fired, effect: str = "") -> str:
    """The effects of a fault, as a note of the journal.

    :param effect: on the answer, in addition to its delay and its effect on the backend.
    """
    effects = []
    if fired.delay:
        effects.append(f"delayed {fired.delay:.3g} s")
    if fired.fault.backend:
        effects.append(_BACKEND[fired.fault.backend])
    if effect:
        effects.append(effect)
    return ", ".join(effects)


def _call(call: StateCall) -> Call:
    """The call for :meth:`Fault.matches`, with the stored scope or, if unknown, the request's."""
    scope = call.scope
    if call.scope_id is not None:
        scope = scopes.scope_of(g.namespace, call.scope_id) or scope
    return Call(call.op, scope_document(scope), call.key)


class _Answer(NamedTuple):
    """The answer to a call, and the effect of the fault that decided it.

    :param parent: the number of the call's own event in the journal.
    :param effect: a phrase; empty if no fault decided the answer.
    :param outcome: ``closed`` if the fault closed the connection, before or within the answer.
    """

    response: Response
    parent: int | None
    effect: str = ""
    outcome: str | None = None


def _answer(view: Callable[[], Any], call: StateCall, answering: Fired | None) -> _Answer:
    """Answer a call.

    :param answering: the fault that decides the answer, if any.
    """
    if answering is None:
        return _answer_of(view)
    fault = answering.fault
    kind = _KINDS.get(call.op, "write")
    if fault.close == "before":
        return _closed_before(call, answering, kind)
    if fault.close:
        return _closed_after(view, kind)
    if fault.status and fault.after:
        answer = _answer_of(view)
        effect = (
            f"answered {fault.status} instead of {answer.response.status_code}, after the {kind}"
        )
        error = Injected(fault.status, answering.fault_id)
        answer = _Answer(rendered(error), answer.parent, effect)
    elif fault.status:
        answer = _answer_of(lambda: _injected(answering))
        answer = answer._replace(effect=f"answered {fault.status} instead")
    else:
        answer = _answer_of(view)
    if fault.truncate:
        answer = _truncated(answer)
    return answer


def _closed_before(call: StateCall, fired: Fired, kind: str) -> _Answer:
    request.environ[CUT] = NOTHING
    parent = call.note(None, f"fault {fired.fault_id} closed the connection")
    return _Answer(Response(status=503), parent, f"closed before the {kind}", CLOSED)


def _closed_after(view: Callable[[], Any], kind: str) -> _Answer:
    answer = _answer_of(view)
    request.environ[CUT] = NOTHING
    status = answer.response.status_code
    effect = f"closed after the {kind}"
    if status >= 400:
        effect = f"closed instead of answering {status}"
    return answer._replace(effect=effect, outcome=CLOSED)


def _truncated(answer: _Answer) -> _Answer:
    length = len(answer.response.get_data())
    request.environ[CUT] = length // 2
    effect = f"sent {length // 2} of {length} bytes, then closed"
    if answer.effect:
        effect = f"{answer.effect}, {effect}"
    return answer._replace(effect=effect, outcome=CLOSED)


def _answer_of(view: Callable[[], Any]) -> _Answer:
    """A view's answer, also if it raises."""
    numbers: list[int] = []
    token = NUMBERS.set(numbers)
    try:
        response = current_app.make_response(view())
        parent = next(iter(numbers), None)
    except Exception as error:
        response = current_app.make_response(current_app.handle_user_exception(error))
        parent = next(reversed(numbers), None)  # the refusal is written last
    finally:
        NUMBERS.reset(token)
    return _Answer(response, parent)


def _injected(fired: Fired) -> Response:
    assert fired.fault.status is not None
    raise Injected(fired.fault.status, fired.fault_id)


def backend() -> Backend:
    """The backend of the request's namespace, with the namespace's backend faults."""
    namespace = g.namespace
    backend: Backend = g.service.backend_of(namespace)
    if backend.hooks is None or not namespace.faults.of_backend:
        return backend
    fired: list[Fired] = g.setdefault("backend_faults", [])

    def take(op: str, scope: StoreScope, key: str | None) -> BackendFault | None:
        fault = take_backend_fault(namespace, Call(op, scope_document(scope), key))
        if fault is None:
            return None
        fired.append(fault)
        return backend_fault(fault)

    return replace(backend, hooks=FaultyHooks(backend.hooks, take, namespace.database.ending.wait))


def take_backend_fault(namespace: Any, call: Call) -> Fired | None:
    """Count a call of a state backend, and return the fault that fires, if any."""
    fired: list[Fired] = namespace.faults.take(call, backend=True)
    return next(iter(fired), None)


def backend_fault(fired: Fired) -> BackendFault:
    return BackendFault(fired.fault_id, str(fired.fault.backend), fired.delay)
