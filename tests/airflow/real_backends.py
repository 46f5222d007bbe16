"""Backends on the real base class of Airflow's Task SDK; ``CALLS`` records their arguments."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.sdk.state import AssetScope, BaseStoreBackend, TaskScope

ROOT = Path(os.environ.get("REAL_BACKEND_ROOT", "/nonexistent"))
CALLS: list[str] = []


class FileBackend(BaseStoreBackend):
    """One file per key; it insists on Airflow's own scope classes."""

    def path(self, scope, key):
        CALLS.append(f"{type(scope).__module__}.{type(scope).__qualname__}")
        match scope:
            case TaskScope():
                return (
                    ROOT / scope.dag_id / scope.run_id / scope.task_id / str(scope.map_index) / key
                )
            case AssetScope():
                return ROOT / "assets" / (scope.name or "unnamed") / key
        raise TypeError(f"a scope of a class that Airflow does not know: {scope!r}")

    def get(self, scope, key, *, session=None):
        raise NotImplementedError("worker-side only")

    def set(self, scope, key, value, *, expires_at=None, session=None):
        raise NotImplementedError("worker-side only")

    def delete(self, scope, key, *, session=None):
        self.path(scope, key).unlink(missing_ok=True)

    def clear(self, scope, *, all_map_indices=False, session=None):
        for path in self.path(scope, "key").parent.glob("*"):
            path.unlink()

    async def aget(self, scope, key, *, session=None):
        raise NotImplementedError("worker-side only")

    async def aset(self, scope, key, value, *, expires_at=None, session=None):
        raise NotImplementedError("worker-side only")

    async def adelete(self, scope, key, *, session=None):
        CALLS.append("adelete")
        self.delete(scope, key)

    async def aclear(self, scope, *, all_map_indices=False, session=None):
        CALLS.append("aclear")
        self.clear(scope)

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        path = self.path(scope, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        return str(path)

    def deserialize_task_state_store_from_ref(self, stored):
        return json.loads(Path(stored).read_text())

    serialize_asset_state_store_to_ref = serialize_task_state_store_to_ref
    deserialize_asset_state_store_from_ref = deserialize_task_state_store_from_ref


class TasksOnly(FileBackend):
    """Inherits the default hooks for assets, whose JSON text Airflow takes for references."""

    serialize_asset_state_store_to_ref = BaseStoreBackend.serialize_asset_state_store_to_ref
    deserialize_asset_state_store_from_ref = BaseStoreBackend.deserialize_asset_state_store_from_ref


class Keeps(FileBackend):
    """Cannot delete objects."""

    def delete(self, scope, key, *, session=None):
        raise NotImplementedError("write once")

    def clear(self, scope, *, all_map_indices=False, session=None):
        raise NotImplementedError("write once")
