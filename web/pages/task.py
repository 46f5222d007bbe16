"""What the page of a task instance shows beside its keys: attempts, rendered fields, XComs, log."""

from __future__ import annotations

from typing import Any

from flask import g, request

from state.errors import NotFound
from state.masking import masked_variable
from state.store.journal import task_logs
from state.store.views import details, history, task_instances, xcom_entries

from ..errors import Refused
from ..service import setting
from . import task_log
from .formatting import pretty, preview, tree

_XCOMS = 100  # in one list
_CHANGES = 200  # of a state
_SHORT = 120  # characters of a value that stands in its row; a longer one is folded
_READABLE = 64 * 1024  # characters of a value that a page shows
_FAILED = ("failed", "up_for_retry")
PARTS = ("fields", "xcom", "log")
Row = dict[str, Any]


def facts(owner: Row) -> dict[str, Any]:
    """The parts of the page.

    :param owner: as :func:`state.store.views.details.task` returns it.
    """
    attempts = _attempts(owner)
    chosen = _chosen(attempts)
    text = details.rendered_fields(g.namespace, owner["scope_id"])
    parts: dict[str, Any] = {
        "attempts": attempts,
        "journal": g.namespace.journal.is_kept,
        "chosen": chosen,
        "siblings": details.siblings(g.namespace, owner),
        "rendered": None if text is None else _fields(text),
        "log": None if chosen is None else task_log.facts(chosen),
    }
    for name, others in (("xcoms", False), ("other_xcoms", True)):
        found, total = xcom_entries.of_task(g.namespace, owner, others, _XCOMS, _READABLE)
        parts[name] = list(map(_shown, found))
        parts[f"more_{name}"] = total - len(found)
    return parts


# ---------------------------------------------------------------- attempts


def _attempts(owner: Row) -> list[Row]:
    """The attempts, the current one first, each with what is known of its end.

    One that is up for retry has got another id, which never ran: both ids are one attempt here.
    """
    attempts = details.attempts(g.namespace, owner["scope_id"])
    if not attempts:
        return []
    changes = history.state_changes(g.namespace, owner["scope_id"], _CHANGES)
    ids = [attempt["id"] for attempt in attempts]
    logs = task_logs.summaries(g.namespace.database, g.namespace.ns, ids)
    for attempt in attempts:
        attempt["has_log"] = attempt["id"] in logs
        attempt["error"] = None
        if attempt["state"] in _FAILED:
            attempt["error"] = logs.get(attempt["id"])
        attempt["duration"] = task_instances.duration(attempt)
        attempt["change"] = next(
            (change for change in changes if change["ti_id"] == attempt["id"]), None
        )
    if changes and changes[0]["ti_id"] not in ids:  # another task skipped it
        attempts[0]["change"] = changes[0]
    return _with_one_id(attempts)


def _with_one_id(attempts: list[Row]) -> list[Row]:
    """The attempts without the ids that never ran, which ``other_id`` has."""
    ran: list[Row] = []
    for attempt in attempts:
        following = ran[-1] if ran else None
        if following and _is_same_try(attempt, following):
            ran[-1] = {
                **attempt,
                "state": following["state"],
                "superseded_at": following["superseded_at"],
                "other_id": following["id"],
            }
        else:
            ran.append({**attempt, "other_id": None})
    return ran


def _is_same_try(attempt: Row, following: Row) -> bool:
    """Whether an attempt got the other id as it was up for retry."""
    if attempt["try_number"] != following["try_number"]:
        return False
    return bool(attempt["state"] == "up_for_retry")


def _chosen(attempts: list[Row]) -> Row | None:
    """The attempt that the address names, else the newest one that has a log, else the current one;
    None if there is none.
    """
    ti_id = request.args.get("attempt")
    if ti_id is None:
        return next((each for each in attempts if each["has_log"]), next(iter(attempts), None))
    for attempt in attempts:
        if ti_id in (attempt["id"], attempt["other_id"]):
            return attempt
    raise Refused(400, f"attempt is {ti_id[:50]!r}; expected the id of one of its attempts")


# ---------------------------------------------------------------- values


def _without_secrets(name: str, text: str) -> str:
    return masked_variable(name, text, setting("sensitive_var_conn_names"))


def _fields(text: str) -> Row:
    """The rendered fields as a tree; one that is too large only has a size."""
    if len(text) > _READABLE:
        return {"size": len(text), "tree": None}
    return {"size": len(text), "tree": tree(_without_secrets("", text))}


def _shown(xcom: Row) -> Row:
    """An XCom as its row shows it: in short, and as a tree if it is longer."""
    text = xcom.pop("value")
    if text is None:
        return {**xcom, "short": None, "tree": None}
    text = _without_secrets(xcom["key"], text)
    value_tree = None
    if len(text) > _SHORT:
        value_tree = tree(text)
    return {**xcom, "short": preview(text, _SHORT), "tree": value_tree}


def raw(owner: Row) -> str:
    """The whole of what the address names, as text and without secrets: the rendered fields, an
    XCom's value, or an attempt's log.

    :raises NotFound: if there is none.
    """
    part = request.args.get("part")
    if part == "fields":
        text = details.rendered_fields(g.namespace, owner["scope_id"])
        if text is None:
            raise NotFound("this task instance has no rendered fields")
        return pretty(_without_secrets("", text))
    if part == "xcom":
        key = request.args.get("key", "")
        text = xcom_entries.value_of(g.namespace, owner["scope_id"], key)
        return _without_secrets(key, text)
    if part == "log":
        chosen = _chosen(_attempts(owner))
        if chosen is None:
            raise NotFound("this task instance has no attempt, so it has no log")
        return task_log.as_text(chosen)
    raise Refused(400, f"part is {part!r}; expected one of {', '.join(PARTS)}")
