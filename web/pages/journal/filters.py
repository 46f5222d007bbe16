"""Which events the address of a journal page asks for."""

from __future__ import annotations

from flask import request

from state.model.events import OPS
from state.store.views.events import GROUPS, STATUS, Filter

from ...errors import Refused
from ..urls import number, one_of

PLACE = ("dag_id", "run_id", "task_id", "map_index", "asset")
NAMES = (*PLACE, "key", "attempt", "ti_id", "op", "status")
WORDS = {
    "dag_id": "dag",
    "run_id": "run",
    "task_id": "task",
    "map_index": "map index",
    "ti_id": "attempt's id",
    "op": "operation",
}


def read() -> Filter:
    """The filter in the address; of a form's fields, those that are not empty.

    :raises Refused: 400 for an invalid parameter.
    """
    args = request.args
    return Filter(
        dag_id=args.get("dag_id") or None,
        run_id=args.get("run_id") or None,
        task_id=args.get("task_id") or None,
        asset=args.get("asset") or None,
        map_index=_optional("map_index", -1),
        key=args.get("key") or None,
        ti_id=args.get("ti_id") or None,
        try_number=_optional("attempt", 0),
        op=one_of("op", (*GROUPS, *OPS)),
        status=_status(),
    )


def _optional(name: str, least: int) -> int | None:
    if not request.args.get(name):
        return None
    return number(name, least)


def _status() -> str | None:
    text = request.args.get("status") or None
    if text is not None and text not in STATUS and not (text.isdecimal() and len(text) == 3):
        words = ", ".join(STATUS)
        raise Refused(400, f"status is {text[:50]!r}; expected an HTTP status or one of {words}")
    return text


def given() -> dict[str, str]:
    """The parameters of the filter that the address has."""
    return {name: request.args[name] for name in NAMES if request.args.get(name)}
