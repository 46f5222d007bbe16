"""Journal rows as JSON, with the scopes and attempts that they name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ...masking import masked
from ...model import values
from ...model.clock import to_text, to_wire
from ...model.events import actor_kind
from ...model.names import HIDDEN
from ...model.scopes import scope_document, scope_in_row

EVENTS = f"""SELECT j.seq, j.at, j.real_at, j.actor, j.ti_id, t.try_number, j.api, j.op, j.key,
    j.status, j.value, j.kind, j.expires_at, j.expires_by, j.parent, j.saw, j.note, j.delay,
    j.outcome, j.state,
    coalesce(r.dag_id, f.dag_id) AS dag_id, coalesce(r.run_id, f.run_id) AS run_id,
    coalesce(s.task_id, f.task_id) AS task_id, coalesce(s.map_index, f.map_index) AS map_index,
    s.region AS region_id,
    coalesce(a.name, f.asset) AS asset
    FROM journal j LEFT JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    LEFT JOIN scopes s ON s.scope_id = j.scope_id AND s.region <> '{HIDDEN}'
    LEFT JOIN dag_runs r ON r.run_pk = s.run_pk
    LEFT JOIN assets a ON a.asset_pk = s.asset_pk
    LEFT JOIN former_scopes f ON f.scope_id = j.scope_id AND s.scope_id IS NULL"""


def moment_of(at: str | None, real_at: float) -> str:
    """An event's moment by the namespace's clock; only real time is stored where that shows it."""
    return at or to_text(datetime.fromtimestamp(real_at, timezone.utc))


def document(row: Mapping[str, Any]) -> dict[str, Any]:
    """An event as the Control API sends it; ``value`` is absent where there is none.

    :param row: a row of :data:`EVENTS`.
    """
    at = moment_of(row["at"], row["real_at"])
    if row["at"]:
        at = to_wire(at)
    expires_at = row["expires_at"]
    if expires_at:
        expires_at = to_wire(expires_at)
    return {
        "seq": row["seq"],
        "at": at,
        "real_at": row["real_at"],
        "actor": {
            "kind": actor_kind(row["actor"], row["api"]),
            "ti_id": row["ti_id"],
            "try_number": row["try_number"],
        },
        "api": row["api"],
        "op": row["op"],
        "scope": scope_document(scope_in_row(row)) or None,
        "key": row["key"],
        "status": row["status"],
        **_value(row),
        "kind": row["kind"],
        "expires_at": expires_at,
        "expires_by": row["expires_by"],
        "parent": row["parent"],
        "saw": row["saw"],
        "note": row["note"],
        "delay": row["delay"],
        "outcome": row["outcome"],
        "state": row["state"],
    }


def _value(row: Mapping[str, Any]) -> dict[str, Any]:
    text = row["value"]
    if text is None:
        return {}
    if row["kind"] not in (None, "value"):
        text = masked(text)
    return {"value": values.loads(text)}
