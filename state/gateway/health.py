"""Check references: whether their objects are there and unchanged."""

from __future__ import annotations

import json
from typing import Any

from ..errors import BackendFailed, ForeignReference, ObjectCorrupt, ObjectMissing
from ..model.scopes import AssetScope, TaskScope
from ..model.values import Encoded
from ..store.namespace import Namespace
from ..store.tables import references
from .backend import Backend

_MISSING, _CORRUPT = (
    (ObjectMissing, FileNotFoundError),
    (ObjectCorrupt, json.JSONDecodeError, UnicodeDecodeError),
)


# ---------------------------------------------------------------- health


def check(namespace: Namespace, backend: Backend, after: int, limit: int) -> dict[str, Any]:
    """Look behind the next references and note what is there; a released one whose object is gone is forgotten.

    :param after: the last id of the page before, 0 for the first.
    :returns: ``checked``, ``remaining``, ``next`` (None at the end), ``health`` (how many of each), ``errors``.
    :raises BackendTimeout: if the backend hangs; what was noted before stays.
    """
    rows, total = references.after(namespace, after, limit)
    counts: dict[str, int] = {}
    errors = []
    for row in rows:
        health, error = _look(namespace, backend, row)
        counts[health] = counts.get(health, 0) + 1
        if error:
            errors.append({"id": row["ref_id"], "message": error})
    end = rows[-1]["ref_id"] if len(rows) < total else None
    return {
        "checked": len(rows),
        "remaining": total - len(rows),
        "next": end,
        "health": counts,
        "errors": errors,
    }


def _look(namespace: Namespace, backend: Backend, row: dict[str, Any]) -> tuple[str, str | None]:
    """What stands behind one row, and what the backend raised if it cannot be said."""
    store, ref = namespace.database, row["ref"]
    try:
        if row["health"] == "orphan":
            health = backend.run(lambda call: _look_at_orphan(backend, row))
        else:
            health = backend.run(lambda call: _look_at_held(backend, row))
    except BackendFailed as error:
        health, message = health_of(error), str(error)
        references.set_health(store, row["ref_id"], health)
        return health, message if health == "unchecked" else None
    if health == "gone":
        references.forget(store, ref)
    else:
        references.set_health(store, row["ref_id"], health)
    return health, None


def _look_at_orphan(backend: Backend, row: dict[str, Any]) -> str:
    return "gone" if backend.is_gone(row["ref"], _vouched_by(row)) else "orphan"


def _look_at_held(backend: Backend, row: dict[str, Any]) -> str:
    hooks, ref = backend.hooks, row["ref"]
    if hooks is None or not backend.may_resolve(ref, _vouched_by(row)):
        mine = (
            hooks is not None and row["backend"] in (None, hooks.name) and not hooks.has("owns_ref")
        )
        return "unchecked" if mine else "foreign"
    value, encoded = hooks.read(scope_of(row), ref)
    if value is None:
        return "missing"
    if row["sha256"] is None or (encoded or Encoded.of(value)).sha256 == row["sha256"]:
        return "ok"
    return "corrupt" if getattr(hooks.backend, "immutable", False) else "changed"


def _vouched_by(row: dict[str, Any]) -> list[str]:
    return [row["backend"]] if row["vouched"] else []


def scope_of(row: dict[str, Any]) -> TaskScope | AssetScope:
    """Whose state a row is."""
    if row["asset"] is not None:
        return AssetScope(name=row["asset"])
    return TaskScope(row["dag_id"], row["run_id"], row["task_id"], row["map_index"])


def health_of(error: BackendFailed) -> str:
    """What a backend's own error says of the object."""
    cause = error.__cause__
    if isinstance(cause, _MISSING):
        return "missing"
    if isinstance(cause, ForeignReference):
        return "foreign"
    return "corrupt" if isinstance(cause, _CORRUPT) else "unchecked"
