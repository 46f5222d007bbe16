"""Write a report of a service: the journal and the state of each namespace, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import picture
from ..masking import masked
from ..model import envelope, fixture_files
from ..model.clock import from_text
from ..model.scopes import label
from .events import Event
from .timeline import EventFormatter

if TYPE_CHECKING:
    from .stateroom import Stateroom

_MOST_LINES = 10_000  # of a timeline
_MOST_MARKS = 500  # of its picture


def write(stateroom: Stateroom, folder: Path) -> None:
    """Write a folder for each namespace, with credentials in references masked.

    ``timeline.txt`` is a table for people, ``timeline.svg`` a picture of the newest events,
    ``journal.jsonl`` has one event per line, ``fixture.json`` is the state as a fixture document.

    :raises OSError: if a file cannot be written.
    """
    for row in stateroom.namespaces():
        with stateroom.beside(row["name"]) as namespace:
            _write_namespace(namespace, folder / row["name"])


def _write_namespace(namespace: Stateroom, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    timeline = namespace.timeline(most=_MOST_LINES)
    fixture_files.write(folder / "timeline.txt", f"{timeline}\n")
    events = namespace.journal.documents()
    newest = [Event.read(event) for event in events[-_MOST_MARKS:]]
    fixture_files.write(folder / "timeline.svg", _picture(newest, namespace.namespace))
    lines = [json.dumps(_masked(event), ensure_ascii=False) + "\n" for event in events]
    fixture_files.write(folder / "journal.jsonl", "".join(lines))
    document = namespace.document()
    for name, rows in document.items():
        if isinstance(rows, list):
            document[name] = [_masked(row) for row in rows]
    fixture_files.write(folder / "fixture.json", fixture_files.canonical(document))


def _picture(events: list[Event], name: str) -> str:
    formatter = EventFormatter(events)
    marks = [_mark(event, formatter) for event in events if event.parent is None]
    return picture.draw(marks, f"What happened in {name}")


def _mark(event: Event, formatter: EventFormatter) -> picture.Mark:
    lane = formatter.actor(event)
    if event.scope is not None and lane == f"attempt {event.try_number}":
        lane = f"{label(event.scope)} {lane}"
    word = picture.word_of(event.op, event.key, event.state)
    text = " ".join(filter(None, (event.at, lane, word, formatter.outcome(event))))
    kind = picture.kind_of(event.op, event.outcome, event.status)
    word = picture.with_outcome(word, kind, event.status)
    return picture.Mark(from_text(event.at).timestamp(), lane, kind, word, text)


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    ref = envelope.unwrap(row.get("value"))
    if ref is None:
        return row
    return {**row, "value": envelope.wrap(masked(ref))}
