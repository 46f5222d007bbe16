"""Checks of keys and scopes: every key is possible, and scopes are separate."""

from __future__ import annotations

import unicodedata

from ..model.scopes import AssetScope
from .deadline import Failed
from .harness import Harness, NotApplicable
from .samples import HOSTILE_KEYS, TWINS, big, check, expect, neighbours, same


@check(
    "A key with slashes, dots, spaces, Unicode, a suffix such as .gz or 512 characters fails.",
    "Encode the key before it becomes a path; its suffix must not choose a format.",
)
def hostile_keys(harness: Harness) -> None:
    for scope in harness.served_scopes():
        with harness.store() as namespace:
            accessor = harness.accessor(namespace, scope)
            for key in HOSTILE_KEYS:
                try:
                    accessor.set(key, big(key))
                    read = accessor.get(key)
                except Exception as error:
                    raise Failed(
                        f"{scope}, key {key!r:.60}: {type(error).__name__}: {error}"
                    ) from error
                expect(same(read, big(key)), f"{scope}, key {key!r:.60}: read {read!r:.80}")


@check(
    "Two similar keys (case, Unicode form, encoding, a common prefix) share one object.",
    "Make the path of a key unique, also on a storage that ignores case or Unicode forms.",
)
def twin_keys(harness: Harness) -> None:
    for scope in harness.served_scopes():
        for first, second in TWINS:
            refs = [harness.reference(scope, key, big("same")) for key in (first, second)]
            folded = [unicodedata.normalize("NFC", ref).casefold() for ref in refs]
            expect(
                folded[0] != folded[1],
                f"{scope}: keys {first!r:.40} and {second!r:.40} share {refs[0]!r:.120}",
            )


@check(
    "One map index, run, dag or asset can read or remove the state of another.",
    "Put every part of the scope into the path, and separate tasks from assets.",
)
def isolated_scopes(harness: Harness) -> None:
    home = harness.served_scopes()[0]
    ref = harness.reference(home, "key", big("mine"))
    for description, neighbour in neighbours(harness):
        if neighbour == home or not harness.hooks().serves(neighbour):
            continue
        theirs = harness.reference(neighbour, "key", big("theirs"))
        expect(ref != theirs, f"{description} has the same reference {ref!r:.120}")
        harness.hooks().clear(neighbour)
        expect(harness.resolves(home, ref), f"clearing {description} removed it")


@check(
    "An object written by the asset's name is not removed by a clear by its uri.",
    "Use the asset's name if the scope has one.",
)
def asset_by_name_and_uri(harness: Harness) -> None:
    if not harness.hooks().serves(harness.asset):
        raise NotApplicable("it has no hooks for assets")
    both = AssetScope(name=harness.asset.name, uri="kit://asset")
    ref = harness.reference(harness.asset, "key", big(1))
    harness.hooks().clear(both)
    expect(
        not harness.resolves(harness.asset, ref),
        "cleared with name and uri, the object written by name still exists",
    )
