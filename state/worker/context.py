"""The context of a ``@task`` function, without a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..backends.hooks import Hooks
from ..model.clock import Timepiece
from ..model.scopes import AssetScope, TaskScope
from .accessors import (
    AssetStateStoreAccessor,
    AssetStateStoreAccessors,
    Keyspace,
    TaskStateStoreAccessor,
)


@dataclass(frozen=True)
class TaskInstance:
    """What a task reads of its task instance."""

    id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


@dataclass(frozen=True)
class DagRun:
    """What a task reads of its dag run."""

    dag_id: str
    run_id: str
    conf: Mapping[str, Any] = field(default_factory=dict)


def context(
    keyspace: Keyspace,
    scope: TaskScope,
    ti_id: str,
    *,
    assets: Iterable[tuple[Any, Keyspace]] = (),
    hooks: Hooks | None = None,
    try_number: int = 1,
    params: Mapping[str, Any] | None = None,
    conf: Mapping[str, Any] | None = None,
    clock: Timepiece | None = None,
    default_retention_days: int = 30,
) -> dict[str, Any]:
    """The context of one attempt, so that ``my_task.function(**context(…))`` runs as in Airflow.

    As there, ``asset_state_store`` is missing if the task has neither inlets nor outlets.

    :param keyspace: the task instance's, over HTTP or in the same process.
    :param ti_id: the attempt's UUID.
    :param assets: inlets and outlets with their keyspaces: anything with a ``name`` or a ``uri``,
        or a name.
    :param hooks: the worker's backend.
    :param clock: what retentions are counted from.
    """
    task = TaskStateStoreAccessor(
        keyspace, scope, hooks, ti_id, clock=clock, default_retention_days=default_retention_days
    )
    ti = TaskInstance(ti_id, scope.dag_id, scope.run_id, scope.task_id, scope.map_index, try_number)
    members = {
        "task_state_store": task,
        "task_state": task,
        "ti": ti,
        "task_instance": ti,
        "dag_run": DagRun(scope.dag_id, scope.run_id, conf or {}),
        "run_id": scope.run_id,
        "params": dict(params or {}),
    }
    scopes = [(asset_scope(asset), rows) for asset, rows in assets]
    if scopes:
        by_asset = AssetStateStoreAccessors(
            (one, AssetStateStoreAccessor(rows, one, hooks)) for one, rows in scopes
        )
        members["asset_state_store"] = members["asset_state"] = by_asset
    return members


def asset_scope(asset: Any) -> AssetScope:
    """The scope of an asset: of anything with a ``name`` or a ``uri``, or of its name."""
    if isinstance(asset, str):
        return AssetScope(name=asset)
    return AssetScope(name=getattr(asset, "name", None), uri=getattr(asset, "uri", None))
