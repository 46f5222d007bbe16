"""Check references: whether their objects exist and are unchanged."""

from __future__ import annotations

import json
from typing import Any

from ..errors import BackendFailed, ForeignReference, ObjectCorrupt, ObjectMissing
from ..model import envelope
from ..model.reference_facts import health_of_checksum
from ..model.scopes import scope_from
from ..model.values import Encoded
from ..store.namespace import Namespace
from ..store.tables import references
from . import trust
from .backend import Backend

_MISSING = (ObjectMissing, FileNotFoundError)
_CORRUPT = (ObjectCorrupt, json.JSONDecodeError, UnicodeDecodeError)


def check(namespace: Namespace, backend: Backend, after: int, limit: int) -> dict[str, Any]:
    """Check the next references and store their health in the ledger.

    A released reference whose object is missing is removed from the ledger.

    :param after: the last id of the page before, 0 for the first.
    :returns: ``checked``, ``remaining``, ``next`` (an id; None at the end), ``health`` (the number
        of each) and ``errors``.
    :raises BackendTimeout: if the backend hangs; the results before stay stored.
    """
    rows, total = references.after(namespace, after, limit)
    counts: dict[str, int] = {}
    errors = []
    for row in rows:
        health, error = _check_row(namespace, backend, row)
        counts[health] = counts.get(health, 0) + 1
        if error:
            errors.append({"id": row["ref_id"], "message": error})
    next_after = None
    if len(rows) < total:
        next_after = rows[-1]["ref_id"]
    return {
        "checked": len(rows),
        "remaining": total - len(rows),
        "next": next_after,
        "health": counts,
        "errors": errors,
    }


def _check_row(
    namespace: Namespace, backend: Backend, row: dict[str, Any]
) -> tuple[str, str | None]:
    """The health of one reference, and the backend's error if it could not be checked."""
    database = namespace.database
    try:
        if row["health"] != "orphan":
            health = backend.run(lambda call: _check_held(namespace, backend, row))
        elif backend.run(lambda call: backend.is_missing(row["ref"], vouched_by(row))):
            references.forget(database, row["ref"])
            return "gone", None
        else:
            health = "orphan"
    except BackendFailed as error:
        health = health_of(error)
        references.set_health(database, row["ref_id"], health)
        if health == "unchecked":
            return health, str(error)
        return health, None
    references.set_health(database, row["ref_id"], health)
    return health, None


def _check_held(namespace: Namespace, backend: Backend, row: dict[str, Any]) -> str:
    hooks = backend.hooks
    if hooks is None:
        return "foreign"
    if not may_resolve(namespace, backend, row):
        if envelope.is_text(row["ref"]):
            return "ok"
        if row["backend"] in (None, hooks.name) and not hooks.has("owns_ref"):
            return "unchecked"
        return "foreign"
    value, encoded = hooks.read(scope_from(row), row["ref"])
    if value is None:
        return "missing"
    encoded = encoded or Encoded.of(value)
    return health_of_checksum(encoded.sha256, row["sha256"], hooks.immutable)


def may_resolve(namespace: Namespace, backend: Backend, row: dict[str, Any]) -> bool:
    """Whether this backend is known to have made the reference of a row, for the row's scope."""
    return trust.may_resolve(namespace, backend, row["scope_id"], row["ref"], vouched_by(row))


def vouched_by(row: dict[str, Any]) -> list[str]:
    """The backend with which this service made the reference of a row; empty if it did not."""
    return [row["backend"]] if row["vouched"] else []


def health_of(error: BackendFailed) -> str:
    """The health that a backend's error stands for."""
    cause = error.__cause__
    if isinstance(cause, _MISSING):
        return "missing"
    if isinstance(cause, ForeignReference):
        return "foreign"
    if isinstance(cause, _CORRUPT):
        return "corrupt"
    return "unchecked"
