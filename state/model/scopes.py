"""Who a key belongs to, and who wrote it: frozen data under Airflow's public names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class TaskScope:
    """One task instance, whatever its attempt: the try number is not part of it.

    :param map_index: -1 for a task that is not mapped, as in Airflow; in a region the index there.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def region(self) -> str:
        """The id of the dynamic region that it lies in; empty for none."""
        return ""


@dataclass(frozen=True)
class RegionalTaskScope(TaskScope):
    """A task instance in a dynamic region (Airflow 3.4); its map index is the index there."""

    region_id: str = ""

    @property
    def region(self) -> str:
        return self.region_id


def in_region(scope: TaskScope, map_index: int, region_id: str | None) -> TaskScope:
    """The task instance of a task at an index of a region, or in none.

    :param region_id: None, an empty text or :data:`NO_REGION` for none.
    """
    place = (scope.dag_id, scope.run_id, scope.task_id, map_index)
    if region_id in (None, "", NO_REGION):
        return TaskScope(*place)
    return RegionalTaskScope(*place, str(region_id))


@dataclass(frozen=True)
class AssetScope:
    """One asset, by its id on the server's side or by name or uri on the worker's (Airflow 3.3).

    :raises ValueError: if none of the three is given.
    """

    asset_id: int | None = None
    name: str | None = None
    uri: str | None = None

    def __post_init__(self) -> None:
        if self.asset_id is None and self.name is None and self.uri is None:
            raise ValueError("an AssetScope needs an asset_id, a name or a uri")


StoreScope = TaskScope | AssetScope


class AssetStateStoreWriterKind(str, Enum):
    """The kind of an entry's last writer (Airflow 3.3)."""

    TASK = "task"
    WATCHER = "watcher"
    API = "api"


@dataclass(frozen=True)
class Writer:
    """Who writes: a task instance by its id, a watcher, or a person through the Core API.

    :param ti_id: the task instance's UUID, for kind ``task`` only.
    :param api: the API of the call: ``execution``, ``core``, ``gateway``, ``control`` or ``page``.
    """

    kind: AssetStateStoreWriterKind
    ti_id: str | None = None
    api: str = "core"


API_WRITER = Writer(AssetStateStoreWriterKind.API)
CONTROL = Writer(AssetStateStoreWriterKind.API, api="control")
PAGE = Writer(AssetStateStoreWriterKind.API, api="page")

COORDINATES = ("dag_id", "run_id", "task_id")  # name a task instance, with map_index
SCOPE_MEMBERS = (*COORDINATES, "map_index", "asset")  # of a scope in a JSON document
RUN_ID = "test"  # the default run id
# the states of a task instance that has ended
FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")
NO_REGION = "00000000-0000-0000-0000-000000000000"  # of a task instance in no region, in Airflow


def run_path(dag_id: str, run_id: str) -> str:
    """The path of a dag run in the Core API; for a list, ``~`` is any Dag or any run."""
    return f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"


def task_path(dag_id: str, run_id: str, task_id: str) -> str:
    """The path of a task instance in the Core API, whatever its map index."""
    return f"{run_path(dag_id, run_id)}/taskInstances/{quote(task_id, safe='')}"


def label(scope: StoreScope) -> str:
    """``etl/extract``, ``etl/extract[3]`` for a mapped one, ``etl/extract @ manual__1`` in a run of
    another name than :data:`RUN_ID`, ``asset orders``.
    """
    if isinstance(scope, AssetScope):
        return f"asset {scope.name or scope.uri or scope.asset_id}"
    text = f"{scope.dag_id}/{scope.task_id}"
    if scope.map_index >= 0:
        text += f"[{scope.map_index}]"
    if scope.region:
        text += f" in the region {scope.region}"
    if scope.run_id != RUN_ID:
        text += f" @ {scope.run_id}"
    return text


def scope_from(document: Mapping[str, Any]) -> StoreScope:
    """The scope in a JSON document or a database row, with the members of :func:`scope_document`;
    ``map_index`` is -1 by default, and where it is None; a ``region_index`` stands for it.
    """
    if document.get("asset") is not None:
        return AssetScope(name=document["asset"])
    return task_scope_from(document)


def task_scope_from(document: Mapping[str, Any]) -> TaskScope:
    """The task instance in a document that names no asset; otherwise as :func:`scope_from`."""
    map_index = document.get("region_index")
    if map_index is None:
        map_index = document.get("map_index")
    if map_index is None:
        map_index = -1
    scope = TaskScope(document["dag_id"], document["run_id"], document["task_id"], map_index)
    return in_region(scope, map_index, document.get("region_id"))


def scope_named(document: Mapping[str, Any]) -> StoreScope | None:
    """The scope that a query, or the options of a command, name; None if they name none.

    :param document: as :func:`scope_from` takes it; members that are not given are left out or
        None.
    :raises ValueError: if it names a part of a task instance, or both a task instance and an asset.
    """
    parts = [name for name in COORDINATES if document.get(name) is not None]
    has_asset = document.get("asset") is not None
    if not parts and not has_asset:
        return None
    if has_asset == bool(parts) or 0 < len(parts) < len(COORDINATES):
        raise ValueError("expected a task instance or an asset, whole and not both")
    return scope_from(document)


def scope_in_row(row: Mapping[str, Any]) -> StoreScope | None:
    """The scope in a row, such as a journal event; None if the columns of the scope are null."""
    if row["asset"] is None and row["dag_id"] is None:
        return None
    return scope_from(row)


def scope_document(scope: StoreScope | None) -> dict[str, Any]:
    """A scope as JSON bodies and queries spell it: coordinates, or ``asset`` with the name.

    Empty for None and for an asset without a name.
    """
    if isinstance(scope, TaskScope):
        return asdict(scope)
    if scope is None or scope.name is None:
        return {}
    return {"asset": scope.name}


def coordinates(scope: TaskScope) -> dict[str, Any]:
    """The coordinates and the map index of a task instance, whatever its region."""
    return {name: getattr(scope, name) for name in (*COORDINATES, "map_index")}


def scope_of_airflow(scope: Any) -> StoreScope:
    """The scope that one of Airflow's classes, or of ours, means."""
    if hasattr(scope, "dag_id"):
        task = TaskScope(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
        return in_region(task, scope.map_index, str(getattr(scope, "region_id", "")))
    return AssetScope(asset_id=scope.asset_id, name=scope.name, uri=scope.uri)


def asset_scope(asset: Any) -> AssetScope:
    """The scope of an inlet or outlet.

    :param asset: an object with a ``name`` or a ``uri``, or a name.
    """
    if isinstance(asset, str):
        return AssetScope(name=asset)
    return AssetScope(name=getattr(asset, "name", None), uri=getattr(asset, "uri", None))


def asset_scope_by(column: str, value: str) -> AssetScope:
    """The scope of an asset by its ``name`` or its ``uri``."""
    if column == "name":
        return AssetScope(name=value)
    return AssetScope(uri=value)


def asset_column(scope: AssetScope) -> tuple[str, int | str | None]:
    """The column of the table of assets that a scope names, and its value there: the id if it is
    given, else the name, else the uri.
    """
    if scope.asset_id is not None:
        return "id", scope.asset_id
    if scope.name is not None:
        return "name", scope.name
    return "uri", scope.uri
