"""Stored entries as the JSON that each API sends: written from the stored text, without parsing it twice."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quoted

from state.errors import UnreadableValue
from state.model import values
from state.model.clock import to_wire
from state.store.tables.entries import Entry


def execution_value(key: str, text: str) -> str:
    """``{"value": …}``, and nothing else.

    :raises UnreadableValue: where Airflow 3.3.2 answers 500.
    """
    if values.suspicious(text):
        value = values.loads(text)
        if values.not_finite(value):
            raise UnreadableValue(key, values.NOT_FINITE)
        if values.broken_text(value, names=False):
            raise UnreadableValue(key, values.LONE_SURROGATE)
        text = values.dumps(values.repaired_names(value))
    return f'{{"value": {text}}}'


def _core_value(entry: Entry) -> str:
    if not values.suspicious(entry.text):
        return entry.text
    value = entry.value
    if values.broken_text(value, names=True):
        raise UnreadableValue(entry.key, values.LONE_SURROGATE)
    return values.dumps(values.finite(value))


def task_entry(entry: Entry) -> str:
    """``TaskStateStoreResponse``."""
    expires_at = f'"{to_wire(entry.expires_at)}"' if entry.expires_at else "null"
    return f'{_head(entry)}, "expires_at": {expires_at}}}'


def asset_entry(entry: Entry) -> str:
    """``AssetStateStoreResponse``."""
    by = None
    if entry.writer_kind is not None:
        place = (entry.dag_id, entry.run_id, entry.task_id, entry.map_index)
        by = dict(
            zip(
                ("kind", "dag_id", "run_id", "task_id", "map_index"),
                (entry.writer_kind, *place),
                strict=True,
            )
        )
    return f'{_head(entry)}, "last_updated_by": {json.dumps(by)}}}'


def _head(entry: Entry) -> str:
    return f'{{"key": {quoted(entry.key)}, "value": {_core_value(entry)}, "updated_at": "{to_wire(entry.updated_at)}"'


def collection(name: str, entries: list[str], total: int) -> str:
    """A page of entries under Airflow's name for it."""
    return f'{{"{name}": [{", ".join(entries)}], "total_entries": {total}}}'
