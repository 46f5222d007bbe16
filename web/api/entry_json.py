"""Stored entries as the JSON that each API sends.

The stored text is JSON already and is sent as it is, unless a cheap test finds it suspicious.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from flask import Response

from state.errors import UnreadableValue
from state.model import values
from state.model.clock import to_wire
from state.model.compat import Rules
from state.store.keyspaces import Entry

from ..responses import STREAMED, separated, text_answer


def execution_value(key: str, text: str) -> str:
    """``{"value": …}``, and nothing else; otherwise as :func:`execution_text`."""
    return f'{{"value": {execution_text(key, text)}}}'


def execution_text(key: str, text: str) -> str:
    """A stored value as the Execution API sends it.

    :raises UnreadableValue: where Airflow 3.3.2 answers 500.
    """
    if values.suspicious(text):
        value = values.loads(text)
        if values.not_finite(value):
            raise UnreadableValue(key, values.NOT_FINITE)
        if values.broken_text(value, names=False):
            raise UnreadableValue(key, values.LONE_SURROGATE)
        if values.broken_text(value, names=True):
            text = _rewritten(key, value, values.repaired_names)
    return text


def core_text(key: str, text: str) -> str:
    """A stored value as the Core API sends it.

    :raises UnreadableValue: where Airflow 3.3.2 answers 500.
    """
    if not values.suspicious(text):
        return text
    value = values.loads(text)
    if values.broken_text(value, names=True):
        raise UnreadableValue(key, values.LONE_SURROGATE)
    if not values.not_finite(value):
        return text
    return _rewritten(key, value, values.finite)


def _rewritten(key: str, value: Any, rewrite: Callable[[Any], Any]) -> str:
    try:
        return values.dumps(rewrite(value))
    except RecursionError:
        raise UnreadableValue(key, values.TOO_DEEP) from None


def task_entry(entry: Entry) -> str:
    """``TaskStateStoreResponse``."""
    expires_at = "null"
    if entry.expires_at:
        expires_at = f'"{to_wire(entry.expires_at)}"'
    return f'{_head(entry)}, "expires_at": {expires_at}}}'


def asset_entry(rules: Rules, entry: Entry) -> str:
    """``AssetStateStoreResponse``.

    :param rules: of the Airflow version that is emulated.
    """
    writer: dict[str, Any] | None = None
    if entry.writer_kind is not None:
        writer = {
            "kind": entry.writer_kind,
            "dag_id": entry.dag_id,
            "run_id": entry.run_id,
            "task_id": entry.task_id,
            "map_index": entry.map_index,
        }
    if writer is not None and rules.tells_attempts:
        writer["task_instance_id"] = entry.task_instance_id
        writer["try_number"] = entry.try_number
        if entry.region_id:
            writer["region_id"] = entry.region_id
            writer["region_index"] = entry.region_index
    return f'{_head(entry)}, "last_updated_by": {json.dumps(writer)}}}'


def _head(entry: Entry) -> str:
    key = quoted(entry.key)
    updated_at = to_wire(entry.updated_at)
    value = core_text(entry.key, entry.text)
    return f'{{"key": {key}, "value": {value}, "updated_at": "{updated_at}"'


def collection(name: str, entries: Iterator[str], total: int) -> Response:
    """A page of entries under Airflow's name for it.

    A page of large values is sent as it is read, so that it needs little memory. One that cannot be
    sent then breaks the answer off.
    """
    pieces: list[str] = []
    size = 0
    for entry in entries:
        pieces.append(entry)
        size += len(entry)
        if size > STREAMED:
            stream = _pieces(name, itertools.chain(pieces, entries), total)
            return Response(stream, content_type="application/json")
    return text_answer(f'{{"{name}": [{", ".join(pieces)}], "total_entries": {total}}}')


def _pieces(name: str, entries: Iterator[str], total: int) -> Iterator[str]:
    yield f'{{"{name}": ['
    yield from separated(entries)
    yield f'], "total_entries": {total}}}'
