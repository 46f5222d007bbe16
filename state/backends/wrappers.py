"""Wrappers around a backend's hooks: one injects faults, one records the backend's errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import ObjectCorrupt, ObjectMissing
from ..model.reference_facts import Released
from ..model.scopes import StoreScope
from ..model.values import Encoded
from .hooks import Hooks
from .threads import to_thread


class BackendFault(NamedTuple):
    """The fault that a call to the backend meets.

    :param kind: ``missing``, ``corrupt``, ``slow`` or ``refused``.
    :param delay: seconds, for a slow one.
    """

    fault_id: int
    kind: str
    delay: float


Take = Callable[[str, StoreScope, "str | None"], "BackendFault | None"]


class WrappedHooks(Hooks):
    """The hooks of another ``Hooks``; a subclass overrides the calls that it changes."""

    def __init__(self, hooks: Hooks) -> None:
        # not Hooks.__init__: the backend's class was checked when its own hooks were made
        self.backend = hooks.backend
        self.name = hooks.name
        self._pairs = hooks._pairs
        self._scopes = hooks._scopes
        self._hooks = hooks


class FaultyHooks(WrappedHooks):
    """Hooks that look for a fault before each read, write, delete and clear.

    :param take: returns the fault of a call (operation, scope, key), or None.
    :param wait: waits for a number of seconds.
    """

    def __init__(
        self, hooks: Hooks, take: Take, wait: Callable[[float], object] = time.sleep
    ) -> None:
        super().__init__(hooks)
        self._take = take
        self._wait = wait

    def write(
        self, scope: StoreScope, key: str, value: Any, ti_id: str | None
    ) -> tuple[str | None, Encoded]:
        self._inject("set", scope, key)
        return self._hooks.write(scope, key, value, ti_id)

    def read(
        self, scope: StoreScope, ref: str, key: str | None = None
    ) -> tuple[Any, Encoded | None]:
        self._inject("get", scope, key, ref)
        return self._hooks.read(scope, ref, key)

    def delete(self, scope: StoreScope, key: str) -> None:
        self._inject("delete", scope, key)
        self._hooks.delete(scope, key)

    def clear(self, scope: StoreScope, all_map_indices: bool = False) -> None:
        self._inject("clear", scope, None)
        self._hooks.clear(scope, all_map_indices)

    def discard(
        self,
        scope: StoreScope,
        key: str | None,
        released: Released | None,
        remove: Callable[[str], object] | None = None,
    ) -> None:
        self._inject("clear" if key is None else "delete", scope, key)
        self._hooks.discard(scope, key, released, remove)

    async def adelete(self, scope: StoreScope, key: str) -> None:
        await to_thread(self._inject, "delete", scope, key)
        await self._hooks.adelete(scope, key)

    async def aclear(self, scope: StoreScope) -> None:
        await to_thread(self._inject, "clear", scope, None)
        await self._hooks.aclear(scope)

    def _inject(self, op: str, scope: StoreScope, key: str | None, ref: str = "") -> None:
        """Apply the fault of this call, if there is one.

        :raises ObjectMissing: like a backend whose object is missing.
        :raises ObjectCorrupt: like a backend whose object is damaged.
        :raises PermissionError: like a backend without access to its storage.
        """
        fault = self._take(op, scope, key)
        if fault is None:
            return
        if fault.kind == "slow":
            self._wait(fault.delay)
        elif fault.kind == "missing":
            raise ObjectMissing(ref)
        elif fault.kind == "corrupt":
            raise ObjectCorrupt(ref, f"injected by fault {fault.fault_id}")
        else:
            raise PermissionError(f"access denied, injected by fault {fault.fault_id}")


@dataclass(frozen=True)
class Failure:
    """An error that a backend raised in a test's own worker, which the service cannot see.

    :param at: Unix seconds.
    :param try_number: of the attempt that called the backend; None outside an attempt.
    """

    at: float
    try_number: int | None
    op: str
    scope: StoreScope
    key: str | None
    ref: str | None
    error: Exception


class Watched(WrappedHooks):
    """Hooks that report each error that the backend raises.

    :param try_number: of the attempt whose backend it is.
    :param report: called with each failure.
    """

    def __init__(
        self, hooks: Hooks, try_number: int | None, report: Callable[[Failure], None]
    ) -> None:
        super().__init__(hooks)
        self._try_number = try_number
        self._report = report

    def read(
        self, scope: StoreScope, ref: str, key: str | None = None
    ) -> tuple[Any, Encoded | None]:
        with self._reporting("get", scope, key, ref):
            return self._hooks.read(scope, ref, key)

    def write(
        self, scope: StoreScope, key: str, value: Any, ti_id: str | None
    ) -> tuple[str | None, Encoded]:
        with self._reporting("set", scope, key):
            return self._hooks.write(scope, key, value, ti_id)

    def write_again(
        self, scope: StoreScope, key: str, value: Any, ti_id: str | None, ref: str
    ) -> None:
        with self._reporting("set", scope, key, ref):
            self._hooks.write_again(scope, key, value, ti_id, ref)

    def delete(self, scope: StoreScope, key: str) -> None:
        with self._reporting("delete", scope, key):
            self._hooks.delete(scope, key)

    def clear(self, scope: StoreScope, all_map_indices: bool = False) -> None:
        with self._reporting("clear", scope):
            self._hooks.clear(scope, all_map_indices)

    def discard(
        self,
        scope: StoreScope,
        key: str | None,
        released: Released | None,
        remove: Callable[[str], object] | None = None,
    ) -> None:
        with self._reporting("clear" if key is None else "delete", scope, key):
            self._hooks.discard(scope, key, released, remove)

    async def adelete(self, scope: StoreScope, key: str) -> None:
        with self._reporting("delete", scope, key):
            await self._hooks.adelete(scope, key)

    async def aclear(self, scope: StoreScope) -> None:
        with self._reporting("clear", scope):
            await self._hooks.aclear(scope)

    @contextmanager
    def _reporting(
        self, op: str, scope: StoreScope, key: str | None = None, ref: str | None = None
    ) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._report(Failure(time.time(), self._try_number, op, scope, key, ref, error))
            raise
