"""The story of one key, read from the journal: what changed it, what it was at any moment, which updates were lost."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..clock import from_text, to_text
from ..scopes import StoreScope

if TYPE_CHECKING:
    from .registry import Namespace

_OPS = ("get", "set", "delete")
Story = list[dict[str, Any]]


def history(namespace: Namespace, scope: StoreScope, key: str) -> Story:
    """The events that changed a key, oldest first, as far as the journal goes back.

    Each bears ``lost``: the number of another attempt's write that this one overwrote without having read it, or
    None. That is an update between two who both read first: an attempt that never read the key loses nothing.
    """
    told = namespace.journal.events(scope=scope, key=key)
    _mark_lost(told)
    return [event for event in told if changed(event)]


def changed(event: dict[str, Any]) -> bool:
    """Whether an event changed its key: a refused call, and a delete of what was not there, did not."""
    if event["op"] == "delete":
        return bool(event["note"] is None and (event["status"] or 204) < 400)
    return event["op"] == "set" and "value" in event


def at(story: Story, moment: datetime | int) -> dict[str, Any] | None:
    """The event that made a key what it was at a moment, or after the event of a number; None if it was never set.

    :param moment: aware, by the namespace's clock, or an event's number.
    """
    if isinstance(moment, int):
        before = [event for event in story if event["seq"] <= moment]
    else:
        text = to_text(moment)
        before = [event for event in story if to_text(from_text(event["at"])) <= text]
    return before[-1] if before else None


def _mark_lost(events: Story) -> None:
    """Give each event ``lost``, see :func:`history`."""
    knows: dict[str, int] = {}  # attempt → the number of the last change that it has seen
    last: dict[str, Any] | None = None  # the last change
    for event in events:
        event["lost"] = None
        ti_id = event["actor"]["ti_id"]
        if event["op"] == "get" and ti_id:
            knows[ti_id] = event["saw"] or event["seq"]
        elif changed(event):
            known = knows.get(ti_id or "")
            if last is not None and known is not None and known < last["seq"] and last["actor"]["ti_id"] != ti_id:
                event["lost"] = last["seq"] if last["actor"]["kind"] != "stateroom" else None
            last = event
            if known is not None:
                knows[ti_id] = event["seq"]
