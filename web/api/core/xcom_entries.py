"""XComs in the Core API: one with its value, and the list of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g

from schemas.core import xcom_entries as schemas
from state.model import serialized, values
from state.model.clock import to_text, to_wire
from state.model.scopes import TaskScope
from state.store.database.sql import in_range
from state.store.views import xcom_entries

from ...operation import SLOW, Operation
from ...request.parsing import query, read
from ...responses import json_answer, text_answer
from ...service import page_size
from ..asset_filters import Condition, order, patterns
from ..entry_json import core_text

bp = Blueprint("xcoms", __name__)
_ENTRIES = "/dags/<dag_id>/dagRuns/<run_id>/taskInstances/<task_id>/xcomEntries"
_QUERY = schemas.XComEntryQuery()
_LIST_QUERY = schemas.XComEntriesQuery()
_ANY = "~"
_MOMENTS = ("timestamp", "logical_date", "run_after")
_PATTERNS = {
    "xcom_key": "x.key",
    "dag_display_name": "r.dag_id",
    "run_id": "r.run_id",
    "task_id": "s.task_id",
}
_SORTABLE = {
    "key": "x.key",
    "dag_id": "r.dag_id",
    "run_id": "r.run_id",
    "task_id": "s.task_id",
    "map_index": "s.map_index",
    "timestamp": "x.timestamp",
    "run_after": "r.run_after",
}
_RANGES = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}


@bp.get(f"{_ENTRIES}/<key:key>")
@Operation(
    (200, schemas.XComResponseNative),
    query=schemas.XComEntryQuery,
    state_op="get_xcom",
    entity="task",
)
def get_xcom_entry(key: str, **coordinates: str) -> Response:
    """Get an XCom with its value as it is stored, as text, or with its objects as text."""
    (parameters,) = read(query(_QUERY))
    scope = TaskScope(map_index=parameters["map_index"], **coordinates)
    entry = xcom_entries.entry(g.namespace, scope, key)
    text = entry.pop("value")
    if parameters["deserialize"] or parameters["stringify"]:
        text = _shown(key, text, parameters)
    members = values.dumps(_with_moments(entry)).removesuffix("}")
    return text_answer(f'{members}, "value": {core_text(key, text)}}}')


def _shown(key: str, text: str, parameters: dict[str, Any]) -> str:
    """A value as its reader asks for it, as JSON text."""
    value = values.loads(text)
    if parameters["deserialize"]:
        value = serialized.deserialized(key, value)
    if parameters["stringify"] and value is not None:
        value = str(value)
    return values.dumps(value)


@bp.get(_ENTRIES)
@Operation(
    (200, schemas.XComCollectionResponse),
    query=schemas.XComEntriesQuery,
    also=(400,),
    state_op="list_xcoms",
    entity="task",
    lane=SLOW,
)
def get_xcom_entries(**coordinates: str) -> Response:
    """List a page of XComs; ``~`` stands for every Dag, run or task."""
    (parameters,) = read(query(_LIST_QUERY, several=("order_by",)))
    page, total = xcom_entries.entries(
        g.namespace,
        _condition(coordinates, parameters),
        order(parameters["order_by"], _SORTABLE, "r.run_pk"),
        page_size(parameters),
        parameters["offset"],
    )
    return json_answer({"xcom_entries": list(map(_with_moments, page)), "total_entries": total})


def _condition(coordinates: dict[str, str], parameters: dict[str, Any]) -> Condition:
    equal: dict[str, Any] = {
        _SORTABLE[name]: value for name, value in coordinates.items() if value != _ANY
    }
    texts = [f" AND {column} = ?" for column in equal]
    arguments = list(equal.values())
    for name, column in (
        ("xcom_key", "x.key"),
        ("map_index", "s.map_index"),
        ("map_index_filter", "s.map_index"),
    ):
        if name in parameters:
            texts.append(f" AND {column} = ?")
            arguments.append(parameters[name])
    for column in ("logical_date", "run_after"):
        for bound, operator in _RANGES.items():
            if f"{column}_{bound}" in parameters:
                texts.append(f" AND r.{column} {operator} ?")
                arguments.append(parameters[f"{column}_{bound}"])
    text, terms = patterns(parameters, _PATTERNS)
    return f"{''.join(texts)}{text}", (*map(_argument, arguments), *terms)


def _argument(value: Any) -> Any:
    """A parameter as SQL compares it."""
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, int):
        return in_range("map_index", value)
    return value


def _with_moments(entry: dict[str, Any]) -> dict[str, Any]:
    for name in _MOMENTS:
        if entry[name] is not None:
            entry[name] = to_wire(entry[name])
    return entry
