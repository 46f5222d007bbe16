"""The Python clients of a running Stateroom.

``Stateroom`` is the handle of one namespace, for tests and scripts; ``StateroomClient`` gives
keyspaces over HTTP. Both are imported on first use, since requests is slow to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .attempts import Asset as Asset
    from .attempts import Task as Task
    from .events import Event as Event
    from .http import StateroomClient as StateroomClient
    from .state import State as State
    from .stateroom import Stateroom as Stateroom


def __getattr__(name: str) -> Any:
    if name == "StateroomClient":
        from . import http

        return http.StateroomClient
    if name in ("Asset", "Event", "State", "Stateroom", "Task"):
        from . import stateroom

        return getattr(stateroom, name)
    raise AttributeError(f"module 'state.client' has no attribute {name!r}")
