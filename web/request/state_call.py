"""What a call on state asks for, and the journal's events of refused calls."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import current_app, g, request

from state.errors import OutOfRange, StateError
from state.masking import masked
from state.model.events import CLOSED
from state.model.scopes import StoreScope, TaskScope, Writer
from state.store.journal.journal import Event
from state.store.tables import scopes

from ..operation import operation_of
from .auth import writer_of

_APIS = {"execution_api": "execution", "core_api": "core", "values_api": "gateway"}


class StateCall(NamedTuple):
    """A call on state, as the journal records it."""

    op: str
    writer: Writer
    scope_id: int | None
    key: str | None

    def note(self, status: int | None, note: str) -> int:
        """Write an event of this call, which had no effect, and return the event's number.

        :param status: of the answer; None where a fault closed the connection.
        """
        event = Event(self.op, self.writer, self.scope_id, self.key, status, note=note)
        if status is None:
            event = event._replace(outcome=CLOSED)
        number: int = g.namespace.journal.note(event)
        return number


def state_call() -> StateCall | None:
    """The call on state that the request makes, if it makes one."""
    operation = operation_of(current_app, request.endpoint)
    if operation is None or operation.state_op is None or "namespace" not in g:
        return None
    segments = request.view_args or {}
    key = segments.get("key", request.args.get("key"))
    return StateCall(operation.state_op, _caller(segments), _scope_id(segments), key)


def _caller(segments: dict[str, Any]) -> Writer:
    """Who makes the call; before the caller is authenticated, the task that the path names."""
    writer: Writer | None = g.get("writer")
    if writer is not None:
        return writer
    api = _APIS[request.blueprints[-1]]
    if api == "execution":
        return writer_of(segments.get("task_instance_id"), api)
    return writer_of(None, api)


def note_refusal(error: StateError, status: int) -> None:
    """Write a refused call on state into the journal, unless its event is there already."""
    if getattr(error, "recorded", False):  # a read of a key that does not exist
        return
    call = state_call()
    if call is not None:
        call.note(status, masked(str(error)))


def _scope_id(segments: dict[str, Any]) -> int | None:
    try:
        scope_id: int | None = scopes.scope_id(g.namespace, **_scope_arguments(segments))
    except OutOfRange:  # no scope can have such an id
        return None
    return scope_id


def _scope_arguments(segments: dict[str, Any]) -> dict[str, Any]:
    """How the path and the query name the scope, as arguments of :func:`scopes.scope_id`."""
    if "task_instance_id" in segments:
        return {"ti_id": segments["task_instance_id"]}
    if "dag_id" in segments:
        return {"scope": _task(segments)}
    if "asset_id" in segments:
        return {"asset_id": segments["asset_id"]}
    if "by" in segments:
        by = segments["by"]
        return {by: request.args.get(by)}
    return {}


def _task(segments: dict[str, Any]) -> StoreScope:
    try:
        index = int(request.args.get("map_index", "-1"))
    except ValueError:
        index = -1
    return TaskScope(segments["dag_id"], segments["run_id"], segments["task_id"], index)
