"""Attempts of a task instance as lanes: a column for each, time downward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..model.scopes import StoreScope, TaskScope
from .events import Event

LINE = "│"


class Lanes:
    """The lanes of the task instances that have several attempts.

    A lane has the attempt's number where the attempt acts, and a line between its first event and
    its last one.

    :param events: in their order.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        of_task: dict[str | None, StoreScope | None] = {}
        spans: dict[TaskScope, dict[int, list[int]]] = defaultdict(dict)
        for event in events:
            if event.try_number is None or not isinstance(event.scope, TaskScope):
                continue
            task = of_task.setdefault(event.ti_id, event.scope)
            if task == event.scope:
                spans[event.scope].setdefault(event.try_number, []).append(event.seq)
        self._spans = {scope: dict(sorted(lanes.items())) for scope, lanes in spans.items()}

    def of(self, event: Event) -> str | None:
        """The lanes of an event's task instance at the event; None if it has fewer than two."""
        if not isinstance(event.scope, TaskScope):
            return None
        lanes = self._spans.get(event.scope, {})
        if len(lanes) < 2:
            return None
        width = len(str(max(lanes)))
        return " ".join(_cell(event, number, seqs).rjust(width) for number, seqs in lanes.items())


def _cell(event: Event, number: int, seqs: list[int]) -> str:
    if event.seq in seqs:
        return str(number)
    if seqs[0] < event.seq < seqs[-1]:
        return LINE
    return ""
