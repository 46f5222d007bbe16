"""The state store of task instances and of assets, as people see it."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from flask import Blueprint, Response, g

from schemas.core import store as schemas
from schemas.core.assets import AssetPath
from schemas.core.lists import Pagination
from schemas.fields.airflow import DEFAULT
from state.model.retention import default_expiry
from state.store import keyspaces
from state.store.keyspaces import Keyspace
from state.store.tables.entries import clear_all_map_indices
from state.store.tables.scopes import is_expansion

from ...operation import NO_BODY, Operation
from ...request.parsing import Part, body, path, query, read
from ...responses import NO_CONTENT, json_answer, text_answer
from ...service import page_size, rules, setting
from ..entry_json import asset_entry, collection, task_entry
from .regions import scope_of

bp = Blueprint("store", __name__)
_TASK = "/dags/<dag_id>/dagRuns/<run_id>/taskInstances/<task_id>/state-store"
_ASSET = "/assets/<asset_id>/state-store"
_SCOPE = schemas.TaskScopeQuery()
_CLEAR = schemas.ClearQuery()
_REGIONAL_SCOPE = schemas.RegionalScopeQuery()
_REGIONAL_CLEAR = schemas.RegionalClearQuery()
_PAGE = Pagination()
_ASSET_PATH = AssetPath()


@lru_cache(maxsize=64)
def _bounded(schema: type[schemas.BoundedSchema], limit: int) -> schemas.BoundedSchema:
    return schema(limit=limit)


def _body(schema: type[schemas.BoundedSchema]) -> Any:
    return body(_bounded(schema, setting("max_value_storage_bytes")))


# ---------------------------------------------------------------- task state


def _place() -> Part:
    """The query that names a task instance of a task."""
    return query(_REGIONAL_SCOPE if rules().has_regions else _SCOPE)


def _task(coordinates: dict[str, str], parameters: dict[str, Any]) -> Keyspace:
    keyspace: Keyspace = keyspaces.task(g.namespace, scope_of(coordinates, parameters))
    return keyspace


def _keyspace_and_body(
    coordinates: dict[str, str], schema: type[schemas.BoundedSchema]
) -> tuple[Keyspace, dict[str, Any]]:
    """Read a write; an unknown task instance is 404 even where the body is invalid."""
    parameters, entry = read(
        _place(),
        _body(schema),
        exists=lambda parameters: _task(coordinates, parameters).require(),
    )
    return _task(coordinates, parameters), entry


@bp.get(_TASK)
@Operation(
    (200, schemas.TaskStateStoreCollectionResponse),
    query=schemas.TaskListQuery,
    regional=schemas.RegionalListQuery,
    state_op="list",
    entity="task",
)
def list_task_state_store(**coordinates: str) -> Response:
    """List a page of a task instance's entries, by key; an unknown one has none."""
    parameters, page = read(
        _place(), query(_PAGE), exists=lambda parameters: scope_of(coordinates, parameters)
    )
    keyspace = _task(coordinates, parameters)
    entries, total = keyspace.page(page_size(page), page["offset"])
    return collection("task_state_store", map(task_entry, entries), total)


@bp.get(_TASK + "/<key:key>")
@Operation(
    (200, schemas.TaskStateStoreResponse),
    query=schemas.TaskScopeQuery,
    regional=schemas.RegionalScopeQuery,
    state_op="get",
    entity="task",
)
def get_task_state_store(key: str, **coordinates: str) -> Response:
    """Get one entry of a task instance."""
    (parameters,) = read(_place())
    return text_answer(task_entry(_task(coordinates, parameters).entry(key)))


@bp.put(_TASK + "/<key:key>")
@Operation(
    NO_BODY,
    query=schemas.TaskScopeQuery,
    regional=schemas.RegionalScopeQuery,
    body=schemas.TaskStateStoreBody,
    state_op="set",
    entity="task",
)
def set_task_state_store(key: str, **coordinates: str) -> Any:
    """Create or overwrite one entry of a task instance."""
    keyspace, entry = _keyspace_and_body(coordinates, schemas.TaskStateStoreBody)
    expires_at = entry["expires_at"]
    expires_by = "caller"
    if expires_at == DEFAULT:
        expires_at = default_expiry(setting("default_retention_days"), g.namespace.clock.now())
        expires_by = "namespace"
    keyspace.set(key, entry["value"], expires_at, expires_by=expires_by)
    return NO_CONTENT


@bp.patch(_TASK + "/<key:key>")
@Operation(
    (200, {"type": "null"}),
    query=schemas.TaskScopeQuery,
    regional=schemas.RegionalScopeQuery,
    body=schemas.TaskStateStorePatchBody,
    state_op="set",
    entity="task",
)
def patch_task_state_store(key: str, **coordinates: str) -> Response:
    """Replace the value of an existing entry; its expiry stays."""
    keyspace, entry = _keyspace_and_body(coordinates, schemas.TaskStateStorePatchBody)
    keyspace.replace(key, entry["value"])
    return json_answer(None)


@bp.delete(_TASK + "/<key:key>")
@Operation(
    NO_BODY,
    query=schemas.TaskScopeQuery,
    regional=schemas.RegionalScopeQuery,
    state_op="delete",
    entity="task",
)
def delete_task_state_store(key: str, **coordinates: str) -> Any:
    """Delete one entry of a task instance."""
    (parameters,) = read(_place())
    _task(coordinates, parameters).delete(key)
    return NO_CONTENT


@bp.delete(_TASK)
@Operation(
    NO_BODY,
    query=schemas.ClearQuery,
    regional=schemas.RegionalClearQuery,
    state_op="clear",
    entity="task",
)
def clear_task_state_store(**coordinates: str) -> Any:
    """Delete every entry of a task instance, or with ``all_map_indices`` of all its indices."""
    (parameters,) = read(query(_REGIONAL_CLEAR if rules().has_regions else _CLEAR))
    is_whole = parameters["all_map_indices"]
    scope = scope_of(coordinates, parameters, is_whole)
    if is_whole and (not scope.region or is_expansion(g.namespace, scope)):
        clear_all_map_indices(g.namespace, scope)
    else:
        keyspaces.task(g.namespace, scope).clear()
    return NO_CONTENT


# ---------------------------------------------------------------- asset state


def _asset(asset_id: int) -> Keyspace:
    keyspace: Keyspace = keyspaces.asset(g.namespace, asset_id)
    return keyspace


def _require_asset(segments: dict[str, int]) -> None:
    _asset(segments["asset_id"]).require()


@bp.get(_ASSET)
@Operation(
    (200, schemas.AssetStateStoreCollectionResponse),
    query=Pagination,
    state_op="list",
    entity="asset",
)
def list_asset_state_store(asset_id: str) -> Response:
    """List a page of an asset's entries, by key."""
    segments, parameters = read(
        path(_ASSET_PATH, asset_id=asset_id), query(_PAGE), exists=_require_asset
    )
    keyspace = _asset(segments["asset_id"])
    entries, total = keyspace.page(page_size(parameters), parameters["offset"])
    return collection("asset_state_store", map(partial(asset_entry, rules()), entries), total)


@bp.get(_ASSET + "/<key:key>")
@Operation((200, schemas.AssetStateStoreResponse), state_op="get", entity="asset")
def get_asset_state_store(asset_id: str, key: str) -> Response:
    """Get one entry of an asset."""
    (segments,) = read(path(_ASSET_PATH, asset_id=asset_id), exists=_require_asset)
    return text_answer(asset_entry(rules(), _asset(segments["asset_id"]).entry(key)))


@bp.put(_ASSET + "/<key:key>")
@Operation(NO_BODY, body=schemas.AssetStateStoreBody, state_op="set", entity="asset")
def set_asset_state_store(asset_id: str, key: str) -> Any:
    """Create or overwrite one entry of an asset."""
    parts = (path(_ASSET_PATH, asset_id=asset_id), _body(schemas.AssetStateStoreBody))
    segments, entry = read(*parts, exists=_require_asset)
    _asset(segments["asset_id"]).set(key, entry["value"])
    return NO_CONTENT


@bp.delete(_ASSET + "/<key:key>")
@Operation(NO_BODY, state_op="delete", entity="asset")
def delete_asset_state_store(asset_id: str, key: str) -> Any:
    """Delete one entry of an asset."""
    (segments,) = read(path(_ASSET_PATH, asset_id=asset_id))
    _asset(segments["asset_id"]).delete(key)
    return NO_CONTENT


@bp.delete(_ASSET)
@Operation(NO_BODY, state_op="clear", entity="asset")
def clear_asset_state_store(asset_id: str) -> Any:
    """Delete every entry of an asset."""
    (segments,) = read(path(_ASSET_PATH, asset_id=asset_id))
    _asset(segments["asset_id"]).clear()
    return NO_CONTENT
