"""``stateroom history``: what changed a key, and what it was at a moment."""

from __future__ import annotations

import json
from typing import Any

import click

from . import documents
from .cli_scope import scope_of, scoped
from .cli_service import as_json, connected
from .errors import NotFound

_PATH = "/_stateroom/history"


@click.command()
@click.argument("key")
@click.option("--at", "moment", metavar="MOMENT", help="What it was then: a moment, or the number of an event.")
@scoped
def history(key: str, moment: str | None, **where: Any) -> None:
    """Tell what changed KEY, oldest first, as far as the journal goes back.

    With --at print its value at that moment; exit status 1 if there was none.
    """
    from .handle.places import query

    asked = {**query(scope_of(where)), "key": key, **({"at": moment} if moment else {})}
    with connected() as client:
        told = client.ask("GET", _PATH, params=asked)
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
    return f": it had been deleted at {documents.second(event['at'])} (event {event['seq']})" if event else ""


def _table(rows: list[dict[str, Any]]) -> str:
    from .handle.journal import Event
    from .handle.timeline import Story, what

    events = [Event.read(row) for row in rows]
    story = Story(events, numbered=True)
    lines = [
        (str(event.seq), documents.second(event.at), story.who(event), what(event).strip(),
         story.outcome(event) + _lost(row))
        for event, row in zip(events, rows, strict=True)
    ]  # fmt: skip
    return documents.columns([("SEQ", "AT", "WHO", "OP", "WHAT"), *lines])


def _lost(row: dict[str, Any]) -> str:
    return f"   LOST UPDATE: it had not seen what was written in {row['lost']}" if row["lost"] else ""
