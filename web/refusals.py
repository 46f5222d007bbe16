"""Refusals in the journal: a call that changed nothing and read nothing, and why."""

from __future__ import annotations

from typing import Any

from flask import g, request

from state.errors import OutOfRange, StateError, masked
from state.scopes import AssetStateStoreWriterKind, StoreScope, TaskScope, Writer
from state.store.journal import Event

_APIS = {"execution_api": "execution", "core_api": "core", "values_api": "gateway"}
_OPS = {"get": "get", "set": "set", "patch": "set", "delete": "delete", "clear": "clear", "list": "list", "ti": "state"}


def note_refusal(error: StateError, status: int) -> None:
    """Write a refused call on somebody's state into the journal; a read that found nothing is there already."""
    blueprint, _, view = (request.endpoint or "").partition(".")
    op = _OPS.get(view.partition("_")[0])
    if blueprint not in _APIS or op is None or "namespace" not in g or not _is_of_state(view):
        return
    if getattr(error, "noted", False):
        return
    place = request.view_args or {}
    key = place.get("key", request.args.get("key"))
    scope_id = _scope_id(place)
    writer = Writer(AssetStateStoreWriterKind.API, api=_APIS[blueprint])
    if ti_id := place.get("task_instance_id"):
        writer = Writer(AssetStateStoreWriterKind.TASK, ti_id, _APIS[blueprint])
    elif g.get("ti_id"):
        writer = Writer(AssetStateStoreWriterKind.TASK, g.ti_id, _APIS[blueprint])
    g.namespace.journal.note(Event(op, writer, scope_id, key, status, note=masked(str(error))))


def _scope_id(place: dict[str, Any]) -> int | None:
    try:
        found: int | None = g.namespace.scope_id(**_named(place))
    except OutOfRange:  # nobody's state can be there
        return None
    return found


def _is_of_state(view: str) -> bool:
    return "state_store" in view or "value" in view or view == "ti_update_state"


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
