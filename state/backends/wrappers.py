"""A backend that fails on purpose, for accessors in a worker and in the gateway alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import ObjectCorrupt, ObjectMissing
from ..model.scopes import StoreScope
from ..model.values import Encoded
from .hooks import Hooks
from .threads import to_thread


class BackendFault(NamedTuple):
    """What a backend is to do wrong now.

    :param kind: ``missing``, ``corrupt``, ``slow`` or ``refused``.
    :param delay: seconds, for a slow one.
    """

    fault_id: int
    kind: str
    delay: float


Take = Callable[[str, StoreScope, "str | None"], "BackendFault | None"]


class FaultyHooks(Hooks):
    """Another backend's hooks, asked about faults before each call that reads, writes, deletes or clears.

    :param take: says what is to go wrong with a call.
    :param wait: waits for some seconds.
    """

    def __init__(
        self, hooks: Hooks, take: Take, wait: Callable[[float], object] = time.sleep
    ) -> None:
        self.__dict__.update(hooks.__dict__)
        self._hooks, self._take, self._wait = hooks, take, wait

    def write(
        self, scope: StoreScope, key: str, value: Any, ti_id: str | None
    ) -> tuple[str | None, Encoded]:
        self._play("set", scope, key)
        return self._hooks.write(scope, key, value, ti_id)

    def read(
        self, scope: StoreScope, ref: str, key: str | None = None
    ) -> tuple[Any, Encoded | None]:
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


@dataclass(frozen=True)
class Failure:
    """A backend raised when a worker of ours read or wrote through it; the service never hears of that.

    :param at: Unix seconds.
    :param try_number: of the attempt that met it; None for nobody in particular.
    """

    at: float
    try_number: int | None
    op: str
    scope: StoreScope
    key: str | None
    ref: str | None
    error: Exception


class Watched(Hooks):
    """Another backend's hooks that tell of what it raised.

    :param try_number: of the attempt whose backend it is.
    :param tell: is handed each failure.
    """

    def __init__(
        self, hooks: Hooks, try_number: int | None, tell: Callable[[Failure], None]
    ) -> None:
        self.__dict__.update(hooks.__dict__)
        self._hooks, self._try_number, self._tell = hooks, try_number, tell

    def read(
        self, scope: StoreScope, ref: str, key: str | None = None
    ) -> tuple[Any, Encoded | None]:
        with self._telling("get", scope, key, ref):
            return self._hooks.read(scope, ref, key)

    def write(
        self, scope: StoreScope, key: str, value: Any, ti_id: str | None
    ) -> tuple[str | None, Encoded]:
        with self._telling("set", scope, key):
            return self._hooks.write(scope, key, value, ti_id)

    def delete(self, scope: StoreScope, key: str) -> None:
        with self._telling("delete", scope, key):
            self._hooks.delete(scope, key)

    def clear(self, scope: StoreScope, all_map_indices: bool = False) -> None:
        with self._telling("clear", scope):
            self._hooks.clear(scope, all_map_indices)

    async def adelete(self, scope: StoreScope, key: str) -> None:
        with self._telling("delete", scope, key):
            await self._hooks.adelete(scope, key)

    async def aclear(self, scope: StoreScope) -> None:
        with self._telling("clear", scope):
            await self._hooks.aclear(scope)

    @contextmanager
    def _telling(
        self, op: str, scope: StoreScope, key: str | None = None, ref: str | None = None
    ) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._tell(Failure(time.time(), self._try_number, op, scope, key, ref, error))
            raise
