"""What a call on state asks for, and the journal's events of refused calls."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

from flask import g, request

from state.errors import OutOfRange, StateError, StoreError, TaskInstanceNotFound
from state.masking import masked
from state.model.events import CLOSED
from state.model.scopes import (
    AssetScope,
    StoreScope,
    Writer,
    asset_scope_by,
    task_scope_from,
)
from state.store.journal.journal import Event
from state.store.tables import scopes
from state.store.tables.task_instances import superseded

from ..apis import EXECUTION, current_api
from ..operation import current_operation
from .auth import writer_of

_KEYS = ("key", "variable_key", "connection_id")  # in a path


class StateCall(NamedTuple):
    """A call on state, as the journal records it.

    :param scope: as the request names it; None for an attempt's id.
    :param scope_id: the scope's row, if it exists.
    """

    op: str
    writer: Writer
    scope: StoreScope | None
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
    operation = current_operation()
    if operation is None or operation.state_op is None or "namespace" not in g:
        return None
    segments = request.view_args or {}
    key = next((segments[name] for name in _KEYS if name in segments), request.args.get("key"))
    scope = _scope(segments)
    return StateCall(operation.state_op, _caller(segments), scope, _scope_id(segments, scope), key)


def note_read(note: str | None = None) -> None:
    """Write an event of a read of what all tasks share, as what the view's operation says.

    :param note: what was read, where no key says it.
    """
    call = state_call()
    assert call is not None
    scope_id = call.scope_id
    if scope_id is None and call.writer.ti_id is not None:
        scope_id = scopes.scope_id_of_attempt(g.namespace, call.writer.ti_id)
    g.namespace.journal.note(Event(call.op, call.writer, scope_id, call.key, 200, note=note))


def _caller(segments: dict[str, Any]) -> Writer:
    """Who makes the call; before the caller is authenticated, the task that the path names."""
    writer: Writer | None = g.get("writer")
    if writer is not None:
        return writer
    api = current_api()
    if api is EXECUTION:
        return writer_of(segments.get("task_instance_id"), api)
    return writer_of(None, api)


def note_refusal(error: StateError, status: int, zombie: str | None) -> None:
    """Write a refused call on state into the journal, unless its event is there already.

    :param zombie: as :func:`told_as_zombie` returns it; it says more than Airflow's message.
    """
    if getattr(error, "recorded", False):  # a read of a key that does not exist
        return
    with contextlib.suppress(StoreError):  # no file, no event: the answer says why
        call = state_call()
        if call is not None:
            call.note(status, zombie or masked(str(error)))


def told_as_zombie(error: StateError) -> str | None:
    """A sentence about a caller that is refused because its attempt is superseded; None for any
    other refusal. Airflow's message says only that its id is not found.
    """
    if not isinstance(error, TaskInstanceNotFound) or "writer" not in g or g.writer.ti_id is None:
        return None
    numbers = superseded(g.namespace, g.writer.ti_id)
    if numbers is None:
        return None
    return f"a zombie: attempt {numbers[0]} is superseded by attempt {numbers[1]}"


def _scope_id(segments: dict[str, Any], scope: StoreScope | None) -> int | None:
    scope_id: int | None = None
    if "task_instance_id" in segments:
        scope_id = scopes.scope_id_of_attempt(g.namespace, segments["task_instance_id"])
    elif scope is not None:
        with contextlib.suppress(OutOfRange):  # no row can have such a number
            scope_id = scopes.scope_id(g.namespace, scope)
    return scope_id


def _scope(segments: dict[str, Any]) -> StoreScope | None:
    """The scope that the path and the query name; None for an attempt's id, or for none at all."""
    if "dag_id" in segments:
        return task_scope_from({**segments, "map_index": _integer(request.args.get("map_index"))})
    if "asset_id" in segments:
        return AssetScope(asset_id=_integer(segments["asset_id"]))
    by = segments.get("by")
    if by is not None and by in request.args:
        return asset_scope_by(by, request.args[by])
    return None


def _integer(text: str | None) -> int:
    """A number of the path or the query; -1 if it is missing or invalid."""
    try:
        return int(text or -1)
    except ValueError:
        return -1
