"""The gateway under ``/_stateroom/values``: values as the task would see them, through the service's own backend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, request

from schemas import execution
from schemas.control import values as schemas
from state.gateway.gateway import Gateway
from state.model import values
from state.model.retention import UnusableRetention

from ...errors import InvalidInput, Refused
from ...faults import backend
from ...operation import BACKEND, BACKEND_ERRORS, NO_BODY, operation
from ...request.auth import authenticate_value_caller, writer
from ...request.parsing import body, path, queries, query, read
from ...responses import no_content, text_answer
from ...service import setting
from ..entry_json import execution_value
from .admission import read_json

bp = Blueprint("values_api", __name__, url_prefix="/_stateroom/values")
_TASK, _ASSET = "/ti/<task_instance_id>", "/asset/by-<any(name, uri):by>"
_TASK_PATH = execution.TaskInstancePath()
_ASSET_BY = {"name": execution.AssetByNameQuery(), "uri": execution.AssetByUriQuery()}
_KEY_BY = {"name": execution.AssetKeyByNameQuery, "uri": execution.AssetKeyByUriQuery}
_BODY = schemas.ValueBody()
_VALUE = (200, execution.TaskStateStoreResponse)


@bp.before_request
def admit() -> None:
    """A task's own token opens its values, any task's an asset's; else an admin's is needed."""
    ti_id = (request.view_args or {}).get("task_instance_id")
    if ti_id is not None:
        ti_id = read(path(_TASK_PATH, task_instance_id=ti_id))[0]["task_instance_id"]
    authenticate_value_caller(ti_id)
    read_json()


def _key() -> str:
    found = queries("key")
    if not found or not found[-1]:
        raise Refused(400, "name the key: ?key=…", "no_key")
    return found[-1]


def _task(task_instance_id: str) -> Gateway:
    ti_id = read(path(_TASK_PATH, task_instance_id=task_instance_id))[0]["task_instance_id"]
    return Gateway.of_task(backend(), g.namespace, ti_id, replace(writer(), api="gateway"))


def _asset(by: str) -> Gateway:
    (asked,) = read(query(_ASSET_BY[by]))
    return Gateway.of_asset(backend(), g.namespace, by, asked[by], replace(writer(), api="gateway"))


def _value(gateway: Gateway, key: str) -> Response:
    return text_answer(execution_value(key, values.dumps(gateway.get(key))))


def _refuse(where: str, message: str) -> InvalidInput:
    return InvalidInput(
        [{"type": "value_error", "loc": ["body", where], "msg": message, "input": None}]
    )


@bp.get(_TASK)
@operation(_VALUE, query=schemas.KeyOption, also=BACKEND_ERRORS, state_op="get", lane=BACKEND)
def get_task_value(task_instance_id: str) -> Response:
    """Get one value of a task instance."""
    key = _key()
    return _value(_task(task_instance_id), key)


@bp.put(_TASK)
@operation(
    NO_BODY,
    query=schemas.KeyOption,
    body=schemas.ValueBody,
    also=BACKEND_ERRORS,
    state_op="set",
    lane=BACKEND,
)
def set_task_value(task_instance_id: str) -> Any:
    """Set one value of a task instance."""
    key, (entry,) = _key(), read(body(_BODY))
    gateway, retention = _task(task_instance_id), entry.get("retention")
    try:
        gateway.set(key, entry["value"], retention, setting("default_retention_days"))
    except UnusableRetention as error:
        raise _refuse("retention", str(error)) from None
    except ValueError as error:
        raise _refuse("value", str(error)) from None
    return no_content()


@bp.delete(_TASK)
@operation(NO_BODY, query=schemas.KeyOption, also=BACKEND_ERRORS, state_op="delete", lane=BACKEND)
def delete_task_value(task_instance_id: str) -> Any:
    """Delete one value of a task instance."""
    key = _key()
    _task(task_instance_id).delete(key)
    return no_content()


@bp.get(_ASSET)
@operation(_VALUE, also=BACKEND_ERRORS, by=_KEY_BY, state_op="get", lane=BACKEND)
def get_asset_value(by: str) -> Response:
    """Get one value of an active asset, by name or by uri."""
    key = _key()
    return _value(_asset(by), key)


@bp.put(_ASSET)
@operation(
    NO_BODY, body=schemas.ValueBody, also=BACKEND_ERRORS, by=_KEY_BY, state_op="set", lane=BACKEND
)
def set_asset_value(by: str) -> Any:
    """Set one value of an active asset, which does not expire."""
    key, (entry,) = _key(), read(body(_BODY))
    if "retention" in entry:
        raise _refuse("retention", "asset state does not expire; leave retention out")
    gateway = _asset(by)
    try:
        gateway.set(key, entry["value"])
    except ValueError as error:
        raise _refuse("value", str(error)) from None
    return no_content()


@bp.delete(_ASSET)
@operation(NO_BODY, also=BACKEND_ERRORS, by=_KEY_BY, state_op="delete", lane=BACKEND)
def delete_asset_value(by: str) -> Any:
    """Delete one value of an active asset."""
    key = _key()
    _asset(by).delete(key)
    return no_content()
