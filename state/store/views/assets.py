"""Assets with their aliases and their last event, as the Core API sends them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import AssetNotFound
from ...model import values
from ...model.clock import to_wire
from ..database.sql import in_range, row_as_dict, rows
from ..namespace import Namespace

_ALIASES = """SELECT l.id, l.name, l.group_name AS "group" FROM asset_aliases l
    JOIN asset_alias_assets USING (alias_pk) WHERE asset_pk = ? ORDER BY l.id"""
_LAST_EVENT = """SELECT id, timestamp FROM asset_events WHERE asset_pk = ?
    ORDER BY timestamp DESC, id DESC LIMIT 1"""


def asset(namespace: Namespace, asset_id: int) -> dict[str, Any]:
    """An asset, active or not.

    :raises AssetNotFound: if there is none of this id.
    :raises OutOfRange: for an id that no row can hold.
    """
    sql = f"SELECT {COLUMNS} FROM assets WHERE ns = ? AND id = ?"
    with namespace.database.snapshot() as db:
        found = rows(db, sql, (namespace.ns, in_range("asset_id", asset_id)))
        documents = described(db, found)
    if not documents:
        raise AssetNotFound.in_core(asset_id)
    return documents[0]


COLUMNS = 'asset_pk, id, name, uri, group_name AS "group", extra, created_at, updated_at'


def described(db: sqlite3.Connection, found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of :data:`COLUMNS` with their aliases and the last event of each."""
    documents = []
    for row in found:
        event = row_as_dict(db, _LAST_EVENT, (row["asset_pk"],))
        if event:
            event["timestamp"] = to_wire(event["timestamp"])
        documents.append(
            {
                **{name: row[name] for name in ("id", "name", "uri", "group")},
                "extra": values.loads(row["extra"]),
                "created_at": to_wire(row["created_at"]),
                "updated_at": to_wire(row["updated_at"]),
                "aliases": rows(db, _ALIASES, (row["asset_pk"],)),
                "last_asset_event": event,
            }
        )
    return documents


def page(
    namespace: Namespace,
    active: bool,
    where: str,
    parameters: tuple[Any, ...],
    order: str,
    limit: int,
    offset: int,
) -> tuple[list[dict[str, Any]], int]:
    """A page of the assets, and the total.

    :param active: leave out the assets that are not active.
    :param where: further conditions in SQL over ``name`` and ``uri``, each with AND before it.
    :param order: the terms of an ORDER BY clause.
    """
    source = f"FROM assets WHERE ns = ? {where}"
    if active:
        source += " AND active"
    with namespace.database.snapshot() as db:
        (total,) = db.execute(f"SELECT count(*) {source}", (namespace.ns, *parameters)).fetchone()
        sql = f"SELECT {COLUMNS} {source} ORDER BY {order} LIMIT ? OFFSET ?"
        bounds = (limit, in_range("offset", offset))
        found = rows(db, sql, (namespace.ns, *parameters, *bounds))
        return described(db, found), total
