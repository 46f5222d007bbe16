"""What does again what an event did: a line for a shell, one of Python, and a test."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

from flask import g

from state.errors import NotFound
from state.model.scopes import scope_from
from state.store.views import history

from ..examples import recipe
from ..urls import address
from . import replay

Row = dict[str, Any]
_AGAIN = ("get", "set", "delete", "clear")


def _again(event: Row) -> dict[str, str] | None:
    """The lines that make the same call on state; None for an event that is none."""
    if event["op"] not in _AGAIN or not has_owner(event):
        return None
    text = None
    if event["op"] == "set":
        change = history.event(g.namespace, event["scope_id"], event["key"], event["seq"])
        if change is None or change["kind"] != "value":
            return None  # a refused write has no value, and a reference is the backend's
        text = change["text"]
    more = {}
    if event["expires_at"]:
        more["expires_at"] = event["expires_at"]
    owner = {**event, "id": None}
    return recipe(event["op"], owner, event["key"], text, **more)


def curl(event: Row) -> str:
    """The command that makes the same call, or else reads this event."""
    lines = _again(event)
    if lines is not None:
        return lines["curl"]
    url = f"{address()}/_stateroom/journal?after={event['seq'] - 1}&limit=1"
    line = f"curl {shlex.quote(url)}"
    if g.service.keys.guards_control:
        line += ' -H "Authorization: Bearer $STATEROOM_TOKEN"'
    return line


def python(event: Row) -> str:
    """The line of Python that makes the same call, or else reads this event."""
    lines = _again(event)
    if lines is not None:
        return lines["python"]
    arguments = json.dumps(address())
    if g.service.keys.guards_control:
        arguments += ", token=token"
    return f"Stateroom({arguments}).journal.event({event['seq']})"


def test(event: Row) -> str:
    """The test of what happened to the event's task instance or asset, up to this event.

    :raises NotFound: if it is of none.
    """
    if not has_owner(event):
        raise NotFound(f"event {event['seq']} is of no task instance and no asset, so no test")
    return replay.as_test(scope_from(event), event["seq"])


def has_owner(event: Row) -> bool:
    """Whether an event is of a task instance or an asset that is there."""
    return event["dag_id"] is not None or event["asset_id"] is not None


KINDS: dict[str, Callable[[Row], str]] = {"curl": curl, "python": python, "test": test}


def all_of(event: Row) -> dict[str, str]:
    """Each copy of an event, by its kind."""
    kinds = {kind: copy for kind, copy in KINDS.items() if kind != "test" or has_owner(event)}
    return {kind: copy(event) for kind, copy in kinds.items()}
