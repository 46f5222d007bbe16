"""Add events of another Stateroom's journal to that of a namespace.

They get numbers of this database, after those that are here, and keep all else: an event that was
added before is known by its moment, to the microsecond, and what it did.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import BadDocument
from ..model import values
from ..model.clock import to_text
from ..model.scopes import AssetStateStoreWriterKind, StoreScope, scope_named
from .journal.scope_ids import scope_id_of
from .namespace import Namespace
from .tables.scopes import former_scope

Event = dict[str, Any]
Identity = tuple[Any, ...]
_WRITERS = {kind.value for kind in AssetStateStoreWriterKind}


def add(
    namespace: Namespace, events: list[Event], numbers: Mapping[int, int]
) -> tuple[int, dict[int, int]]:
    """Add events, in one transaction, but those that are here already.

    :param events: in order, as ``schemas.control.journal.WrittenEvent`` loads them.
    :param numbers: those that earlier events have here, by those that they have there.
    :raises BadDocument: for an event of a part of a scope.
    :returns: how many were added; and the numbers here of all these events. None are added where no
        journal is kept.
    """
    if not events or not namespace.journal.is_kept:
        return 0, {}
    added = 0
    here: dict[int, int] = {}
    with namespace.database.transaction() as db:
        known = _known(db, namespace.ns, events)
        for index, event in enumerate(events):
            scope_id = _scope_id(db, namespace, event, f"events[{index}].scope")
            identity = _identity(event["real_at"], event["op"], scope_id, event.get("key"))
            seq = known.get(identity)
            if seq is None:
                seq = namespace.journal.add(db, _row(event, scope_id, {**numbers, **here}))
                added += 1
            here[event["seq"]] = seq
    return added, here


def _known(db: sqlite3.Connection, ns: int, events: Iterable[Event]) -> dict[Identity, int]:
    """The numbers of the events that are here, of the time of some others."""
    moments = [event["real_at"] for event in events]
    sql = """SELECT seq, real_at, op, scope_id, key FROM journal
        WHERE ns = ? AND real_at BETWEEN ? AND ?"""
    rows = db.execute(sql, (ns, min(moments), max(moments)))
    return {_identity(*columns): seq for seq, *columns in rows}


def _identity(*columns: Any) -> Identity:
    return columns


def _scope_id(db: sqlite3.Connection, namespace: Namespace, event: Event, where: str) -> int | None:
    """The row of an event's scope, which may be one that is not here.

    :param where: the path in the body, for the error.
    :raises BadDocument: for a part of a scope.
    """
    try:
        scope: StoreScope | None = scope_named(event["scope"] or {})
    except ValueError as error:
        raise BadDocument(where, str(error)) from None
    if scope is None:
        return None
    scope_id = scope_id_of(db, namespace.ns, scope)
    if scope_id is None:
        scope_id = former_scope(db, namespace.ns, scope)
    return scope_id


def _row(event: Event, scope_id: int | None, numbers: Mapping[int, int]) -> tuple[Any, ...]:
    """An event as the journal's columns have it, from ``at`` on."""
    actor = event["actor"]["kind"]
    if actor not in _WRITERS:  # the gateway, and Stateroom itself, are told from the API
        actor = AssetStateStoreWriterKind.API.value
    value = None
    if "value" in event:
        value = values.dumps(event["value"])
    expires_at = event.get("expires_at")
    if expires_at is not None:
        expires_at = to_text(expires_at)
    return (
        to_text(event["at"]),
        event["real_at"],
        actor,
        event["actor"].get("ti_id"),
        event["api"],
        event["op"],
        scope_id,
        event.get("key"),
        event.get("status"),
        value,
        event.get("kind"),
        expires_at,
        event.get("expires_by"),
        numbers.get(event.get("parent") or 0),
        numbers.get(event.get("saw") or 0),
        *(event.get(name) for name in ("note", "delay", "outcome", "state")),
    )
