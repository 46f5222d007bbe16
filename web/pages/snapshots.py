"""The snapshots on the page of a namespace: take, restore, drop and compare them."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from flask import g, request

from state.errors import SnapshotNotFound, StateError
from state.masking import masked
from state.model.scopes import PAGE
from state.store import snapshots
from state.words import count

from .faults import Wrong
from .formatting import preview
from .session import Done

_SHOWN = 100  # keys of a comparison


def facts() -> dict[str, Any]:
    """What the panel shows: the snapshots, and the comparison that the address asks for."""
    comparison = None
    if a := request.args.get("a"):
        comparison = _compare(a, request.args.get("b") or None)
    return {"snapshots": snapshots.listed(g.namespace), "compared": comparison}


def _compare(a: str, b: str | None) -> dict[str, Any]:
    """What changed from one snapshot to another, or to now."""
    rows: list[dict[str, Any]] = []
    more = 0
    try:
        for what, items in snapshots.diff(g.namespace, a, b):
            rows += [{"what": what, **_row(item)} for item in islice(items, _SHOWN - len(rows))]
            more += sum(1 for _ in items)
    except StateError as error:
        return {"a": a, "b": b, "error": str(error)}
    return {"a": a, "b": b, "rows": rows, "more": more}


def _row(item: dict[str, Any]) -> dict[str, Any]:
    texts: dict[str, Any] = {
        name: _text(item[name]) for name in ("value", "before", "after") if name in item
    }
    return {"scope": item["scope"], "key": item["key"], **texts}


def _text(value: Any) -> str:
    return preview(masked(json.dumps(value)), 80)


def _name() -> str:
    return request.form.get("name", "").strip()


def _wrong(error: StateError) -> Wrong:
    return Wrong("snapshot", str(error))


def find(name: str) -> dict[str, Any]:
    """A snapshot by its name.

    :raises SnapshotNotFound: if there is none.
    """
    rows = {row["name"]: row for row in snapshots.listed(g.namespace)}
    if name not in rows:
        raise SnapshotNotFound(name, list(rows))
    return rows[name]


def changes(name: str) -> dict[str, int]:
    """The numbers of keys that a restore would add, remove and change."""
    names = {"removed": "added", "added": "removed", "changed": "changed"}  # seen from now on
    numbers = dict.fromkeys(names.values(), 0)
    for what, items in snapshots.diff(g.namespace, name, None):
        if what in names:
            numbers[names[what]] += sum(1 for _ in items)
    return numbers


def take() -> Done:
    """Take a snapshot."""
    try:
        snapshot = snapshots.take(g.namespace, _name(), PAGE)
    except StateError as error:
        raise _wrong(error) from None
    return Done(f"The snapshot {snapshot['name']} holds {count(snapshot['keys'], 'key')}.")


def restore() -> Done:
    """Return to a snapshot; what is there is kept in another one."""
    try:
        find(_name())
        undo = snapshots.take_before(g.namespace, "restore", PAGE)
        snapshots.restore(g.namespace, _name(), PAGE)
    except StateError as error:
        raise _wrong(error) from None
    return Done(f"Everything is as it was when {_name()} was taken.", undo=undo)


def drop() -> Done:
    """Drop a snapshot."""
    try:
        snapshots.drop(g.namespace, _name())
    except StateError as error:
        raise _wrong(error) from None
    return Done(f"The snapshot {_name()} is dropped.")
