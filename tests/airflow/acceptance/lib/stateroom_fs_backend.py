"""A worker-side state backend on plain files, such as [workers] state_store_backend names.

Values live under $STATEROOM_FS_ROOT; the service only ever sees the reference string.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from airflow.sdk.state import AssetScope, BaseStoreBackend, TaskScope


def _root() -> Path:
    return Path(os.environ["STATEROOM_FS_ROOT"])


def _note(event: str, **kw) -> None:
    with open(_root() / "calls.jsonl", "a") as fh:
        fh.write(json.dumps({"event": event, **kw}) + "\n")


def _prefix(scope) -> Path:
    if isinstance(scope, TaskScope):
        parts = ["ti", scope.dag_id, scope.run_id, scope.task_id, str(scope.map_index)]
    elif isinstance(scope, AssetScope):
        parts = ["asset", scope.name or scope.uri or str(scope.asset_id)]
    else:  # pragma: no cover
        raise TypeError(type(scope))
    return _root().joinpath(*(hashlib.sha256(p.encode()).hexdigest()[:16] for p in parts))


def _file(scope, key: str) -> Path:
    return _prefix(scope) / (hashlib.sha256(key.encode()).hexdigest()[:24] + ".json")


class FileStateBackend(BaseStoreBackend):
    def get(self, scope, key, *, session=None):
        p = _file(scope, key)
        return p.read_text() if p.exists() else None

    def set(self, scope, key, value, *, expires_at=None, session=None):
        p = _file(scope, key)
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(value)

    def delete(self, scope, key, *, session=None):
        _note("delete", scope=repr(scope), key=key)
        _file(scope, key).unlink(missing_ok=True)

    def clear(self, scope, *, all_map_indices=False, session=None):
        _note("clear", scope=repr(scope), all_map_indices=all_map_indices)
        shutil.rmtree(_prefix(scope), ignore_errors=True)

    async def aget(self, scope, key, *, session=None):
        return self.get(scope, key)

    async def aset(self, scope, key, value, *, expires_at=None, session=None):
        self.set(scope, key, value)

    async def adelete(self, scope, key, *, session=None):
        self.delete(scope, key)

    async def aclear(self, scope, *, all_map_indices=False, session=None):
        self.clear(scope)

    def _to_ref(self, value, key, scope) -> str:
        self.set(scope, key, json.dumps(value))
        _note("to_ref", scope=repr(scope), key=key)
        return f"fsref:{_file(scope, key).relative_to(_root())}"

    def _from_ref(self, ref: str):
        _note("from_ref", ref=ref)
        if not isinstance(ref, str) or not ref.startswith("fsref:"):
            raise ValueError(f"not one of this backend's references: {ref!r}")
        return json.loads((_root() / ref[len("fsref:") :]).read_text())

    def serialize_task_state_store_to_ref(self, *, value, key, scope) -> str:
        return self._to_ref(value, key, scope)

    def deserialize_task_state_store_from_ref(self, stored):
        return self._from_ref(stored)

    def serialize_asset_state_store_to_ref(self, *, value, key, scope) -> str:
        return self._to_ref(value, key, scope)

    def deserialize_asset_state_store_from_ref(self, stored):
        return self._from_ref(stored)
