"""References, under ``/_stateroom/references``: list and check them, list and remove orphans."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.control import references as schemas
from state.gateway import health, orphans
from state.masking import masked
from state.model.clock import to_text, to_wire
from state.model.scopes import scope_document, scope_in_row
from state.store.tables import references

from ...errors import Refused
from ...operation import BACKEND, BACKEND_ERRORS, SLOW, Operation
from ...request.parsing import body, query, read
from ...responses import json_answer

bp = Blueprint("references_api", __name__, url_prefix="/references")
_LIST = schemas.ReferencesQuery()
_ORPHANS = schemas.OrphansQuery()
_CHECK = schemas.CheckBody()
_REMOVE = schemas.RemoveBody()
_MOST = 1000  # rows in one page


@bp.get("")
@Operation((200, schemas.References), query=schemas.ReferencesQuery, lane=SLOW)
def list_references() -> Response:
    """List a page of the references, oldest first; credentials in them are masked."""
    (parameters,) = read(query(_LIST))
    rows, total = references.page(
        g.namespace,
        parameters.get("health"),
        parameters.get("backend"),
        min(parameters["limit"], _MOST),
        parameters["offset"],
    )
    return json_answer({"references": [_reference(row) for row in rows], "total_entries": total})


def _reference(row: dict[str, Any]) -> dict[str, Any]:
    scope = scope_document(scope_in_row(row)) or None
    moments = {
        name: to_wire(row[name]) if row[name] else None
        for name in ("written_at", "checked_at", "released_at")
    }
    return {
        "id": row["ref_id"],
        "backend": row["backend"],
        "ref": masked(row["ref"]),
        "scope": scope,
        "key": row["key"],
        "size": row["size"],
        "sha256": row["sha256"],
        "health": row["health"],
        "written_by": {"kind": row["writer_kind"], "ti_id": row["writer_ti_id"]},
        **moments,
    }


@bp.post("/check")
@Operation((200, schemas.Checked), body=schemas.CheckBody, also=BACKEND_ERRORS, lane=BACKEND)
def check() -> Response:
    """Check a page of the references: that their objects exist and are unchanged."""
    (document,) = read(body(_CHECK))
    return json_answer(
        health.check(
            g.namespace,
            g.service.backend_of(g.namespace),
            document["after"],
            min(document["limit"], _MOST),
        )
    )


@bp.get("/orphans")
@Operation((200, schemas.Orphans), query=schemas.OrphansQuery, also=BACKEND_ERRORS, lane=BACKEND)
def list_orphans() -> Response:
    """List a page of the objects that no row points at, and whether each can be removed."""
    (parameters,) = read(query(_ORPHANS))
    start = parameters["offset"]
    page = range(start, start + min(parameters["limit"], _MOST))
    rows = []
    total = 0
    for orphan in orphans.orphans(g.namespace, g.service.backend_of(g.namespace)):
        if total in page:
            verdict = orphan.verdict(parameters["older_than"])
            rows.append(_orphan(orphans.Decision.of(orphan, verdict)))
        total += 1
    return json_answer({"orphans": rows, "total_entries": total})


def _orphan(decision: orphans.Decision) -> dict[str, Any]:
    orphan = decision.orphan
    return {
        "ref": masked(orphan.ref),
        "size": orphan.size,
        "written_at": to_wire(to_text(orphan.written_at)),
        "verdict": decision.verdict.value,
        "why": decision.why,
    }


@bp.post("/orphans/remove")
@Operation((200, schemas.Removed), body=schemas.RemoveBody, also=BACKEND_ERRORS, lane=BACKEND)
def remove_orphans() -> Response:
    """Remove objects that no row points at, if this database wrote them and they are old enough."""
    (document,) = read(body(_REMOVE))
    if not document["confirm"]:
        raise Refused(400, "confirm is false; nothing was removed", "not_confirmed")
    done = orphans.remove_orphans(
        g.namespace,
        g.service.backend_of(g.namespace),
        document["older_than"],
        min(document["limit"], _MOST),
    )
    return json_answer(
        {
            "removed": [_orphan(decision) for decision in done["removed"]],
            "left": [_orphan(decision) for decision in done["left"]],
            "more": done["more"],
        }
    )
