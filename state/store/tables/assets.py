"""The table of assets."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from ...errors import BadDocument
from ...model.clock import to_text

if TYPE_CHECKING:
    from ..namespace import Namespace


def put_asset(
    db: sqlite3.Connection, namespace: Namespace, asset: dict[str, Any], where: str
) -> int:
    """Create or update an asset by its id, with its scope; the scope's row.

    :raises BadDocument: if another active asset has its name or its uri.
    """
    if asset["active"]:
        taken = db.execute(
            "SELECT id, name = ? FROM assets WHERE ns = ? AND active AND (name = ? OR uri = ?) AND id <> ?",
            (asset["name"], namespace.ns, asset["name"], asset["uri"], asset["id"]),
        ).fetchone()
        if taken:
            member = "name" if taken[1] else "uri"
            place = f"{where}.{member}" if where else member
            raise BadDocument(
                place, f"the active asset {taken[0]} already has the {member} {asset[member]!r}"
            )
    (pk,) = db.execute(
        """INSERT INTO assets (ns, id, name, uri, active, created_at, updated_at)
        VALUES (:ns, :id, :name, :uri, :active, :now, :now) ON CONFLICT (ns, id) DO UPDATE SET
        name = :name, uri = :uri, active = :active, updated_at = :now RETURNING asset_pk""",
        {**asset, "ns": namespace.ns, "now": to_text(namespace.clock.now())},
    ).fetchone()
    row = db.execute("SELECT scope_id FROM scopes WHERE asset_pk = ?", (pk,)).fetchone()
    if row is None:
        row = db.execute(
            """INSERT INTO scopes (scope_id, asset_pk) VALUES (
            (SELECT scope_id FROM former_scopes WHERE ns = ? AND asset = ? AND asset_id = ?), ?) RETURNING scope_id""",
            (namespace.ns, asset["name"], asset["id"], pk),
        ).fetchone()
    scope_id: int = row[0]
    return scope_id
