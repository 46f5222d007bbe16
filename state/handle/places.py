"""Whose state it is, in one short text: for tables, for :attr:`Stateroom.state`, for messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..scopes import AssetScope, StoreScope, TaskScope

RUN_ID = "test"  # of a task for which no other was named


def label(scope: StoreScope) -> str:
    """``etl/extract``, ``etl/extract[3]`` for a mapped one, ``etl/extract @ manual__1`` in a run of another name than
    :data:`RUN_ID`, ``asset orders``."""
    if isinstance(scope, AssetScope):
        return f"asset {scope.name or scope.uri or scope.asset_id}"
    index = f"[{scope.map_index}]" if scope.map_index >= 0 else ""
    run = f" @ {scope.run_id}" if scope.run_id != RUN_ID else ""
    return f"{scope.dag_id}/{scope.task_id}{index}{run}"


def scope_from(place: Mapping[str, Any]) -> StoreScope:
    """The scope in an event or in a row of a fixture document."""
    if place.get("asset") is not None:
        return AssetScope(name=place["asset"])
    return TaskScope(place["dag_id"], place["run_id"], place["task_id"], place.get("map_index", -1))


def query(scope: StoreScope) -> dict[str, Any]:
    """The scope in the query of a call of the Control API."""
    if isinstance(scope, AssetScope):
        return {"asset": scope.name}
    return {
        "dag_id": scope.dag_id, "run_id": scope.run_id, "task_id": scope.task_id, "map_index": scope.map_index
    }  # fmt: skip
