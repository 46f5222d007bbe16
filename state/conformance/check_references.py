"""Checks of references: the same in any attempt and process, or unique and found by delete."""

from __future__ import annotations

import time

from ..model.scopes import StoreScope
from .harness import Harness, NotApplicable
from .samples import big, check, expect, same


@check(
    "The reference has a time or a random part: delete and clear cannot find the object.",
    "Build the reference from the scope, the key and the value's content only; or declare "
    "unique_refs = True, if each write has an object of its own and delete finds them all.",
)
def deterministic(harness: Harness) -> None:
    for scope in harness.served_scopes():
        first = harness.reference(scope, "key", big(1))
        time.sleep(0.01)
        again = harness.reference(scope, "key", big(1))
        _expect_found(harness, scope, first, again, f"{scope}: {first!r:.120}, then {again!r:.120}")


@check(
    "The reference differs between processes: another worker cannot find the object.",
    "Use nothing that belongs to the process: no pid, no hash(), no counter.",
)
def same_in_every_process(harness: Harness) -> None:
    for scope in harness.served_scopes():
        here = harness.reference(scope, "key", big(1))
        there = harness.reference_elsewhere(scope, "key", big(1), "ti-1")
        seen = f"{scope}: {here!r:.120} here, {there!r:.120} there"
        _expect_found(harness, scope, here, there, seen)


@check(
    "The reference has the task-instance id, which changes with each retry (#68274).",
    "Build it from the scope (dag, run, task, map index); the released hooks get it.",
)
def same_in_every_attempt(harness: Harness) -> None:
    if not harness.hooks().serves(harness.task):
        raise NotApplicable("it has no hooks for tasks")
    first, second = (
        harness.reference(harness.task, "key", big(1), ti_id) for ti_id in ("ti-1", "ti-2")
    )
    seen = f"attempt 1: {first!r:.120}, attempt 2: {second!r:.120}"
    _expect_found(harness, harness.task, first, second, seen)


def _expect_found(harness: Harness, scope: StoreScope, first: str, second: str, seen: str) -> None:
    """Expect that delete can find the objects of two writes of a value.

    It can if both have the same reference; those of a backend with unique references are deleted.

    :param seen: the references, for the message.
    """
    hooks = harness.hooks()
    if not hooks.unique_refs:
        expect(first == second, seen)
        return
    expect(first != second, f"{seen}; it declares unique_refs, so they should differ")
    expect(hooks.has("remove_ref"), "it declares unique_refs, which need remove_ref")
    hooks.delete(scope, "key")
    remaining = [ref for ref in (first, second) if harness.resolves(scope, ref)]
    expect(not remaining, f"{scope}: {remaining[:1]!r:.120} still exists after delete")


@check(
    "A retried task cannot read the value of its first attempt.",
    "Resolve the stored reference; do not build it again from the attempt.",
)
def retry_reads(harness: Harness) -> None:
    if not harness.hooks().serves(harness.task):
        raise NotApplicable("it has no hooks for tasks")
    with harness.store() as namespace:
        harness.accessor(namespace, harness.task).set("key", big("first"))
        read = harness.accessor(namespace, harness.task).get("key")
        expect(same(read, big("first")), f"the second attempt read {read!r:.80}")
