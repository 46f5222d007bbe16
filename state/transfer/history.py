"""Carry the journal of a Stateroom into another one."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ..model.scopes import StoreScope, scope_named
from .target import Caller

_JOURNAL = "/_stateroom/journal"
_PAGE = 1000  # events, the most that a service sends and takes


def carry(
    source: Caller,
    target: Caller,
    scopes: Container[StoreScope | None] | None,
    refused: Container[StoreScope | None] = (),
) -> int:
    """Add the events of a journal to another, page by page; what was added before is left out.

    :param scopes: whose events are carried; None for all.
    :param refused: whose events are not.
    :returns: the number of events that were added.
    """
    added = 0
    after = 0
    numbers: dict[int, int] = {}  # of events in the copy, by those in the original
    while True:
        query = {"after": after, "limit": _PAGE, "as_written": "true"}
        events = source.ask("GET", _JOURNAL, params=query)["events"]
        if not events:
            return added
        after = events[-1]["seq"]
        chosen = [
            event
            for event in events
            if (scopes is None or _scope(event) in scopes) and _scope(event) not in refused
        ]
        body = {"events": chosen, "numbers": _referred(chosen, numbers)}
        answer = target.ask("POST", _JOURNAL, json=body)
        added += answer["added"]
        numbers |= {int(there): here for there, here in answer["numbers"].items()}


def _scope(event: dict[str, Any]) -> StoreScope | None:
    return scope_named(event["scope"] or {})


def _referred(events: list[dict[str, Any]], numbers: dict[int, int]) -> dict[str, int]:
    """The numbers of the earlier events that some events refer to."""
    references = {event[name] for event in events for name in ("parent", "saw")}
    return {str(number): numbers[number] for number in references if number in numbers}
