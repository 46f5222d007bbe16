"""The story of one key, read from the journal: what changed it, what it was at any moment, which updates were lost."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..clock import from_text, to_text
from ..events import Step, lost_updates
from ..scopes import StoreScope

if TYPE_CHECKING:
    from .registry import Namespace

Story = list[dict[str, Any]]


def history(namespace: Namespace, scope: StoreScope, key: str) -> Story:
    """The events that changed a key, oldest first, as far as the journal goes back.

    Each bears ``lost``: the number of another attempt's write that this one overwrote without having read it, or
    None. That is an update between two who both read first: an attempt that never read the key loses nothing.
    """
    told = namespace.journal.events(scope=scope, key=key)
    steps = [_step(event) for event in told]
    lost = {update.write: update.change for update in lost_updates(steps)}
    changes = [event for event, step in zip(told, steps, strict=True) if step.changed]
    return [{**event, "lost": lost.get(event["seq"])} for event in changes]


def _step(event: dict[str, Any]) -> Step:
    actor = event["actor"]
    facts = {name: event[name] for name in ("seq", "op", "status", "note", "saw")}
    return Step(place=None, ti_id=actor["ti_id"], by=actor["kind"], **facts)


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
