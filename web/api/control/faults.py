"""Faults, under ``/_stateroom/faults``: set, listed, removed; and asked for by workers whose backend is to fail."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.control import faults as schemas
from state.model.faults import Call, Fault
from state.model.scopes import CONTROL, AssetScope, StoreScope, TaskScope
from state.store.journal.journal import Event
from state.store.tables import scopes

from ...errors import InvalidInput
from ...faults import backend_fault, said_of, taken
from ...operation import NO_BODY, SLOW, operation
from ...request.parsing import body, load, read
from ...responses import json_answer, no_content

bp = Blueprint("faults_api", __name__, url_prefix="/faults")
_FAULT, _TAKE = schemas.Fault(), schemas.TakeBody()


@bp.get("")
@operation((200, schemas.Faults), lane=SLOW)
def list_faults() -> Response:
    """List the faults, in the order they are asked, with how often each met its call and fired."""
    return json_answer({"faults": g.namespace.faults.listed()})


@bp.post("")
@operation((201, schemas.Counted), body=schemas.Fault, lane=SLOW)
def add_fault() -> Response:
    """Set a fault; a member that no fault has is refused."""
    asked, _ = load(_FAULT, g.body, strict=True)
    try:
        fault = Fault.from_json(asked)
    except ValueError as error:
        raise InvalidInput(
            [{"type": "value_error", "loc": ["body"], "msg": str(error), "input": None}]
        ) from None
    return json_answer(g.namespace.faults.add(fault), 201)


@bp.delete("")
@operation(NO_BODY, lane=SLOW)
def clear_faults() -> Any:
    """Remove all faults."""
    g.namespace.faults.clear()
    return no_content()


@bp.delete("/<int:fault_id>")
@operation(NO_BODY, lane=SLOW)
def remove_fault(fault_id: int) -> Any:
    """Remove one fault."""
    g.namespace.faults.remove(fault_id)
    return no_content()


@bp.post("/take")
@operation((200, schemas.Taken), body=schemas.TakeBody, lane=SLOW)
def take_fault() -> Response:
    """Count a call that a worker makes of its own backend, and say what the backend is to do wrong, or null."""
    (asked,) = read(body(_TAKE))
    fired = taken(g.namespace, Call(asked["op"], asked["scope"], asked.get("key")))
    if fired is None:
        return json_answer({"fault": None})
    scope_id, key = _scope_id(asked["scope"]), asked.get("key")
    parent = (
        g.namespace.journal.latest(asked["op"], scope_id, key) if asked["op"] == "get" else None
    )
    g.namespace.faults.note(
        fired, said_of(fired), Event("fault", CONTROL, scope_id, key, parent=parent)
    )
    found = backend_fault(fired)
    return json_answer(
        {"fault": {"id": found.fault_id, "backend": found.kind, "delay": found.delay}}
    )


def _scope_id(named: dict[str, Any]) -> int | None:
    scope: StoreScope | None = None
    if "asset" in named:
        scope = AssetScope(name=named["asset"])
    elif {"dag_id", "run_id", "task_id"} <= set(named):
        scope = TaskScope(
            named["dag_id"], named["run_id"], named["task_id"], named.get("map_index", -1)
        )
    found: int | None = scopes.scope_id(g.namespace, scope=scope) if scope is not None else None
    return found
