"""``stateroom journal``: what happened, in order, and what happens next."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import NotFound
from ..terminal import columns, printable, second
from .connection import as_json, connected
from .scope_options import scope_if_any, scope_of, scoped

if TYPE_CHECKING:
    from ..client.events import Event
    from ..client.http import StateroomClient
    from ..client.timeline import Story

_PATH = "/_stateroom/journal"
_PAGE = 1000  # events in one answer
_WAIT = 20  # seconds of one long poll


@click.command()
@click.option(
    "--follow", is_flag=True, help="Go on with each event as it happens, until interrupted."
)
@click.option(
    "--last",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="How many; 0 for all.",
)
@click.option(
    "--op",
    help="Only this operation: get, set, delete, clear, state, clean, reset, fault and others.",
)
@click.option("--key", help="Only this key.")
@scoped
def journal(follow: bool, last: int, op: str | None, key: str | None, **where: Any) -> None:
    """Show what happened in order: who did what to which key, and what came of it.

    With --json each line is an event as the service sends it.
    """
    from ..model.scopes import scope_document

    scope = scope_if_any(where)
    asked = {"op": op, "key": key, **(scope_document(scope) if scope else {})}
    with connected() as client:
        wanted = {name: value for name, value in asked.items() if value is not None}
        _show(client, wanted, _Lines(with_place=scope is None), last, follow)


def _show(
    client: StateroomClient, wanted: dict[str, Any], lines: _Lines, last: int, follow: bool
) -> None:
    events = _before(client, wanted, last)
    lines.show(events, min(last or len(events), len(events)))
    if not events and not follow and not as_json():
        click.echo("nothing has happened here yet", err=True)
    if follow:
        with _exit_on_interrupt():
            while True:
                page = _page(client, wanted, events, wait=_WAIT)
                events = (events + page)[-_PAGE:]
                lines.show(events, len(page))


@contextmanager
def _exit_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once, with exit status 0.

    A KeyboardInterrupt could strike while urllib3 holds the lock of its pool; the pool's own
    clean-up would then wait for that lock for ever.
    """
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _before(client: StateroomClient, wanted: dict[str, Any], last: int) -> list[dict[str, Any]]:
    """The newest events, at least as many as are wanted; more of them explain what the lines speak
    of.
    """
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
        from ..client.events import Event
        from ..client.timeline import Story

        told = [Event.read(row) for row in events]
        story = Story(told, numbered=True)
        rows = [self._row(event, story) for event in told[-count:]]
        head = [] if self._widths else [self._only(("SEQ", "AT", "WHO", "OF", "OP", "KEY", "WHAT"))]
        click.echo(columns([*head, *rows], self._widths))

    def _row(self, event: Event, story: Story) -> tuple[str, ...]:
        from ..client.timeline import what
        from ..model.scopes import label

        who, of = printable(story.who(event)), label(event.scope) if event.scope else ""
        at, key = f"{event.at[:23].rstrip('Z')}Z", printable(event.key or "")
        return self._only(
            (str(event.seq), at, who, printable(of), what(event), key, story.outcome(event))
        )

    def _only(self, row: tuple[str, ...]) -> tuple[str, ...]:
        return row if self._with_place else (*row[:3], *row[4:])


@click.command()
@click.argument("key")
@click.option(
    "--ti",
    "ti_id",
    type=click.UUID,
    help="The task instance that this attempt's id names, as workers do.",
)
@scoped
def explain(key: str, ti_id: Any, **where: Any) -> None:
    """Say when KEY expires and why it is readable; or why it is missing, and where it is."""
    from ..model.scopes import label, scope_document, scope_from

    if ti_id and any(value is not None for value in where.values()):
        raise click.UsageError("name a task instance by --ti, or by its coordinates, not both")
    asked = {"ti_id": str(ti_id)} if ti_id else scope_document(scope_of(where))
    with connected() as client:
        told = client.ask("GET", "/_stateroom/explain", params={**asked, "key": key})
    if as_json():
        click.echo(json.dumps(told, indent=1))
        return
    click.echo(printable(told["sentence"]))
    if len(told["near"]) > 1:
        rows = [
            (label(scope_from(miss["scope"])), miss["key"], miss["why"]) for miss in told["near"]
        ]
        printed = [tuple(map(printable, row)) for row in rows]
        click.echo("\n" + columns([("NEAR", "KEY", "WHY"), *printed]))


_HISTORY = "/_stateroom/history"


@click.command()
@click.argument("key")
@click.option(
    "--at",
    "moment",
    metavar="MOMENT",
    help="What it was then: a moment, or the number of an event.",
)
@scoped
def history(key: str, moment: str | None, **where: Any) -> None:
    """Tell what changed KEY, oldest first, as far as the journal goes back.

    With --at print its value at that moment; exit status 1 if there was none.
    """
    from ..model.scopes import scope_document

    asked = {**scope_document(scope_of(where)), "key": key, **({"at": moment} if moment else {})}
    with connected() as client:
        told = client.ask("GET", _HISTORY, params=asked)
    if moment:
        if not told["found"]:
            raise NotFound(f"there was no {key!r} at {moment}{_since(told['event'])}")
        click.echo(json.dumps(told if as_json() else told["value"], ensure_ascii=as_json()))
    elif as_json():
        click.echo(json.dumps(told["history"], indent=1))
    elif told["history"]:
        click.echo(_table(told["history"]))
    else:
        click.echo("the journal tells nothing of this key; try: stateroom explain --help", err=True)


def _since(event: dict[str, Any] | None) -> str:
    return f": it had been deleted at {second(event['at'])} (event {event['seq']})" if event else ""


def _table(rows: list[dict[str, Any]]) -> str:
    from ..client.events import Event
    from ..client.timeline import Story, what

    events = [Event.read(row) for row in rows]
    story = Story(events, numbered=True)
    lines = [
        (
            str(event.seq),
            second(event.at),
            story.who(event),
            what(event).strip(),
            story.outcome(event) + _lost(row),
        )
        for event, row in zip(events, rows, strict=True)
    ]
    return columns([("SEQ", "AT", "WHO", "OP", "WHAT"), *lines])


def _lost(row: dict[str, Any]) -> str:
    return (
        f"   LOST UPDATE: it had not seen what was written in {row['lost']}" if row["lost"] else ""
    )
