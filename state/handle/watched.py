"""A worker's backend with an eye on what fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..backends.hooks import Hooks
from ..scopes import StoreScope
from ..values import Encoded


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

    def __init__(self, hooks: Hooks, try_number: int | None, tell: Callable[[Failure], None]) -> None:
        self.__dict__.update(hooks.__dict__)
        self._hooks, self._try_number, self._tell = hooks, try_number, tell

    def read(self, scope: StoreScope, ref: str, key: str | None = None) -> tuple[Any, Encoded | None]:
        with self._telling("get", scope, key, ref):
            return self._hooks.read(scope, ref, key)

    def write(self, scope: StoreScope, key: str, value: Any, ti_id: str | None) -> tuple[str | None, Encoded]:
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
    def _telling(self, op: str, scope: StoreScope, key: str | None = None, ref: str | None = None) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._tell(Failure(time.time(), self._try_number, op, scope, key, ref, error))
            raise
