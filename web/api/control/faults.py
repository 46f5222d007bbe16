"""Faults, under ``/_stateroom/faults``: list, add and remove them.

A worker takes the faults of its own backend here.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.control import faults as schemas
from state.model.faults import Call, Fault
from state.model.scopes import CONTROL, scope_named
from state.store.journal.journal import Event
from state.store.tables import scopes

from ...errors import invalid
from ...faults import backend_fault, effect_note, take_backend_fault
from ...operation import NO_BODY, SLOW, Operation
from ...request.parsing import body, load, read
from ...responses import NO_CONTENT, json_answer

bp = Blueprint("faults_api", __name__, url_prefix="/faults")
_FAULT = schemas.Fault()
_TAKE = schemas.TakeBody()


@bp.get("")
@Operation((200, schemas.Faults), lane=SLOW)
def list_faults() -> Response:
    """List the faults, in order, with how often each matched and fired."""
    return json_answer({"faults": g.namespace.faults.listed()})


@bp.post("")
@Operation((201, schemas.Counted), body=schemas.Fault, lane=SLOW)
def add_fault() -> Response:
    """Add a fault; unknown members are refused."""
    document, _ = load(_FAULT, g.body, strict=True)
    try:
        fault = Fault.from_json(document)
    except ValueError as error:
        raise invalid(str(error), "body") from None
    return json_answer(g.namespace.faults.add(fault), 201)


@bp.delete("")
@Operation(NO_BODY, lane=SLOW)
def clear_faults() -> Any:
    """Remove all faults."""
    g.namespace.faults.clear()
    return NO_CONTENT


@bp.delete("/<int:fault_id>")
@Operation(NO_BODY, lane=SLOW)
def remove_fault(fault_id: int) -> Any:
    """Remove one fault."""
    g.namespace.faults.remove(fault_id)
    return NO_CONTENT


@bp.post("/take")
@Operation((200, schemas.Taken), body=schemas.TakeBody, lane=SLOW)
def take_fault() -> Response:
    """Count a call of a worker's own backend, and answer the fault to inject, or null."""
    (call,) = read(body(_TAKE))
    op = call["op"]
    key = call.get("key")
    fired = take_backend_fault(g.namespace, Call(op, call["scope"], key))
    if fired is None:
        return json_answer({"fault": None})
    scope_id = _scope_id(call["scope"])
    parent = None
    if op == "get":
        parent = g.namespace.journal.latest(op, scope_id, key)
    event = Event("fault", CONTROL, scope_id, key, parent=parent)
    g.namespace.faults.note(fired, effect_note(fired), event)
    fault = backend_fault(fired)
    return json_answer(
        {"fault": {"id": fault.fault_id, "backend": fault.kind, "delay": fault.delay}}
    )


def _scope_id(document: dict[str, Any]) -> int | None:
    """The id of a scope; None if the document names no whole scope, or an unknown one."""
    try:
        scope = scope_named(document)
    except ValueError:
        return None
    if scope is None:
        return None
    scope_id: int | None = scopes.scope_id(g.namespace, scope=scope)
    return scope_id
