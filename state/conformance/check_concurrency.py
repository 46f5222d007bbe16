"""Checks of crashes and concurrency: killed processes, two writers, event loops."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from ..backends.hooks import Hooks
from ..model.scopes import StoreScope
from .deadline import Failed
from .harness import Harness
from .samples import FILLER, big, check, expect

GAP = 0.3  # seconds; a thread switch takes milliseconds, a blocking call to storage much more
TRIES = 4  # a busy machine stalls a free loop now and then; a blocking call does so each time


@check(
    "A process killed between object and row leaves a row without an object.",
    "Write the whole object (and sync it to disk) before you return its reference.",
)
def crash_while_writing(harness: Harness) -> None:
    for scope in harness.served_scopes():
        with harness.store() as namespace:
            harness.accessor(namespace, scope).set("key", big("old"))
        for step in ("before row", "after row"):
            harness.killed_at(step, scope, lambda accessor: accessor.set("key", big("new")))
            with harness.store() as namespace:
                read = harness.accessor(namespace, scope).get("key")
            expect(read in (big("old"), big("new")), f"{scope}, killed {step}: read {read!r:.80}")


@check(
    "An old attempt that still runs overwrites the object of a new one in place.",
    "Put a digest of the value into the reference, so that each new value is a new object.",
)
def crash_keeps_old_value(harness: Harness) -> None:
    for scope in harness.served_scopes():
        with harness.store() as namespace:
            harness.accessor(namespace, scope).set("key", big("old"))
        harness.killed_at(
            "before row", scope, lambda accessor: accessor.set("key", big("never acknowledged"))
        )
        with harness.store() as namespace:
            read = harness.accessor(namespace, scope).get("key")
        expect(read == big("old"), f"{scope}: the row still says old, but it read {read!r:.80}")


@check(
    "A process killed during a delete leaves a row without an object.",
    "Remove only the objects of this key in delete.",
)
def crash_while_deleting(harness: Harness) -> None:
    for scope in harness.served_scopes():
        for step in ("before row", "after row"):
            with harness.store() as namespace:
                harness.accessor(namespace, scope).set("key", big(1))
            harness.killed_at(step, scope, lambda accessor: accessor.delete("key"))
            with harness.store() as namespace:
                read = harness.accessor(namespace, scope).get("key", "missing")
            expected = {"before row": big(1), "after row": "missing"}[step]
            expect(read == expected, f"{scope}, killed {step}: read {read!r:.80}")


@check(
    "Two concurrent writers leave a row without an object, or a value that neither wrote.",
    "Write to a temporary name and rename; never remove the object of another writer.",
)
def two_writers(harness: Harness) -> None:
    for scope in harness.served_scopes():
        with harness.store() as namespace:
            first = harness.accessor(namespace, scope)
            second = first
            if scope == harness.asset:
                second = harness.accessor(namespace, scope)
            accessors = [first, second]
            _race(accessors)
            read = accessors[0].get("key", "nothing")
        expect(
            isinstance(read, dict) and read.get("filler") == FILLER, f"{scope}: read {read!r:.80}"
        )


def _race(accessors: list[Any]) -> None:
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            for turn in range(20):
                accessors[number].set("key", big([number, turn]))
        except Exception as error:  # raised again in the main thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed(f"a writer raised {type(failures[0]).__name__}: {failures[0]}")


@check(
    "The async methods behave differently from the sync methods.",
    "Do not override them: the base class runs the sync methods in a thread.",
)
def async_agrees(harness: Harness) -> None:
    async def life(accessor: Any) -> tuple[Any, Any, Any]:
        await accessor.aset("key", big(1))
        await accessor.aset("other", big(2))
        written = await accessor.aget("key")
        await accessor.adelete("key")
        deleted = await accessor.aget("key", "missing")
        await accessor.aclear()
        return written, deleted, await accessor.aget("other", "missing")

    for scope in harness.served_scopes():
        with harness.store() as namespace:
            accessor = harness.accessor(namespace, scope)
            seen = harness.run_async(life(accessor))
            expect(seen == (big(1), "missing", "missing"), f"{scope}: saw {seen!r:.120}")
        ref = harness.reference(scope, "key", big(1))
        harness.run_async(harness.hooks().adelete(scope, "key"))
        expect(
            not harness.resolves(scope, ref), f"{scope}: {ref!r:.120} still exists after adelete"
        )


@check(
    "An async method blocks the event loop: all other coroutines of the worker wait (#71354).",
    "Await in it, or do not override it: the base class runs the sync method in a thread.",
)
def loop_is_free(harness: Harness) -> None:
    acts: list[Callable[[Hooks, StoreScope], Coroutine[Any, Any, None]]] = [
        lambda hooks, scope: hooks.adelete(scope, "key"),
        lambda hooks, scope: hooks.aclear(scope),
    ]
    for scope in harness.served_scopes():
        for act in acts:
            gap = _shortest_block(harness, scope, act)
            expect(gap < GAP, f"{scope}: the loop was blocked for {gap:.2f} s")


def _shortest_block(
    harness: Harness,
    scope: StoreScope,
    act: Callable[[Hooks, StoreScope], Coroutine[Any, Any, None]],
) -> float:
    """The shortest time, in seconds, for which an act on one key blocked the event loop."""
    shortest = math.inf
    for _ in range(TRIES):
        harness.reference(scope, "key", big(1))
        hooks = harness.hooks()
        shortest = min(shortest, harness.run_async(_longest_gap(act(hooks, scope))))
        if shortest < GAP:
            break
    return shortest


async def _longest_gap(act: Coroutine[Any, Any, None]) -> float:
    """The longest time, in seconds, for which an awaited call blocked the event loop."""
    gaps = [0.0]
    task = asyncio.ensure_future(act)
    while not task.done():
        begun = time.perf_counter()
        await asyncio.sleep(0)
        gaps.append(time.perf_counter() - begun)
    await task
    return max(gaps)
