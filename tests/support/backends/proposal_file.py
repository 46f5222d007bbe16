"""
A custom backend for proposal #67530: its hooks take `ti_id` and `asset_ref`, not a scope.

It stands for the classes that people wrote before Airflow 3.3 was released. Stateroom has to run
it unchanged (the server-side verbs raise, because such a class only ever ran on workers).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from state.backends.base import BaseStateBackend

ROOT = Path(os.environ.get("PROPOSAL_BACKEND_ROOT", "/tmp/proposal_backend"))


def _put(path: Path, value) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return str(path)


class ProposalFileBackend(BaseStateBackend):
    """Keeps each value as a JSON file and hands out its path as the reference."""

    def serialize_task_state_to_ref(self, *, value, key: str, ti_id: str) -> str:
        return _put(ROOT / f"ti_{ti_id}" / f"{key}.json", value)

    def deserialize_task_state_from_ref(self, stored: str):
        return json.loads(Path(stored).read_text())

    def serialize_asset_state_to_ref(self, *, value, key: str, asset_ref: str) -> str:
        folder = "".join(c if c.isalnum() else "_" for c in asset_ref)
        return _put(ROOT / "assets" / folder / f"{key}.json", value)

    def deserialize_asset_state_from_ref(self, stored: str):
        return json.loads(Path(stored).read_text())

    def get(self, scope, key, *, session=None):
        raise NotImplementedError("worker-side only")

    def set(self, scope, key, value, *, expires_at=None, session=None):
        raise NotImplementedError("worker-side only")

    def delete(self, scope, key, *, session=None):
        raise NotImplementedError("worker-side only")

    def clear(self, scope, *, all_map_indices=False, session=None):
        raise NotImplementedError("worker-side only")

    async def aget(self, scope, key, *, session=None):
        raise NotImplementedError("worker-side only")

    async def aset(self, scope, key, value, *, expires_at=None, session=None):
        raise NotImplementedError("worker-side only")

    async def adelete(self, scope, key, *, session=None):
        raise NotImplementedError("worker-side only")

    async def aclear(self, scope, *, all_map_indices=False, session=None):
        raise NotImplementedError("worker-side only")
