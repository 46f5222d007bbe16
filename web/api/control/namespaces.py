"""Namespaces and their clocks, under ``/_stateroom``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, g

from schemas.control import namespaces as schemas
from state.model.clock import Clock, to_text, to_wire
from state.store import fixtures
from state.store.tables.namespaces import change_clock, set_clock

from ...errors import invalid
from ...operation import NO_BODY, SLOW, Operation
from ...request.parsing import body, read
from ...responses import NO_CONTENT, json_answer
from ...service import PREFIX

bp = Blueprint("namespaces_api", __name__)
_NAMESPACE = schemas.NamespaceBody()
_CLOCK = schemas.ClockBody()


@bp.get("/namespaces")
@Operation((200, schemas.Namespaces), lane=SLOW)
def list_namespaces() -> Response:
    """List all namespaces, in whichever of them this is called."""
    rows = [_namespace(row) for row in g.service.store.namespaces()]
    return json_answer({"namespaces": rows, "total_entries": len(rows)})


def _namespace(row: dict[str, Any]) -> dict[str, Any]:
    return {"path": f"{PREFIX}{row['name']}", **row}


@bp.get("/namespaces/<name>")
@Operation((200, schemas.Namespace), also=(404,), lane=SLOW)
def get_namespace(name: str) -> Response:
    """Get one namespace and how much it holds."""
    store = g.service.store
    store.namespace(name)  # an unknown name is answered 404, with similar names
    (row,) = [row for row in store.namespaces() if row["name"] == name]
    return json_answer(_namespace(row))


@bp.post("/namespaces")
@Operation((201, schemas.NamespaceMade), body=schemas.NamespaceBody, also=(409,), lane=SLOW)
def create_namespace() -> Any:
    """Create an empty namespace, or one with a fixture."""
    (document,) = read(body(_NAMESPACE))
    name = document["name"]
    store = g.service.store
    namespace = store.create_namespace(name, g.body.get("fixture"))
    try:
        if "fixture" in document:
            fixtures.apply(namespace, document["fixture"], environ=g.service.environ)
    except BaseException:
        store.drop_namespace(name)
        raise
    created_at = to_wire(namespace.created_at)
    return json_answer({"name": name, "path": f"{PREFIX}{name}", "created_at": created_at}, 201)


@bp.delete("/namespaces/<name>")
@Operation(NO_BODY, also=(409,), lane=SLOW)
def drop_namespace(name: str) -> Any:
    """Drop a namespace and everything in it."""
    g.service.store.drop_namespace(name)
    return NO_CONTENT


@bp.get("/clock")
@Operation((200, schemas.Clock), lane=SLOW)
def get_clock() -> Response:
    """Get the time of the namespace's clock."""
    return _clock_answer(g.namespace.clock)


def _clock_answer(clock: Clock) -> Response:
    facts = {
        "frozen": clock.frozen_at is not None,
        "offset": clock.offset.total_seconds(),
        "tokens": clock.tokens,
    }
    return json_answer({"now": to_wire(to_text(clock.now())), **facts})


@bp.patch("/clock")
@Operation((200, schemas.Clock), body=schemas.ClockBody, lane=SLOW)
def set_namespace_clock() -> Response:
    """Freeze or unfreeze the namespace's clock, set it, advance it, in this order."""
    (document,) = read(body(_CLOCK))
    try:
        clock = change_clock(g.namespace, lambda clock: _changed(clock, document))
    except OverflowError:
        raise invalid("the clock would leave the years 1 to 9999", "body") from None
    return _clock_answer(clock)


def _changed(clock: Clock, document: dict[str, Any]) -> Clock:
    if "frozen" in document:
        clock = clock.freeze() if document["frozen"] else clock.unfreeze()
    if "now" in document:
        clock = clock.set(document["now"])
    if "advance" in document:
        clock = clock.advance(timedelta(seconds=document["advance"]))
    if "tokens" in document:
        clock = replace(clock, tokens=document["tokens"])
    return clock


@bp.delete("/clock")
@Operation(NO_BODY, lane=SLOW)
def reset_clock() -> Any:
    """Return the namespace's clock to real time."""
    set_clock(g.namespace, Clock())
    return NO_CONTENT
