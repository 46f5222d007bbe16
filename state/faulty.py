"""A backend that fails on purpose, for accessors in a worker and in the gateway alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from .backends.hooks import Hooks
from .errors import ObjectCorrupt, ObjectMissing
from .scopes import StoreScope, TaskScope
from .threads import to_thread
from .values import Encoded

if TYPE_CHECKING:
    from .client import StateroomClient


class BackendFault(NamedTuple):
    """What a backend is to do wrong now.

    :param kind: ``missing``, ``corrupt``, ``slow`` or ``refused``.
    :param delay: seconds, for a slow one.
    """

    fault_id: int
    kind: str
    delay: float


Take = Callable[[str, StoreScope, "str | None"], "BackendFault | None"]


def scope_document(scope: StoreScope) -> dict[str, Any]:
    """A scope as faults and the journal spell it; an asset by its name only."""
    return asdict(scope) if isinstance(scope, TaskScope) else {"asset": scope.name} if scope.name is not None else {}


def taken_from(client: StateroomClient) -> Take:
    """Ask a service, call by call, which fault its namespace has for a worker's backend."""

    def take(op: str, scope: StoreScope, key: str | None) -> BackendFault | None:
        asked = {"op": op, "scope": scope_document(scope), "key": key}
        found = client.call("POST", "/_stateroom/faults/take", json=asked).json()["fault"]
        return BackendFault(found["id"], found["backend"], found["delay"]) if found else None

    return take


class FaultyHooks(Hooks):
    """Another backend's hooks, asked about faults before each call that reads, writes, deletes or clears.

    :param take: says what is to go wrong with a call.
    :param wait: waits for some seconds.
    """

    def __init__(self, hooks: Hooks, take: Take, wait: Callable[[float], object] = time.sleep) -> None:
        self.__dict__.update(hooks.__dict__)
        self._hooks, self._take, self._wait = hooks, take, wait

    def write(self, scope: StoreScope, key: str, value: Any, ti_id: str | None) -> tuple[str | None, Encoded]:
        self._play("set", scope, key)
        return self._hooks.write(scope, key, value, ti_id)

    def read(self, scope: StoreScope, ref: str, key: str | None = None) -> tuple[Any, Encoded | None]:
        self._play("get", scope, key, ref)
        return self._hooks.read(scope, ref, key)

    def delete(self, scope: StoreScope, key: str) -> None:
        self._play("delete", scope, key)
        self._hooks.delete(scope, key)

    def clear(self, scope: StoreScope, all_map_indices: bool = False) -> None:
        self._play("clear", scope, None)
        self._hooks.clear(scope, all_map_indices)

    async def adelete(self, scope: StoreScope, key: str) -> None:
        await to_thread(self._play, "delete", scope, key)
        await self._hooks.adelete(scope, key)

    async def aclear(self, scope: StoreScope) -> None:
        await to_thread(self._play, "clear", scope, None)
        await self._hooks.aclear(scope)

    def _play(self, op: str, scope: StoreScope, key: str | None, ref: str = "") -> None:
        """Do what the fault says, if there is one.

        :raises ObjectMissing: as a backend whose object is gone.
        :raises ObjectCorrupt: as one whose object was damaged.
        :raises PermissionError: as one that is not let in.
        """
        fault = self._take(op, scope, key)
        if fault is None:
            return
        if fault.kind == "slow":
            self._wait(fault.delay)
        elif fault.kind == "missing":
            raise ObjectMissing(ref)
        elif fault.kind == "corrupt":
            raise ObjectCorrupt(ref, f"fault {fault.fault_id} says so")
        else:
            raise PermissionError(f"access was refused on purpose (fault {fault.fault_id})")
