"""What a service holds and what happened in it, as files for people and for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..masking import masked
from ..model import envelope, fixture_files

if TYPE_CHECKING:
    from .stateroom import Stateroom


def write(stateroom: Stateroom, folder: Path) -> None:
    """Write a folder for each namespace, with credentials in references masked.

    ``timeline.txt`` is the table for people, ``journal.jsonl`` an event in each line,
    ``fixture.json`` what is held.

    :raises OSError: if a file cannot be written.
    """
    for row in stateroom.namespaces():
        with stateroom.beside(row["name"]) as one:
            place = folder / row["name"]
            place.mkdir(parents=True, exist_ok=True)
            events = [
                json.dumps(_masked(event), ensure_ascii=False) for event in one.journal.documents()
            ]
            fixture_files.write(place / "timeline.txt", one.timeline(most=10_000) + "\n")
            fixture_files.write(place / "journal.jsonl", "".join(f"{line}\n" for line in events))
            fixture_files.write(
                place / "fixture.json", fixture_files.canonical(_masked_entries(one.document()))
            )


def _masked_entries(document: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [_masked(row) for row in rows] if isinstance(rows, list) else rows
        for name, rows in document.items()
    }


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    ref = envelope.unwrap(row.get("value"))
    return row if ref is None else {**row, "value": envelope.wrap(masked(ref))}
