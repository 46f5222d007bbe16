"""The gateway under ``/_stateroom/values``: values as a task sees them, through the backend."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from schemas.control import values as schemas
from schemas.execution.assets import AssetByNameQuery, AssetByUriQuery
from schemas.execution.store import AssetKeyByNameQuery, AssetKeyByUriQuery, TaskStateStoreResponse
from schemas.execution.task_instances import TaskInstancePath
from state.gateway.gateway import Gateway
from state.model.retention import UnusableRetention

from ...apis import GATEWAY
from ...errors import Refused, invalid
from ...faults import backend
from ...operation import BACKEND, BACKEND_ERRORS, NO_BODY, Operation
from ...request.auth import authenticate_value_caller
from ...request.parsing import body, path, queries, query, read
from ...responses import NO_CONTENT, text_answer
from ...service import setting
from ..entry_json import execution_value
from .admission import read_json

bp = Blueprint("values_api", __name__, url_prefix=GATEWAY.prefix)
_TASK = "/ti/<task_instance_id>"
_ASSET = "/asset/by-<any(name, uri):by>"
_TASK_PATH = TaskInstancePath()
_ASSET_BY = {"name": AssetByNameQuery(), "uri": AssetByUriQuery()}
_KEY_BY = {"name": AssetKeyByNameQuery, "uri": AssetKeyByUriQuery}
_BODY = schemas.ValueBody()
_VALUE = (200, TaskStateStoreResponse)


@bp.before_request
def admit() -> None:
    """Admit a task to its own values, any task to an asset's, and admins to all."""
    ti_id = (request.view_args or {}).get("task_instance_id")
    if ti_id is not None:
        ti_id = read(path(_TASK_PATH, task_instance_id=ti_id))[0]["task_instance_id"]
    authenticate_value_caller(ti_id)
    read_json()


def _key() -> str:
    keys = queries("key")
    if not keys or not keys[-1]:
        raise Refused(400, "name the key: ?key=…", "no_key")
    return keys[-1]


def _task(task_instance_id: str) -> Gateway:
    ti_id = read(path(_TASK_PATH, task_instance_id=task_instance_id))[0]["task_instance_id"]
    return Gateway.of_task(backend(), g.namespace, ti_id, g.writer)


def _asset(by: str) -> Gateway:
    (parameters,) = read(query(_ASSET_BY[by]))
    return Gateway.of_asset(backend(), g.namespace, by, parameters[by], g.writer)


def _value(gateway: Gateway, key: str) -> Response:
    return text_answer(execution_value(key, gateway.text(key)))


@bp.get(_TASK)
@Operation(_VALUE, query=schemas.KeyOption, also=BACKEND_ERRORS, state_op="get", lane=BACKEND)
def get_task_value(task_instance_id: str) -> Response:
    """Get one value of a task instance."""
    key = _key()
    return _value(_task(task_instance_id), key)


@bp.put(_TASK)
@Operation(
    NO_BODY,
    query=schemas.KeyOption,
    body=schemas.ValueBody,
    also=BACKEND_ERRORS,
    state_op="set",
    lane=BACKEND,
)
def set_task_value(task_instance_id: str) -> Any:
    """Set one value of a task instance."""
    key = _key()
    (entry,) = read(body(_BODY))
    retention = entry.get("retention")
    gateway = _task(task_instance_id)
    try:
        gateway.set(key, entry["value"], retention, setting("default_retention_days"))
    except UnusableRetention as error:
        raise invalid(str(error), "body", "retention") from None
    except ValueError as error:
        raise invalid(str(error), "body", "value") from None
    return NO_CONTENT


@bp.delete(_TASK)
@Operation(NO_BODY, query=schemas.KeyOption, also=BACKEND_ERRORS, state_op="delete", lane=BACKEND)
def delete_task_value(task_instance_id: str) -> Any:
    """Delete one value of a task instance."""
    key = _key()
    _task(task_instance_id).delete(key)
    return NO_CONTENT


@bp.get(_ASSET)
@Operation(_VALUE, also=BACKEND_ERRORS, by=_KEY_BY, state_op="get", lane=BACKEND)
def get_asset_value(by: str) -> Response:
    """Get one value of an active asset, by name or by uri."""
    key = _key()
    return _value(_asset(by), key)


@bp.put(_ASSET)
@Operation(
    NO_BODY, body=schemas.ValueBody, also=BACKEND_ERRORS, by=_KEY_BY, state_op="set", lane=BACKEND
)
def set_asset_value(by: str) -> Any:
    """Set one value of an active asset, which does not expire."""
    key = _key()
    (entry,) = read(body(_BODY))
    if "retention" in entry:
        raise invalid("asset state does not expire; leave retention out", "body", "retention")
    gateway = _asset(by)
    try:
        gateway.set(key, entry["value"])
    except ValueError as error:
        raise invalid(str(error), "body", "value") from None
    return NO_CONTENT


@bp.delete(_ASSET)
@Operation(NO_BODY, also=BACKEND_ERRORS, by=_KEY_BY, state_op="delete", lane=BACKEND)
def delete_asset_value(by: str) -> Any:
    """Delete one value of an active asset."""
    key = _key()
    _asset(by).delete(key)
    return NO_CONTENT
