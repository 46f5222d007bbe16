"""``stateroom journal``: what happened, in order, and what happens next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from . import documents
from .cli_scope import scope_if_any, scoped
from .cli_service import as_json, connected

if TYPE_CHECKING:
    from .client import StateroomClient
    from .handle.journal import Event
    from .handle.timeline import Story

_PATH = "/_stateroom/journal"
_PAGE = 1000  # events in one answer
_WAIT = 20  # seconds of one long poll


@click.command()
@click.option("--follow", is_flag=True, help="Go on with each event as it happens, until interrupted.")
@click.option("--last", type=click.IntRange(min=0), default=100, show_default=True, help="How many; 0 for all.")
@click.option("--op", help="Only this operation: get, set, delete, clear, state, clean, reset, fault and others.")
@click.option("--key", help="Only this key.")
@scoped
def journal(follow: bool, last: int, op: str | None, key: str | None, **where: Any) -> None:
    """Show what happened in order: who did what to which key, and what came of it.

    With --json each line is an event as the service sends it.
    """
    from .handle.places import query

    scope = scope_if_any(where)
    asked = {"op": op, "key": key, **(query(scope) if scope else {})}
    with connected() as client:
        wanted = {name: value for name, value in asked.items() if value is not None}
        _show(client, wanted, _Lines(with_place=scope is None), last, follow)


def _show(client: StateroomClient, wanted: dict[str, Any], lines: _Lines, last: int, follow: bool) -> None:
    events = _before(client, wanted, last)
    lines.show(events, min(last or len(events), len(events)))
    if not events and not follow and not as_json():
        click.echo("nothing has happened here yet", err=True)
    try:
        while follow:
            page = _page(client, wanted, events, wait=_WAIT)
            events = (events + page)[-_PAGE:]
            lines.show(events, len(page))
    except KeyboardInterrupt:
        pass


def _before(client: StateroomClient, wanted: dict[str, Any], last: int) -> list[dict[str, Any]]:
    """The newest events, at least as many as are wanted; more of them explain what the lines speak of."""
    if 0 < last <= _PAGE:
        return _page(client, wanted, [], newest=1)
    events: list[dict[str, Any]] = []
    while page := _page(client, wanted, events):
        events += page
    return events


def _page(
    client: StateroomClient, wanted: dict[str, Any], seen: list[dict[str, Any]], **how: int
) -> list[dict[str, Any]]:
    asked = {**wanted, **how, "after": seen[-1]["seq"] if seen else 0, "limit": _PAGE}
    events: list[dict[str, Any]] = client.ask("GET", _PATH, params=asked)["events"]
    return events


class _Lines:
    """A table that grows at its end, in columns that only get wider.

    :param with_place: whether it says whose state each event is about.
    """

    def __init__(self, with_place: bool) -> None:
        self._with_place = with_place
        self._widths: list[int] = []

    def show(self, events: list[dict[str, Any]], count: int) -> None:
        """Print the newest events.

        :param events: those, and what was before, of which their lines may speak.
        """
        if not count:
            return
        if as_json():
            click.echo("\n".join(map(json.dumps, events[-count:])))
            return
        from .handle.journal import Event
        from .handle.timeline import Story

        told = [Event.read(row) for row in events]
        story = Story(told, numbered=True)
        rows = [self._row(event, story) for event in told[-count:]]
        head = [] if self._widths else [self._only(("SEQ", "AT", "WHO", "OF", "OP", "KEY", "WHAT"))]
        click.echo(documents.columns([*head, *rows], self._widths))

    def _row(self, event: Event, story: Story) -> tuple[str, ...]:
        from .handle.places import label
        from .handle.timeline import what

        who, of = documents.printable(story.who(event)), label(event.scope) if event.scope else ""
        at, key = f"{event.at[:23].rstrip('Z')}Z", documents.printable(event.key or "")
        return self._only((str(event.seq), at, who, documents.printable(of), what(event), key, story.outcome(event)))

    def _only(self, row: tuple[str, ...]) -> tuple[str, ...]:
        return row if self._with_place else (*row[:3], *row[4:])
