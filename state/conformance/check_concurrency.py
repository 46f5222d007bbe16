"""Checks of crashes and concurrency: killed processes, two writers, event loops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

from .harness import Bench, Failed
from .samples import FILLER, big, check, expect

GAP = 0.3  # seconds; a thread switch takes milliseconds, a blocking call to storage much more


@check(
    "A process killed between object and row leaves a row that points nowhere.",
    "Write the object completely (and to the disk) before you return its reference.",
)
def crash_while_writing(bench: Bench) -> None:
    for scope in bench.kinds():
        with bench.store() as namespace:
            bench.accessor(namespace, scope).set("key", big("old"))
        for step in ("before row", "after row"):
            bench.killed_at(step, scope, lambda accessor: accessor.set("key", big("new")))
            with bench.store() as namespace:
                read = bench.accessor(namespace, scope).get("key")
            expect(read in (big("old"), big("new")), f"{scope}, killed {step}: read {read!r:.80}")


@check(
    "A first attempt that lives on damages what the second one wrote: "
    "objects are overwritten in place.",
    "Put a digest of the value into the reference, "
    "so that a new value never touches the old object.",
)
def crash_keeps_old_value(bench: Bench) -> None:
    for scope in bench.kinds():
        with bench.store() as namespace:
            bench.accessor(namespace, scope).set("key", big("old"))
        bench.killed_at(
            "before row", scope, lambda accessor: accessor.set("key", big("never acknowledged"))
        )
        with bench.store() as namespace:
            read = bench.accessor(namespace, scope).get("key")
        expect(read == big("old"), f"{scope}: the row still says old, but it read {read!r:.80}")


@check(
    "A process killed while it deletes leaves a row that points nowhere.",
    "Nothing to do in the backend as long as delete removes only what it is asked to.",
)
def crash_while_deleting(bench: Bench) -> None:
    for scope in bench.kinds():
        for step in ("before row", "after row"):
            with bench.store() as namespace:
                bench.accessor(namespace, scope).set("key", big(1))
            bench.killed_at(step, scope, lambda accessor: accessor.delete("key"))
            with bench.store() as namespace:
                read = bench.accessor(namespace, scope).get("key", "gone")
            expect(
                read == (big(1) if step == "before row" else "gone"),
                f"{scope}, killed {step}: read {read!r:.80}",
            )


@check(
    "Two writers at once leave a row that points nowhere, or a value that nobody wrote.",
    "Write to a temporary name and rename; let no writer remove another's object.",
)
def two_writers(bench: Bench) -> None:
    for scope in bench.kinds():
        with bench.store() as namespace:
            first = bench.accessor(namespace, scope)
            second = first
            if scope == bench.asset:
                second = bench.accessor(namespace, scope)
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

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed(f"a writer raised {type(failures[0]).__name__}: {failures[0]}")


@check(
    "The async twins do something else than the sync methods.",
    "Leave them out: the base runs the sync methods in a thread.",
)
def async_agrees(bench: Bench) -> None:
    async def life(accessor: Any) -> tuple[Any, Any, Any]:
        await accessor.aset("key", big(1))
        await accessor.aset("other", big(2))
        written = await accessor.aget("key")
        await accessor.adelete("key")
        deleted = await accessor.aget("key", "gone")
        await accessor.aclear()
        return written, deleted, await accessor.aget("other", "gone")

    for scope in bench.kinds():
        with bench.store() as namespace:
            accessor = bench.accessor(namespace, scope)
            seen = bench.run_async(life(accessor))
            expect(seen == (big(1), "gone", "gone"), f"{scope}: saw {seen!r:.120}")
        ref = bench.reference(scope, "key", big(1))
        bench.run_async(bench.hooks().adelete(scope, "key"))
        expect(
            not bench.resolves(scope, ref), f"{scope}: {ref!r:.120} is still there after adelete"
        )


@check(
    "An async method blocks the event loop: "
    "every other coroutine of the worker stands still (#71354).",
    "Await in it, or leave it out: the base runs the sync method in a thread.",
)
def loop_is_free(bench: Bench) -> None:
    for scope in bench.kinds():
        for key in ("a", "b"):
            bench.reference(scope, key, big(1))
        hooks = bench.hooks()
        for act in (partial(hooks.adelete, scope, "a"), partial(hooks.aclear, scope)):
            gap = bench.run_async(_longest_gap(act()))
            expect(gap < GAP, f"{scope}: the loop stood still for {gap:.2f} s")


async def _longest_gap(act: Coroutine[Any, Any, None]) -> float:
    """The longest time, in seconds, that the loop stood still while something was awaited."""
    gaps = [0.0]
    task = asyncio.ensure_future(act)
    while not task.done():
        begun = time.perf_counter()
        await asyncio.sleep(0)
        gaps.append(time.perf_counter() - begun)
    await task
    return max(gaps)
