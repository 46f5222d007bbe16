"""Events as they are sent: rows of the journal with the places and attempts that they name."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from .. import values
from ..clock import to_text, to_wire
from ..errors import masked
from ..scopes import AssetScope, StoreScope, TaskScope
from .ranges import in_range

EVENTS = """SELECT j.seq, j.at, j.real_at, j.actor, j.ti_id, t.try_number, j.api, j.op, j.key, j.status, j.value,
    j.kind, j.expires_at, j.expires_by, j.parent, j.saw, j.note,
    coalesce(r.dag_id, f.dag_id), coalesce(r.run_id, f.run_id), coalesce(s.task_id, f.task_id),
    coalesce(s.map_index, f.map_index), coalesce(a.name, f.asset)
    FROM journal j LEFT JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    LEFT JOIN scopes s ON s.scope_id = j.scope_id LEFT JOIN dag_runs r ON r.run_pk = s.run_pk
    LEFT JOIN assets a ON a.asset_pk = s.asset_pk
    LEFT JOIN former_scopes f ON f.scope_id = j.scope_id AND s.scope_id IS NULL"""


def document(row: Sequence[Any]) -> dict[str, Any]:
    """An event as it is sent; ``value`` is absent where there is none."""
    (seq, at, real_at, actor, ti_id, try_number, api, op, key, status, value, kind, expires_at, expires_by, parent,
     saw, note, *place) = row  # fmt: skip
    shown = value if kind in (None, "value") else masked(value)
    known = {"value": values.loads(shown)} if value is not None else {}
    return {
        "seq": seq, "at": to_wire(at) if at else to_text(_moment(real_at)), "real_at": real_at,
        "actor": {"kind": _actor(actor, api), "ti_id": ti_id, "try_number": try_number}, "api": api, "op": op,
        "scope": place_of(*place), "key": key, "status": status, **known, "kind": kind,
        "expires_at": to_wire(expires_at) if expires_at else None, "expires_by": expires_by,
        "parent": parent, "saw": saw, "note": note,
    }  # fmt: skip


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _actor(kind: str, api: str) -> str:
    """Who it was, in one word: what comes without a token through the gateway is the gateway's."""
    if kind != "api":
        return kind
    return {"gateway": "gateway", "control": "stateroom"}.get(api, "api")


def place_of(dag_id: str | None, run_id: str, task_id: str, map_index: int, asset: str | None) -> dict[str, Any] | None:
    """A scope as it is sent; None for one that nobody knows any more."""
    if asset is not None:
        return {"asset": asset}
    if dag_id is None:
        return None
    return {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}


def scope_id_of(db: sqlite3.Connection, ns: int, scope: StoreScope) -> int | None:
    """The row of a scope that is there or that was there before a reset; None if it never was.

    :raises OutOfRange: for a map index that no row can hold.
    """
    if isinstance(scope, TaskScope):
        row = (ns, scope.dag_id, scope.run_id, scope.task_id, in_range("map_index", scope.map_index))
        now = """SELECT s.scope_id, 0 FROM scopes s JOIN dag_runs r USING (run_pk)
            WHERE r.ns = ?1 AND r.dag_id = ?2 AND r.run_id = ?3 AND s.task_id = ?4 AND s.map_index = ?5"""
        then = """SELECT scope_id, 1 FROM former_scopes
            WHERE ns = ?1 AND dag_id = ?2 AND run_id = ?3 AND task_id = ?4 AND map_index = ?5"""
    else:
        assert isinstance(scope, AssetScope)
        row = (ns, scope.name)  # type: ignore[assignment]
        now = """SELECT s.scope_id, 1 - a.active FROM scopes s JOIN assets a USING (asset_pk)
            WHERE a.ns = ?1 AND a.name = ?2"""
        then = "SELECT scope_id, 2 FROM former_scopes WHERE ns = ?1 AND asset = ?2"
    found = db.execute(f"{now} UNION ALL {then} ORDER BY 2 LIMIT 1", row).fetchone()
    return None if found is None else int(found[0])
