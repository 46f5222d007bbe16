"""All that reaches a Stateroom over HTTP.

``Stateroom`` is one namespace of a running service in the hands of a test or a script;
``StateroomClient`` gives keyspaces over HTTP. They are loaded when they are first asked for:
requests is slow to import.
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
