"""Who a key belongs to, and who wrote it: frozen data under Airflow's public names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class TaskScope:
    """One task instance, whatever its attempt: the try number is not part of it.

    :param map_index: -1 for a task that is not mapped, as in Airflow.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


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
    """What kind of caller wrote an entry last (Airflow 3.3)."""

    TASK = "task"
    WATCHER = "watcher"
    API = "api"


@dataclass(frozen=True)
class Writer:
    """Who calls: a task instance by its id, a watcher, or a person through the Core API.

    :param ti_id: the task instance's UUID, for kind ``task`` only.
    :param api: the way it came: ``execution``, ``core``, ``gateway``, ``control`` or ``page``.
    """

    kind: AssetStateStoreWriterKind
    ti_id: str | None = None
    api: str = "core"


API_WRITER = Writer(AssetStateStoreWriterKind.API)
CONTROL = Writer(AssetStateStoreWriterKind.API, api="control")
WATCHER = Writer(AssetStateStoreWriterKind.WATCHER, api="execution")
