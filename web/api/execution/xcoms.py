"""XComs: what tasks hand to each other.

The routes stand in Airflow's order, because a 405 names the methods of the first that has the path.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from flask import Blueprint, Response, g

from schemas.execution import xcoms as schemas
from state.errors import LengthOfOtherXCom, TaskInstanceArchived, TaskInstanceNotFound
from state.model import values
from state.model.scopes import TaskScope
from state.store.tables import xcoms
from state.store.tables.task_instances import is_archived
from state.store.views.xcoms import Reader

from ...errors import Refused, invalid
from ...operation import Operation
from ...request import version
from ...request.parsing import body, path, query, read
from ...responses import json_answer, separated, text_answer
from ...service import rules
from ..entry_json import execution_text

bp = Blueprint("xcoms", __name__, url_prefix="/xcoms")
_KEY = "/<dag_id>/<run_id>/<task_id>/<key:key>"
_PATH = schemas.XComPath()
_ITEM_PATH = schemas.XComItemPath()
_HEAD_PATH = schemas.XComHeadPath()
_QUERY = schemas.XComQuery()
_HEAD_QUERY = schemas.XComHeadQuery()
_SLICE_QUERY = schemas.XComSliceQuery()
_SET_QUERY = schemas.XComSetQuery()
_DELETE_QUERY = schemas.XComDeleteQuery()
_VALUE = schemas.XComValue()
_RANGE = {"Content-Range": "`map_indexes` and the number of values."}


def _scope(place: dict[str, Any], map_index: int) -> TaskScope:
    return TaskScope(place["dag_id"], place["run_id"], place["task_id"], map_index)


@bp.get(f"{_KEY}/item/<offset>")
@Operation((200, {}), state_op="get_xcom")
def get_mapped_xcom_by_index(**segments: str) -> Response:
    """Get one of an XCom's values over all map indices."""
    (place,) = read(path(_ITEM_PATH, **segments))
    offset = place.pop("offset")
    text = Reader(g.namespace, g.writer, **place).item(offset)
    return text_answer(execution_text(place["key"], text))


@bp.get(f"{_KEY}/slice")
@Operation(
    (200, {"type": "array", "items": {}}), query=schemas.XComSliceQuery, state_op="list_xcoms"
)
def get_mapped_xcom_by_slice(**segments: str) -> Response:
    """Get a slice of an XCom's values over all map indices; of an unknown one it is empty."""
    place, bounds = read(path(_PATH, **segments), query(_SLICE_QUERY))
    prior = bounds.pop("include_prior_dates")
    texts = Reader(g.namespace, g.writer, **place, prior=prior).slice(**bounds)
    items = separated(execution_text(place["key"], text) for text in texts)
    return text_answer(f"[{''.join(items)}]")


@bp.route(_KEY, methods=["HEAD"])
@Operation(
    (200, None), query=schemas.XComHeadQuery, also=(400,), headers=_RANGE, state_op="list_xcoms"
)
def head_xcom(**segments: str) -> Response:
    """Count an XCom's values over all map indices."""
    place, parameters = read(path(_HEAD_PATH, **segments), query(_HEAD_QUERY))
    if parameters["map_index"] is not None:
        raise Refused(400, "Cannot specify map_index in a HEAD request", "invalid_request")
    count = Reader(g.namespace, g.writer, **place).count()
    answer = json_answer(None)
    answer.headers["Content-Range"] = f"map_indexes {count}"
    return answer


@bp.get(_KEY)
@Operation((200, schemas.XComResponse), query=schemas.XComQuery, state_op="get_xcom")
def get_xcom(**segments: str) -> Response:
    """Get an XCom's value."""
    place, which = read(path(_PATH, **segments), query(_QUERY))
    reader = Reader(g.namespace, g.writer, **place, prior=which["include_prior_dates"])
    if which["offset"] is None and not which["include_prior_dates"]:
        _refuse_archived(_scope(place, which["map_index"]))
    if which["offset"] is None:
        text = reader.at(which["map_index"])
    else:
        text = reader.item(which["offset"])
    key = place["key"]
    return text_answer(f'{{"key": {quoted(key)}, "value": {execution_text(key, text)}}}')


def _refuse_archived(scope: TaskScope) -> None:
    """Refuse a former attempt its own XCom, which it has taken with it, as Airflow 3.4 does."""
    if rules().keeps_attempts and is_archived(g.namespace, g.writer.ti_id, scope):
        if version.is_admitted_first():
            raise TaskInstanceArchived.on_admission()
        raise TaskInstanceNotFound("Task Instance not found")


@bp.post(_KEY)
@Operation(
    (201, schemas.XComMessage),
    query=schemas.XComSetQuery,
    body=schemas.XComValue,
    state_op="set_xcom",
)
def set_xcom(**segments: str) -> Response:
    """Create or replace an XCom."""
    place, options, value = read(path(_PATH, **segments), query(_SET_QUERY), body(_VALUE))
    length = options["mapped_length"]
    if length is not None and length < 0:
        raise invalid("mapped_length cannot be negative", "query", "mapped_length")
    _check_key(place["key"], length)
    scope = _scope(place, options["map_index"])
    xcoms.set_xcom(g.namespace, scope, place["key"], values.dumps(value), g.writer, length)
    return json_answer({"message": "XCom successfully set"}, 201)


def _check_key(key: str, length: int | None) -> None:
    """Refuse a key that Airflow 3.4 keeps for itself, or that has no length there."""
    reserved = rules().reserved_xcoms
    if reserved is not None and key.startswith(reserved):
        raise Refused(400, "Reserved loop XCom key")
    only = rules().xcom_lengths_of
    if length is not None and only is not None and key != only:
        raise LengthOfOtherXCom(only)


@bp.delete(_KEY)
@Operation((200, schemas.XComMessage), query=schemas.XComDeleteQuery, state_op="delete_xcom")
def delete_xcom(**segments: str) -> Response:
    """Delete an XCom, if there is one."""
    place, options = read(path(_PATH, **segments), query(_DELETE_QUERY))
    key = place["key"]
    xcoms.delete_xcom(g.namespace, _scope(place, options["map_index"]), key, g.writer)
    return json_answer({"message": f"XCom with key: {key} successfully deleted."})
