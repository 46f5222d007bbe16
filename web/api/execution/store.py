"""The state store of task instances and of assets, under ``/store``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from schemas.control.references import Released as ReleasedBody
from schemas.execution import store as schemas
from schemas.execution.assets import AssetByNameQuery, AssetByUriQuery
from schemas.execution.task_instances import TaskInstancePath
from state.model.reference_facts import (
    HEADER,
    KEPT,
    PREFER,
    RELEASED,
    REPLACED,
    Facts,
    Released,
    replaced_header,
)
from state.store import keyspaces
from state.store.keyspaces import Keyspace

from ...operation import NO_BODY, Operation
from ...request.auth import is_open
from ...request.parsing import body, path, query, read
from ...responses import NO_CONTENT, json_answer, text_answer
from ..entry_json import execution_value

bp = Blueprint("store", __name__, url_prefix="/store")
_CLAIMED = "HTTP_" + HEADER.upper().replace("-", "_")
_CLOCK = "HTTP_STATEROOM_CLOCK"
_TASK_KEY = "/ti/<task_instance_id>/<key:key>"
_ASSET_VALUE = "/asset/by-<any(name, uri):by>/value"

_TASK_PATH = schemas.TaskStateStorePath()
_TASK_INSTANCE_PATH = TaskInstancePath()
_TASK_BODY = schemas.TaskStateStorePutBody()
_ASSET_BODY = schemas.AssetStateStorePutBody()
_KEY_QUERIES = {"name": schemas.AssetKeyByNameQuery, "uri": schemas.AssetKeyByUriQuery}
_KEY_BY = {by: query_schema() for by, query_schema in _KEY_QUERIES.items()}
_ASSET_QUERIES = {"name": AssetByNameQuery, "uri": AssetByUriQuery}
_ASSET_BY = {by: query_schema() for by, query_schema in _ASSET_QUERIES.items()}
_VALUE = (200, schemas.TaskStateStoreResponse)
_REF = {HEADER: "What is known of a reference in the value: its backend, size and SHA-256."}
_REPLACED = {REPLACED: "The reference that was there before, percent-encoded."}
_RELEASED = {
    RELEASED: "The references whose objects may be removed now, percent-encoded.",
    KEPT: "`true` if another reference of the same keys is still pointed at.",
}


def _value(keyspace: Keyspace, key: str) -> Response:
    """A key's value; what is known of a reference goes into a header, because the body may hold
    nothing else.
    """
    stored = keyspace.stored(key)
    answer = text_answer(execution_value(key, stored.text))
    if stored.facts is not None:
        answer.headers[HEADER] = stored.facts.to_header()
    return answer


def _claims() -> dict[str, Any]:
    """What the worker's headers say of its value: the facts of a reference in it, and by whose
    clock it expires.
    """
    environ = request.environ
    facts = None
    if _CLAIMED in environ:
        facts = Facts.from_header(environ[_CLAIMED])
    by_namespace = environ.get(_CLOCK) == "namespace"
    return {"facts": facts, "expires_by": "namespace" if by_namespace else "worker"}


def _written(replaced: str) -> Any:
    """The answer to a write that replaced a reference."""
    return "", 204, replaced_header(replaced)


def _is_list_preferred() -> bool:
    return request.headers.get("Prefer") == PREFER["Prefer"]


def _deleted(released: Released) -> Any:
    """The answer to a deletion; with a body only for a client that prefers one, and only if the
    headers have too little room.
    """
    if released.fits_headers or not _is_list_preferred():
        return "", 204, released.to_headers()
    answer = json_answer(released.to_body())
    answer.headers["Preference-Applied"] = PREFER["Prefer"]
    return answer


# ---------------------------------------------------------------- task state


@bp.get(_TASK_KEY)
@Operation(_VALUE, headers=_REF, state_op="get")
def get_task_state_store(task_instance_id: str, key: str) -> Response:
    """Get one key of a task instance."""
    (segments,) = read(path(_TASK_PATH, task_instance_id=task_instance_id, key=key))
    keyspace = keyspaces.readable_task_instance(
        g.namespace, segments["task_instance_id"], is_open(), g.writer
    )
    return _value(keyspace, key)


@bp.put(_TASK_KEY)
@Operation(NO_BODY, body=schemas.TaskStateStorePutBody, headers=_REPLACED, state_op="set")
def set_task_state_store(task_instance_id: str, key: str) -> Any:
    """Create or overwrite one key of a task instance."""
    claims = _claims()
    segments, entry = read(
        path(_TASK_PATH, task_instance_id=task_instance_id, key=key), body(_TASK_BODY)
    )
    keyspace = keyspaces.task_instance(g.namespace, segments["task_instance_id"], g.writer)
    replaced = keyspace.set(key, entry["value"], entry["expires_at"], **claims)
    return NO_CONTENT if replaced is None else _written(replaced)


@bp.delete(_TASK_KEY)
@Operation(NO_BODY, preferred=ReleasedBody, headers=_RELEASED, state_op="delete")
def delete_task_state_store(task_instance_id: str, key: str) -> Any:
    """Delete one key of a task instance."""
    (segments,) = read(path(_TASK_PATH, task_instance_id=task_instance_id, key=key))
    keyspace = keyspaces.task_instance(g.namespace, segments["task_instance_id"], g.writer)
    released = keyspace.delete(key, _is_list_preferred())
    return _deleted(released)


@bp.delete("/ti/<task_instance_id>")
@Operation(NO_BODY, preferred=ReleasedBody, headers=_RELEASED, state_op="clear")
def clear_task_state_store(task_instance_id: str) -> Any:
    """Delete every key of a task instance."""
    (segments,) = read(path(_TASK_INSTANCE_PATH, task_instance_id=task_instance_id))
    keyspace = keyspaces.task_instance(g.namespace, segments["task_instance_id"], g.writer)
    return _deleted(keyspace.clear(_is_list_preferred()))


# ---------------------------------------------------------------- asset state


def _asset(by: str, value: str) -> Keyspace:
    name = value if by == "name" else None
    uri = value if by == "uri" else None
    return keyspaces.asset(g.namespace, name=name, uri=uri, writer=g.writer)


@bp.get(_ASSET_VALUE)
@Operation((200, schemas.AssetStateStoreResponse), by=_KEY_QUERIES, headers=_REF, state_op="get")
def get_asset_state_store(by: str) -> Response:
    """Get one key of an active asset, by name or by uri."""
    (parameters,) = read(query(_KEY_BY[by]))
    return _value(_asset(by, parameters[by]), parameters["key"])


@bp.put(_ASSET_VALUE)
@Operation(
    NO_BODY, body=schemas.AssetStateStorePutBody, by=_KEY_QUERIES, headers=_REPLACED, state_op="set"
)
def set_asset_state_store(by: str) -> Any:
    """Create or overwrite one key of an active asset; the writer is the token's task instance."""
    claims = _claims()
    parameters, entry = read(query(_KEY_BY[by]), body(_ASSET_BODY))
    replaced = _asset(by, parameters[by]).set(parameters["key"], entry["value"], **claims)
    return NO_CONTENT if replaced is None else _written(replaced)


@bp.delete(_ASSET_VALUE)
@Operation(NO_BODY, by=_KEY_QUERIES, preferred=ReleasedBody, headers=_RELEASED, state_op="delete")
def delete_asset_state_store(by: str) -> Any:
    """Delete one key of an active asset."""
    (parameters,) = read(query(_KEY_BY[by]))
    released = _asset(by, parameters[by]).delete(parameters["key"], _is_list_preferred())
    return _deleted(released)


@bp.delete("/asset/by-<any(name, uri):by>/clear")
@Operation(NO_BODY, by=_ASSET_QUERIES, preferred=ReleasedBody, headers=_RELEASED, state_op="clear")
def clear_asset_state_store(by: str) -> Any:
    """Delete every key of an active asset."""
    (parameters,) = read(query(_ASSET_BY[by]))
    released = _asset(by, parameters[by]).clear(_is_list_preferred())
    return _deleted(released)
