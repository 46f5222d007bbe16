"""The parts of a fixture document, by what they belong to, and how they differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..model.scopes import TaskScope, task_scope_from

Row = dict[str, Any]
Document = dict[str, Any]
_OF_TASKS = ("former_attempts", "task_instances", "task_state_store", "xcoms")
# what a document leaves out because it is the default, though not null
_DEFAULTS: Row = {
    "hostname": "",
    "never_ran": False,
    "conf": {},
    "run_type": "manual",
    "clear_number": 0,
    "rendered_fields": {},
    "group": "asset",
    "extra": {},
}


def parts_of_tasks(document: Document) -> dict[TaskScope, Document]:
    """The rows that belong to each task instance, by the names of their lists."""
    parts: dict[TaskScope, Document] = {}
    attempts: dict[str, TaskScope] = {}
    for name in _OF_TASKS:
        for row in document.get(name, ()):
            scope = task_scope_from(row)
            parts.setdefault(scope, {}).setdefault(name, []).append(row)
            if "id" in row:
                attempts[row["id"]] = scope
    for row in document.get("task_reschedules", ()):
        part = parts[attempts[row["ti"]]]
        part.setdefault("task_reschedules", []).append(row)
    return parts


def entries_of_assets(document: Document) -> dict[int, list[Row]]:
    """The entries of each asset by its id, which each of them has then too."""
    named: dict[str, int] = {}
    for asset in sorted(
        document["assets"], key=lambda row: (not row.get("active", True), row["id"])
    ):
        named.setdefault(asset["name"], asset["id"])
    entries: dict[int, list[Row]] = {}
    for row in document["asset_state_store"]:
        asset_id = row.get("asset_id", named[row["asset"]])
        entries.setdefault(asset_id, []).append({**row, "asset_id": asset_id})
    return entries


def renumbered(row: Row, ids: dict[int, int]) -> Row:
    """A row whose references to assets by their ids are those of the copy."""

    def reference(asset: Any) -> Any:
        if isinstance(asset, int):
            return ids.get(asset, asset)
        return asset

    row = dict(row)
    if "asset" in row:
        row["asset"] = reference(row["asset"])
    if "assets" in row:
        row["assets"] = list(map(reference, row["assets"]))
    return row


def has_secret(row: Row) -> bool:
    """Whether a variable or a connection was exported without its secrets."""
    return any(isinstance(value, dict) and "$env" in value for value in row.values())


def with_defaults(row: Row, known: Row) -> Row:
    """A row that also sets what the copy has and the original does not."""
    missing: Iterable[str] = known.keys() - row.keys()
    return {**row, **{name: _DEFAULTS.get(name) for name in missing}}


def with_defaults_of(rows: list[Row], known: list[Row]) -> list[Row]:
    """Rows as :func:`with_defaults`, beside those of the copy that have their ids."""
    by_id = {row["id"]: row for row in known if "id" in row}
    return [with_defaults(row, by_id.get(row.get("id", ""), {})) for row in rows]


def text_of(value: Any) -> str:
    """A value as JSON, with its members in one order: ``1``, ``1.0`` and ``true`` differ."""
    return json.dumps(value, sort_keys=True)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON."""
    return text_of(one) == text_of(other)
