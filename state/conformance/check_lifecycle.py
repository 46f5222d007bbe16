"""Checks of overwriting, shrinking, deleting and clearing, which must leave no object behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from .deadline import Failed
from .harness import Harness, NotApplicable
from .samples import big, check, expect, same


@check(
    "After a key is overwritten, its old value is read, or a mixture of both.",
    "Write a new object for a new value, or replace the old one at once (write, then rename).",
)
def overwrite(harness: Harness) -> None:
    for scope in harness.served_scopes():
        with harness.store() as namespace:
            accessor = harness.accessor(namespace, scope)
            for value in (big("a long first value" * 50), big("b"), big(["c"])):
                accessor.set("key", value)
                expect(
                    same(accessor.get("key"), value), f"{scope}: read {accessor.get('key')!r:.80}"
                )


@check(
    "When a value shrinks below the inline threshold, its old object is not removed.",
    "Implement remove_ref, or delete so that it finds the old object of a key.",
)
def shrink(harness: Harness) -> None:
    for scope in harness.served_scopes():
        with harness.store() as namespace:
            accessor = harness.accessor(namespace, scope)
            accessor.set("key", big(1))
            old = harness.stored_ref(namespace, scope, "key")
            accessor.set("key", 1)
            new = harness.stored_ref(namespace, scope, "key")
            if old is None or (
                new is not None and harness.hooks().serialize(scope, "key", 1, "ti-1") == old
            ):
                continue
            expect(accessor.get("key") == 1, f"{scope}: read {accessor.get('key')!r:.80}")
            removed = new == old or not harness.resolves(scope, old)
            expect(new is not None or removed, f"{scope}: the old object {old!r:.120} still exists")


@check(
    "After delete, by scope and key alone and from another process, the object still exists.",
    "Implement delete so that it finds the objects of a key from the scope and the key.",
)
def delete_leaves_nothing(harness: Harness) -> None:
    for scope in harness.served_scopes():
        other = harness.reference(scope, "kept", big(1))
        deleted = harness.reference(scope, "deleted", big(1))
        _implemented(partial(harness.hooks().delete, scope, "deleted"), "delete")
        expect(
            not harness.resolves(scope, deleted),
            f"{scope}: {deleted!r:.120} still exists after delete",
        )
        expect(
            harness.resolves(scope, other), f"{scope}: delete of another key removed {other!r:.120}"
        )
        harness.hooks().delete(scope, "deleted")


@check(
    "After clear, by scope alone, objects still exist.",
    "Implement clear so that it finds all objects of a scope.",
)
def clear_leaves_nothing(harness: Harness) -> None:
    for scope in harness.served_scopes():
        refs = [harness.reference(scope, key, big(1)) for key in ("a", "b/c", "k" * 200)]
        _implemented(partial(harness.hooks().clear, scope), "clear")
        remaining = [ref for ref in refs if harness.resolves(scope, ref)]
        expect(not remaining, f"{scope}: {remaining[:1]!r:.120} still exists after clear")
        harness.hooks().clear(scope)


@check(
    "Clearing all map indices leaves some objects, or removes those of another task.",
    "With all_map_indices, remove the objects of the task at any index, and nothing else.",
)
def clear_all_map_indices(harness: Harness) -> None:
    if not harness.hooks().serves(harness.task):
        raise NotApplicable("it has no hooks for tasks")
    mapped = [replace(harness.task, task_id="mapped", map_index=index) for index in (0, 1, 10)]
    refs = [harness.reference(scope, "key", big(1)) for scope in mapped]
    other = harness.reference(replace(harness.task, task_id="mapped2", map_index=0), "key", big(1))
    _implemented(
        lambda: harness.hooks().clear(mapped[0], all_map_indices=True), "clear with all_map_indices"
    )
    remaining = [ref for ref in refs if harness.resolves(harness.task, ref)]
    expect(not remaining, f"{remaining[:1]!r:.120} still exists")
    expect(harness.resolves(harness.task, other), "another task's object was removed too")


def _implemented(act: Callable[[], None], verb: str) -> None:
    try:
        act()
    except NotImplementedError as error:
        raise Failed(
            f"{verb} is not implemented ({error}): its objects are never removed"
        ) from error
