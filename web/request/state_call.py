"""What a call on somebody's state asks for, and refusals in the journal: why a call changed and
read nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import current_app, g, request

from state.errors import OutOfRange, StateError
from state.masking import masked
from state.model.events import CLOSED
from state.model.scopes import AssetStateStoreWriterKind, StoreScope, TaskScope, Writer
from state.store.journal.journal import Event
from state.store.tables import scopes

from ..operation import operation_of

_APIS = {"execution_api": "execution", "core_api": "core", "values_api": "gateway"}
_NIL = "00000000-0000-0000-0000-000000000000"  # the subject of a watcher's token


class Asked(NamedTuple):
    """A call on somebody's state, as the journal tells it."""

    op: str
    writer: Writer
    scope_id: int | None
    key: str | None

    def note(self, status: int | None, note: str) -> int:
        """Write it into the journal as one that had no effect; its number.

        :param status: that was answered, or None where a fault closed the connection.
        """
        outcome = CLOSED if status is None else None
        event = Event(
            self.op, self.writer, self.scope_id, self.key, status, note=note, outcome=outcome
        )
        number: int = g.namespace.journal.note(event)
        return number


def asked() -> Asked | None:
    """What the request asks for, if it is a call on somebody's state."""
    operation = operation_of(current_app, request.endpoint)
    if operation is None or operation.state_op is None or "namespace" not in g:
        return None
    op = operation.state_op
    place = request.view_args or {}
    return Asked(op, _caller(place), _scope_id(place), place.get("key", request.args.get("key")))


def _caller(place: dict[str, Any]) -> Writer:
    api, ti_id = _APIS[request.blueprints[-1]], g.get("ti_id")
    if api == "execution":
        ti_id = ti_id or place.get("task_instance_id")
    if ti_id is None:
        return Writer(AssetStateStoreWriterKind.API, api=api)
    if ti_id == _NIL:
        return Writer(AssetStateStoreWriterKind.WATCHER, api=api)
    return Writer(AssetStateStoreWriterKind.TASK, ti_id, api)


def note_refusal(error: StateError, status: int) -> None:
    """Write a refused call on somebody's state into the journal; a read that found nothing is there
    already.
    """
    call = None if getattr(error, "noted", False) else asked()
    if call is not None:
        call.note(status, masked(str(error)))


def _scope_id(place: dict[str, Any]) -> int | None:
    try:
        found: int | None = scopes.scope_id(g.namespace, **_named(place))
    except OutOfRange:  # nobody's state can be there
        return None
    return found


def _named(place: dict[str, Any]) -> dict[str, Any]:
    """What the path and the query say of whose state it is."""
    if "task_instance_id" in place:
        return {"ti_id": place["task_instance_id"]}
    if "dag_id" in place:
        return {"scope": _task(place)}
    if "asset_id" in place:
        return {"asset_id": place["asset_id"]}
    by = place.get("by", "")
    return {by: request.args.get(by)} if by else {}


def _task(place: dict[str, Any]) -> StoreScope:
    try:
        index = int(request.args.get("map_index", "-1"))
    except ValueError:
        index = -1
    return TaskScope(place["dag_id"], place["run_id"], place["task_id"], index)
