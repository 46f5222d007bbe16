"""Write a report of a service: the journal and the state of each namespace, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..masking import masked
from ..model import envelope, fixture_files

if TYPE_CHECKING:
    from .stateroom import Stateroom

_MOST_LINES = 10_000  # of a timeline


def write(stateroom: Stateroom, folder: Path) -> None:
    """Write a folder for each namespace, with credentials in references masked.

    ``timeline.txt`` is a table for people, ``journal.jsonl`` has one event per line,
    ``fixture.json`` is the state as a fixture document.

    :raises OSError: if a file cannot be written.
    """
    for row in stateroom.namespaces():
        with stateroom.beside(row["name"]) as namespace:
            _write_namespace(namespace, folder / row["name"])


def _write_namespace(namespace: Stateroom, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    timeline = namespace.timeline(most=_MOST_LINES)
    fixture_files.write(folder / "timeline.txt", f"{timeline}\n")
    events = [_masked(event) for event in namespace.journal.documents()]
    lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in events]
    fixture_files.write(folder / "journal.jsonl", "".join(lines))
    document = namespace.document()
    for name, rows in document.items():
        if isinstance(rows, list):
            document[name] = [_masked(row) for row in rows]
    fixture_files.write(folder / "fixture.json", fixture_files.canonical(document))


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    ref = envelope.unwrap(row.get("value"))
    if ref is None:
        return row
    return {**row, "value": envelope.wrap(masked(ref))}
