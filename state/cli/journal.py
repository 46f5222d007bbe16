"""Commands on the journal: journal, explain, history."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import NotFound
from ..model import fixture_files
from ..model.clock import second
from ..model.events import OPS
from ..model.scopes import AssetScope, label, scope_document, scope_from
from ..signals import handle
from ..terminal import printable
from ..words import near
from .shared.connection import as_json, connected
from .shared.numbers import Choice, Moment
from .shared.scope_options import (
    Several,
    asset_id_of,
    check_one_way,
    key_not_found,
    scope_if_any,
    scope_of,
    scoped,
    tasks_query,
)
from .shared.tables import columns_there, is_narrow, scope_cells, table

if TYPE_CHECKING:
    from ..client.events import Event
    from ..client.http import StateroomClient
    from ..client.timeline import EventFormatter

_PATH = "/_stateroom/journal"
_HISTORY = "/_stateroom/history"
_PAGE = 1000  # events in one response
_WAIT = 20  # seconds of one long poll


@click.command()
@click.option(
    "--follow", is_flag=True, help="Print each new event when it happens, until interrupted."
)
@click.option(
    "--last",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Number of events; 0 for all.",
)
@click.option("--op", type=Choice(OPS), metavar="OP", help=f"Only this: {', '.join(OPS)}.")
@click.option("--key", help="Only this key.")
@scoped
def journal(follow: bool, last: int, op: str | None, key: str | None, **where: Any) -> None:
    """Show events in order: who did what to which key, and the result.

    With --json each line is an event as the service sends it.
    """
    with connected() as client:
        place = _place(client, where)
        filters: dict[str, Any] = {"op": op, "key": key, **place}
        filters = {name: value for name, value in filters.items() if value is not None}
        is_of_one = bool(place) and "fitting" not in place
        is_empty = not _show(client, filters, _Table(with_scope=not is_of_one), last, follow)
        if is_empty:
            _check_filters(client, key, where if is_of_one else {})
            click.echo("no events match", err=True)


def _place(client: StateroomClient, where: dict[str, Any]) -> dict[str, Any]:
    """The query for the events of one task instance or asset, or of all task instances that fit;
    empty if the options name none.
    """
    try:
        return scope_document(scope_if_any(client, where))
    except Several:
        return {**tasks_query(where), "fitting": "1"}


def _show(
    client: StateroomClient, filters: dict[str, Any], table: _Table, last: int, follow: bool
) -> int:
    """Print the events, and with ``follow`` those to come; return how many there were."""
    events = _recent(client, filters, last)
    table.show(events, min(last or len(events), len(events)))
    if follow:
        with _exit_on_interrupt():
            while True:
                page = _page(client, filters, events, wait=_WAIT)
                events = (events + page)[-_PAGE:]
                table.show(events, len(page))
    return len(events)


def _check_filters(client: StateroomClient, key: str | None, where: dict[str, Any]) -> None:
    """Complain about filters that can match no event.

    :raises NotFound: for a task instance, an asset or a key that nothing has, with those alike.
    """
    scope = None
    if any(value is not None for value in where.values()):
        scope = scope_of(client, where)
    if isinstance(scope, AssetScope):
        asset_id_of(client, str(scope.name))
    if key is None:
        return
    keys = {row["key"] for row in fixture_files.rows(client.ask("GET", "/_stateroom/fixture"))}
    if key not in keys:
        raise NotFound(f"no event of a key {key!r}{near(key, sorted(keys))}")


@contextmanager
def _exit_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once, with exit status 0.

    A KeyboardInterrupt may come while urllib3 holds the lock of its pool, whose clean-up then waits
    for this lock without end.
    """
    previous = handle(signal.SIGINT, lambda *_: os._exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _recent(client: StateroomClient, filters: dict[str, Any], last: int) -> list[dict[str, Any]]:
    """The newest events, at least the last ones, since their lines may refer to earlier events."""
    if 0 < last <= _PAGE:
        return _page(client, filters, [], newest=1)
    events: list[dict[str, Any]] = []
    while page := _page(client, filters, events):
        events += page
    return events


def _page(
    client: StateroomClient, filters: dict[str, Any], events: list[dict[str, Any]], **query: int
) -> list[dict[str, Any]]:
    """The next page of events after those of earlier pages."""
    parameters = {**filters, **query, "after": 0, "limit": _PAGE}
    if events:
        parameters["after"] = events[-1]["seq"]
    page: list[dict[str, Any]] = client.ask("GET", _PATH, params=parameters)["events"]
    return page


class _Table:
    """A table of events to which lines can be added; its columns only get wider.

    :param with_scope: whether it has a column for the scope.
    """

    def __init__(self, with_scope: bool) -> None:
        self._with_scope = with_scope
        self._widths: list[int] = []

    def show(self, rows: list[dict[str, Any]], count: int) -> None:
        """Print the newest events.

        :param rows: of the API, to which the lines may refer; the newest are the last.
        :param count: how many of them to print.
        """
        if not count:
            return
        if as_json():
            click.echo("\n".join(map(json.dumps, rows[-count:])))
            return
        from ..client.events import Event
        from ..client.timeline import EventFormatter

        events = [Event.read(row) for row in rows]
        self._scope_cell = scope_cells(event.scope for event in events if event.scope)
        formatter = EventFormatter(
            events, numbered=True, longest=columns_there(), name=self._scope_cell
        )
        lines = [self._row(event, formatter) for event in events[-count:]]
        head = self._cells("SEQ", "AT", "ACTOR", "SCOPE", "OP", "KEY", "RESULT")
        click.echo(table(head, lines, self._widths), color=True)

    def _row(self, event: Event, formatter: EventFormatter) -> tuple[str, ...]:
        from ..client.timeline import operation

        scope = ""
        if event.scope is not None:
            scope = self._scope_cell(event.scope)
        return self._cells(
            str(event.seq),
            _moment(event.at),
            _actor(formatter.actor(event)),
            scope,
            operation(event),
            event.key or "",
            formatter.outcome(event),
        )

    def _cells(self, *cells: str) -> tuple[str, ...]:
        """The cells of a line, without the scope if the table has no column for it; with it, where
        lines are short, without the number.
        """
        if not self._with_scope:
            return (*cells[:3], *cells[4:])
        if is_narrow():
            return cells[1:]
        return cells


def _actor(name: str) -> str:
    """An actor, where lines are short without its article."""
    if is_narrow():
        return name.removeprefix("the ")
    return name


def _moment(at: str) -> str:
    """A time to the millisecond or, where lines are short, the second of its day."""
    if is_narrow():
        return at[11:19]
    return f"{at[:23].rstrip('Z')}Z"


@click.command()
@click.argument("key")
@scoped
def explain(key: str, **where: Any) -> None:
    """Say when KEY expires and why it is readable; or why it is missing, and where it is."""
    parameters = {"key": key}
    with connected() as client:
        if where["ti_id"] is not None:
            check_one_way(where)
            parameters["ti_id"] = str(where["ti_id"])  # a superseded attempt has its own answer
        else:
            parameters.update(scope_document(scope_of(client, where, key, exact=True)))
        answer = client.ask("GET", "/_stateroom/explain", params=parameters)
    if as_json():
        click.echo(json.dumps(answer, indent=1))
        return
    click.echo(printable(answer["sentence"]))
    near = answer["near"]
    if len(near) > 1:
        lines = [(label(scope_from(miss["scope"])), miss["key"], miss["why"]) for miss in near]
        click.echo("\n" + table(("SCOPE", "KEY", "WHY"), lines), color=True)


@click.command()
@click.argument("key")
@click.option(
    "--at",
    "moment",
    type=Moment(or_event=True),
    help="Print the value at this time, or after the event of this number.",
)
@scoped
def history(key: str, moment: str | None, **where: Any) -> None:
    """List the changes of KEY, oldest first, as far back as the journal goes.

    With --at, print the value at that moment; exit status 1 if there was none.
    """
    with connected() as client:
        scope = scope_of(client, where, key, exact=True)
        parameters = {**scope_document(scope), "key": key, "at": moment}
        answer = client.ask("GET", _HISTORY, params=parameters)
        if not moment and not answer["history"]:
            raise key_not_found(client, scope, key)
    if moment:
        _show_value(answer, key, moment)
    elif as_json():
        click.echo(json.dumps(answer["history"], indent=1))
    else:
        click.echo(_history_table(answer["history"]), color=True)


def _show_value(answer: dict[str, Any], key: str, moment: str) -> None:
    """Print a key's value at a moment.

    :raises NotFound: if it had none.
    """
    if not answer["found"]:
        message = f"key {key!r} had no value at {_moment_in_words(moment)}"
        event = answer["event"]
        if event is not None:
            message += f": it was deleted at {second(event['at'])} (event {event['seq']})"
        raise NotFound(message)
    if as_json():
        click.echo(json.dumps(answer))
    else:
        click.echo(json.dumps(answer["value"], ensure_ascii=False))


def _moment_in_words(moment: str) -> str:
    if moment.isdecimal():
        return f"event {moment}"
    return moment


def _history_table(rows: list[dict[str, Any]]) -> str:
    from ..client.events import Event
    from ..client.timeline import EventFormatter, operation

    events = [Event.read(row) for row in rows]
    formatter = EventFormatter(events, numbered=True, longest=columns_there())
    lines = [
        (
            str(event.seq),
            second(event.at),
            formatter.actor(event),
            operation(event).strip(),
            formatter.outcome(event) + _lost_update(row["lost"]),
        )
        for event, row in zip(events, rows, strict=True)
    ]
    return table(("SEQ", "AT", "ACTOR", "OP", "RESULT"), lines)


def _lost_update(seq: int | None) -> str:
    from ..client.timeline import lost_update

    if not seq:
        return ""
    return lost_update(f"event {seq}")
