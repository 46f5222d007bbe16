"""The table of keys: of what kind each is, and whether it has expired."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...masking import masked
from ...model import envelope
from ...model.clock import from_text, second
from ...model.scopes import scope_from
from .connection import now, pages
from .tables import is_narrow, scope_cells
from .tables import table as fitted

if TYPE_CHECKING:
    from ...client.http import StateroomClient

_KEPT = ("ok", "unchecked")  # health of a reference that is not worth a word
_HEAD = ("SCOPE", "KEY", "KIND", "VALUE", "EXPIRES", "UPDATED")


def entries_table(client: StateroomClient, rows: list[dict[str, Any]]) -> str:
    """Entries of a fixture document as a table for a terminal.

    References have their health in the column of kinds, and expired keys say so.
    """
    health: dict[tuple[Any, ...], str] = {}
    if any(envelope.kind(row["value"]) == "reference" for row in rows):
        health = _health(client)
    moment = None
    if any(row.get("expires_at") for row in rows):
        moment = now(client)
    return table(rows, health, moment)


def table(
    rows: list[dict[str, Any]],
    health: dict[tuple[Any, ...], str] | None = None,
    now: datetime | None = None,
) -> str:
    """Entries as a table for a terminal.

    :param health: of references, by scope and key.
    :param now: the time of the namespace's clock, if one of the entries expires.
    """
    scopes = [scope_from(row) for row in rows]
    cell = scope_cells(scopes)
    lines = []
    for scope, row in zip(scopes, rows, strict=True):
        kind = _kind(row["value"], (health or {}).get((scope, row["key"]), ""))
        expires = _expires(row, now)
        value = _shown(row["value"])
        lines.append((cell(scope), row["key"], kind, value, expires, second(row["updated_at"])))
    return fitted(_HEAD, lines, optional=("UPDATED",))


def _health(client: StateroomClient) -> dict[tuple[Any, ...], str]:
    rows = pages(client, "/_stateroom/references", "references")
    return {(scope_from(row["scope"]), row["key"]): row["health"] for row in rows if row["scope"]}


def _kind(value: Any, health: str) -> str:
    kind = envelope.kind(value)
    if kind == "reference" and health and health not in _KEPT:
        return f"{health} ref"
    return kind


def _shown(value: Any) -> str:
    ref = envelope.unwrap(value)
    if ref is not None:
        return masked(ref)
    return json.dumps(value, ensure_ascii=False)


def _expires(row: dict[str, Any], now: datetime | None) -> str:
    if "asset" in row:
        return ""
    moment = row.get("expires_at")
    if not moment:
        return "never"
    has_expired = now is not None and from_text(moment) <= now
    shown = second(moment)
    if is_narrow():
        if has_expired:
            return "expired"
        return shown[:10]
    if has_expired:
        return f"expired {shown}"
    return shown
