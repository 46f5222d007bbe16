"""Checks of keys and scopes: any key, and nobody else's state."""

from __future__ import annotations

import unicodedata

from ..model.scopes import AssetScope
from .harness import Bench, Failed, NotApplicable
from .samples import HOSTILE_KEYS, TWINS, big, check, expect, neighbours, same


@check(
    "A key with slashes, dots, spaces, Unicode, an ending such as .gz or 512 characters "
    "cannot be kept.",
    "Encode the key before it becomes a path; never let its ending choose a format.",
)
def hostile_keys(bench: Bench) -> None:
    for scope in bench.kinds():
        with bench.store() as namespace:
            accessor = bench.accessor(namespace, scope)
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
    "Two keys that look alike (case, Unicode form, encoding, a common beginning) share one object.",
    "Make the path of a key unique also where the storage folds names together.",
)
def twin_keys(bench: Bench) -> None:
    for scope in bench.kinds():
        for one, other in TWINS:
            refs = [bench.reference(scope, key, big("same")) for key in (one, other)]
            folded = [unicodedata.normalize("NFC", ref).casefold() for ref in refs]
            expect(
                folded[0] != folded[1],
                f"{scope}: keys {one!r:.40} and {other!r:.40} share {refs[0]!r:.120}",
            )


@check(
    "State of one map index, run, dag or asset is reached from another.",
    "Put every part of the scope into the path, and keep tasks and assets apart.",
)
def isolated_scopes(bench: Bench) -> None:
    home = bench.kinds()[0]
    ref = bench.reference(home, "key", big("mine"))
    for what, neighbour in neighbours(bench):
        if neighbour == home or not bench.hooks().serves(neighbour):
            continue
        theirs = bench.reference(neighbour, "key", big("theirs"))
        expect(ref != theirs, f"{what} has the same reference {ref!r:.120}")
        bench.hooks().clear(neighbour)
        expect(bench.resolves(home, ref), f"clearing {what} removed it")


@check(
    "Written through the asset's name and cleared through its uri, an object stays behind.",
    "Use the asset's name where the scope has one.",
)
def asset_by_name_and_uri(bench: Bench) -> None:
    if not bench.hooks().serves(bench.asset):
        raise NotApplicable("it makes no references for assets")
    both = AssetScope(name=bench.asset.name, uri="kit://asset")
    ref = bench.reference(bench.asset, "key", big(1))
    bench.hooks().clear(both)
    expect(
        not bench.resolves(bench.asset, ref),
        "cleared with name and uri, the object written by name is still there",
    )
