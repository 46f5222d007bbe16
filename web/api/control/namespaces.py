"""Namespaces and their clocks, under ``/_stateroom``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, g

from schemas.control import namespaces as schemas
from state.model.clock import Clock, to_text, to_wire
from state.store import fixtures
from state.store.tables.namespaces import set_clock

from ...errors import InvalidInput
from ...operation import NO_BODY, SLOW, operation
from ...request.parsing import body, read
from ...responses import json_answer, no_content
from ...service import PREFIX, service

bp = Blueprint("namespaces_api", __name__)
_NAMESPACE, _CLOCK = schemas.NamespaceBody(), schemas.ClockBody()


@bp.get("/namespaces")
@operation((200, schemas.Namespaces), lane=SLOW)
def list_namespaces() -> Response:
    """List all namespaces, whichever is asked."""
    rows = [_namespace(row) for row in service().store.namespaces()]
    return json_answer({"namespaces": rows, "total_entries": len(rows)})


def _namespace(row: dict[str, Any]) -> dict[str, Any]:
    return {"path": f"{PREFIX}{row['name']}", **row}


@bp.post("/namespaces")
@operation((201, schemas.NamespaceMade), body=schemas.NamespaceBody, also=(409,), lane=SLOW)
def create_namespace() -> Any:
    """Make an empty namespace, or one that begins with a fixture."""
    asked = read(body(_NAMESPACE))[0]
    store, name = service().store, asked["name"]
    made = store.create_namespace(name, g.body.get("fixture"))
    try:
        if "fixture" in asked:
            fixtures.apply(made, asked["fixture"])
    except BaseException:
        store.drop_namespace(name)
        raise
    return json_answer(
        {"name": name, "path": f"{PREFIX}{name}", "created_at": to_wire(made.created_at)}, 201
    )


@bp.delete("/namespaces/<name>")
@operation(NO_BODY, also=(409,), lane=SLOW)
def drop_namespace(name: str) -> Any:
    """Drop a namespace with all that it holds."""
    service().store.drop_namespace(name)
    return no_content()


@bp.get("/clock")
@operation((200, schemas.Clock), lane=SLOW)
def get_clock() -> Response:
    """Say what the namespace's clock shows."""
    return _shown(g.namespace.clock)


def _shown(clock: Clock) -> Response:
    facts = {
        "frozen": clock.frozen_at is not None,
        "offset": clock.offset.total_seconds(),
        "tokens": clock.tokens,
    }
    return json_answer({"now": to_wire(to_text(clock.now())), **facts})


@bp.patch("/clock")
@operation((200, schemas.Clock), body=schemas.ClockBody, lane=SLOW)
def set_namespace_clock() -> Response:
    """Freeze the namespace's clock or let it go on, set it, advance it, in this order."""
    (asked,) = read(body(_CLOCK))
    with service().store.lock:
        try:
            clock = _changed(g.namespace.clock, asked)
            to_text(clock.now())
        except OverflowError:
            raise _beyond() from None
        set_clock(g.namespace, clock)
    return _shown(clock)


def _changed(clock: Clock, asked: dict[str, Any]) -> Clock:
    if "frozen" in asked:
        clock = clock.freeze() if asked["frozen"] else clock.unfreeze()
    if "now" in asked:
        clock = clock.set(asked["now"])
    if "advance" in asked:
        clock = clock.advance(timedelta(seconds=asked["advance"]))
    return replace(clock, tokens=asked["tokens"]) if "tokens" in asked else clock


def _beyond() -> InvalidInput:
    message = "the clock would leave the years 1 to 9999"
    return InvalidInput([{"type": "value_error", "loc": ["body"], "msg": message, "input": None}])


@bp.delete("/clock")
@operation(NO_BODY, lane=SLOW)
def reset_clock() -> Any:
    """Let the namespace's clock show real time again."""
    set_clock(g.namespace, Clock())
    return no_content()
