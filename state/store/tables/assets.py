"""The table of assets."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import AssetNotFound, BadDocument
from ...model import values
from ...model.clock import to_text
from ...model.scopes import CONTROL
from ..database.sql import in_range, row_as_dict, rows
from ..journal.journal import Event
from ..namespace import Namespace
from .scopes import put_asset_scope

# what an asset has that is not described, as it is stored
NEW_ASSET = {"group": "asset", "extra": "{}"}


def asset_by(namespace: Namespace, attribute: str, value: str) -> dict[str, Any]:
    """The name, the uri, the group and the extra of an active asset.

    :param attribute: ``name`` or ``uri``.
    :raises AssetNotFound: if there is none.
    """
    sql = {
        name: f"""SELECT name, uri, group_name AS "group", extra FROM assets
            WHERE ns = ? AND {name} = ? AND active"""
        for name in ("name", "uri")
    }
    with namespace.database.reading() as db:
        row = row_as_dict(db, sql[attribute], (namespace.ns, value))
    if not row:
        raise AssetNotFound.unknown(attribute, value)
    return {**row, "extra": values.loads(row["extra"])}


def assets_of_alias(namespace: Namespace, name: str) -> list[dict[str, Any]]:
    """The assets that an alias stands for, as :func:`asset_by`, by id; an unknown one has none."""
    with namespace.database.reading() as db:
        found = rows(
            db,
            """SELECT a.name, a.uri, a.group_name AS "group", a.extra FROM asset_aliases l
            JOIN asset_alias_assets USING (alias_pk) JOIN assets a USING (asset_pk)
            WHERE l.ns = ? AND l.name = ? ORDER BY a.id""",
            (namespace.ns, name),
        )
    return [{**row, "extra": values.loads(row["extra"])} for row in found]


def create_asset(namespace: Namespace, name: str, uri: str | None = None) -> dict[str, Any]:
    """Create an active asset, or return the active one of this name.

    :raises BadDocument: if the name or the uri belongs to another active asset.
    :raises OutOfRange: if an asset has the highest possible id.
    """
    with namespace.database.transaction() as db:
        row = db.execute(
            "SELECT id, uri FROM assets WHERE ns = ? AND name = ? AND active", (namespace.ns, name)
        ).fetchone()
        if row is not None and uri in (None, row[1]):
            return {"id": row[0], "name": name, "uri": row[1]}
        (last,) = db.execute(
            "SELECT coalesce(max(id), 0) FROM assets WHERE ns = ?", (namespace.ns,)
        ).fetchone()
        if uri is None:
            uri = name
        asset = {"id": in_range("id", last + 1), "name": name, "uri": uri, "active": True}
        scope_id = put_asset(db, namespace, asset, "")
        namespace.journal.write(
            db, Event("create", CONTROL, scope_id, status=201, note=f"asset {name}")
        )
    return {name: asset[name] for name in ("id", "name", "uri")}


def named(namespace: Namespace, name: str | None, uri: str | None) -> list[dict[str, Any]]:
    """The active assets of this name, or of this uri, by their ids; None is no asset's."""
    sql = """SELECT id, name, uri FROM assets WHERE ns = ? AND active AND (name = ? OR uri = ?)
        ORDER BY id"""
    with namespace.database.reading() as db:
        return rows(db, sql, (namespace.ns, name, uri))


def put_asset(
    db: sqlite3.Connection, namespace: Namespace, asset: dict[str, Any], where: str
) -> int:
    """Create or update an asset by its id, with its scope; a group and an extra that are not given
    stay as they are.

    :param where: the asset's path in a fixture document, for the error; empty outside of one.
    :returns: the scope's row.
    :raises BadDocument: if another active asset has its name or its uri.
    """
    if asset["active"]:
        _check_unique(db, namespace, asset, where)
    now = to_text(namespace.clock.now())
    extra = None
    if "extra" in asset:
        extra = values.dumps(asset["extra"])
    (pk,) = db.execute(
        """INSERT INTO assets (ns, id, name, uri, active, group_name, extra, created_at, updated_at)
        VALUES (:ns, :id, :name, :uri, :active, coalesce(:group, 'asset'), coalesce(:extra, '{}'),
            :created_at, :created_at) ON CONFLICT (ns, id) DO UPDATE SET
        name = :name, uri = :uri, active = :active, group_name = coalesce(:group, group_name),
        extra = coalesce(:extra, extra), updated_at = :now RETURNING asset_pk""",
        {
            **asset,
            "group": asset.get("group"),
            "extra": extra,
            "ns": namespace.ns,
            "created_at": asset.get("created_at") or now,
            "now": now,
        },
    ).fetchone()
    return put_asset_scope(db, namespace.ns, pk, asset["name"], asset["id"])


def deactivate_others(db: sqlite3.Connection, namespace: Namespace, asset: dict[str, Any]) -> None:
    """Deactivate the assets that have the name or the uri of another one by now."""
    for member in ("name", "uri"):
        db.execute(
            f"UPDATE assets SET active = 0 WHERE ns = ? AND {member} = ? AND active AND id <> ?",
            (namespace.ns, asset[member], asset["id"]),
        )


def _check_unique(
    db: sqlite3.Connection, namespace: Namespace, asset: dict[str, Any], where: str
) -> None:
    for member in ("name", "uri"):  # a condition with OR would use neither index
        other = db.execute(
            f"SELECT id FROM assets WHERE ns = ? AND {member} = ? AND active AND id <> ?",
            (namespace.ns, asset[member], asset["id"]),
        ).fetchone()
        if other is not None:
            message = f"the active asset {other[0]} already has the {member} {asset[member]!r}"
            raise BadDocument(f"{where}.{member}".lstrip("."), message)


def remove_all(db: sqlite3.Connection, ns: int) -> None:
    """Remove the assets of a namespace with all that they hold, inside the caller's transaction."""
    db.execute("DELETE FROM assets WHERE ns = ?", (ns,))
