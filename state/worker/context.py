"""The context of a ``@task`` function, without a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..backends.hooks import Hooks
from ..model.clock import Timepiece
from ..model.scopes import TaskScope, asset_scope
from .accessors import (
    AssetStateStoreAccessor,
    AssetStateStoreAccessors,
    Keyspace,
    TaskStateStoreAccessor,
)


@dataclass(frozen=True)
class TaskInstance:
    """The task instance in a context."""

    id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


@dataclass(frozen=True)
class DagRun:
    """The dag run in a context."""

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
    """The context of one attempt, for ``my_task.function(**context(…))``.

    As in Airflow, ``asset_state_store`` is missing if the task has neither inlets nor outlets.

    :param keyspace: of the task instance, over HTTP or in the same process.
    :param ti_id: the attempt's UUID.
    :param assets: pairs of an inlet or outlet (an object with a ``name`` or a ``uri``, or a name)
        and its keyspace.
    :param hooks: the worker's backend.
    :param params: the ``params`` of the context.
    :param conf: the configuration of the dag run.
    :param clock: the clock from which retention is counted; None for real time.
    :param default_retention_days: ``[state_store] default_retention_days``; 0 means never.
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
    accessors = []
    for asset, rows in assets:
        of_asset = asset_scope(asset)
        accessors.append((of_asset, AssetStateStoreAccessor(rows, of_asset, hooks)))
    if accessors:
        by_asset = AssetStateStoreAccessors(accessors)
        members["asset_state_store"] = by_asset
        members["asset_state"] = by_asset
    return members
