"""Journal rows as JSON, with the scopes and attempts that they name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ...masking import masked
from ...model import values
from ...model.clock import to_text, to_wire
from .places import place_of

EVENTS = """SELECT j.seq, j.at, j.real_at, j.actor, j.ti_id, t.try_number, j.api, j.op, j.key,
    j.status, j.value,
    j.kind, j.expires_at, j.expires_by, j.parent, j.saw, j.note, j.delay, j.outcome,
    coalesce(r.dag_id, f.dag_id), coalesce(r.run_id, f.run_id), coalesce(s.task_id, f.task_id),
    coalesce(s.map_index, f.map_index), coalesce(a.name, f.asset)
    FROM journal j LEFT JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    LEFT JOIN scopes s ON s.scope_id = j.scope_id LEFT JOIN dag_runs r ON r.run_pk = s.run_pk
    LEFT JOIN assets a ON a.asset_pk = s.asset_pk
    LEFT JOIN former_scopes f ON f.scope_id = j.scope_id AND s.scope_id IS NULL"""


def document(row: Sequence[Any]) -> dict[str, Any]:
    """An event as it is sent; ``value`` is absent where there is none."""
    (
        seq,
        at,
        real_at,
        actor,
        ti_id,
        try_number,
        api,
        op,
        key,
        status,
        value,
        kind,
        expires_at,
        expires_by,
        parent,
        saw,
        note,
        delay,
        outcome,
        *place,
    ) = row
    shown = value if kind in (None, "value") else masked(value)
    known = {"value": values.loads(shown)} if value is not None else {}
    return {
        "seq": seq,
        "at": to_wire(at) if at else to_text(_moment(real_at)),
        "real_at": real_at,
        "actor": {"kind": actor_kind(actor, api), "ti_id": ti_id, "try_number": try_number},
        "api": api,
        "op": op,
        "scope": place_of(*place),
        "key": key,
        "status": status,
        **known,
        "kind": kind,
        "expires_at": to_wire(expires_at) if expires_at else None,
        "expires_by": expires_by,
        "parent": parent,
        "saw": saw,
        "note": note,
        "delay": delay,
        "outcome": outcome,
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def actor_kind(kind: str, api: str) -> str:
    """Who it was, in one word: what comes without a token through the gateway is the gateway's."""
    if kind != "api":
        return kind
    return {"gateway": "gateway", "control": "stateroom"}.get(api, "api")
