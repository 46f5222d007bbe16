"""Snapshots, under ``/_stateroom/snapshots``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.control import snapshots as schemas
from state.store import snapshots

from ...operation import NO_BODY, SLOW, Operation
from ...request.parsing import query, read
from ...responses import NO_CONTENT, json_answer, large_answer

bp = Blueprint("snapshots_api", __name__)
_DIFF = schemas.DiffQuery()


@bp.get("/snapshots")
@Operation((200, schemas.Snapshots), lane=SLOW)
def list_snapshots() -> Response:
    """List the namespace's snapshots."""
    rows = snapshots.listed(g.namespace)
    return json_answer({"snapshots": rows, "total_entries": len(rows)})


@bp.put("/snapshots/<name>")
@Operation((201, schemas.Snapshot), lane=SLOW)
def take_snapshot(name: str) -> Response:
    """Take a snapshot of the whole namespace; it replaces one of the same name."""
    return json_answer(snapshots.take(g.namespace, name), 201)


@bp.post("/snapshots/<name>/restore")
@Operation(NO_BODY, lane=SLOW)
def restore_snapshot(name: str) -> Any:
    """Return to a snapshot."""
    snapshots.restore(g.namespace, name)
    return NO_CONTENT


@bp.delete("/snapshots/<name>")
@Operation(NO_BODY, lane=SLOW)
def drop_snapshot(name: str) -> Any:
    """Drop a snapshot."""
    snapshots.drop(g.namespace, name)
    return NO_CONTENT


@bp.get("/snapshots/diff")
@Operation((200, schemas.Diff), query=schemas.DiffQuery, also=(404,), lane=SLOW)
def diff_snapshots() -> Response:
    """List the keys added, removed and changed from one snapshot to another, or to now."""
    (parameters,) = read(query(_DIFF))
    return large_answer(snapshots.diff(g.namespace, parameters["a"], parameters.get("b")))
