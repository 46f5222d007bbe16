"""The timeline of a task instance, or of a key, as a picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import g

from state import picture
from state.model.clock import from_text, to_text
from state.store.views import events
from state.words import count

from ..formatting import exact, now, preview
from ..urls import to

_MOST = 200  # events in one picture
_LEFT_OUT = ("heartbeat", "fixture")


def drawn(chosen: events.Filter) -> str:
    """The timeline of the events of a task, or of a key, as SVG: the newest ones."""
    found = events.newest(g.namespace, replace(chosen, with_moves=True), _MOST + 1)
    rows = _without_edges([row for row in reversed(found[:_MOST]) if row["op"] not in _LEFT_OUT])
    marks = [_mark(row) for row in rows]
    marks += [mark for row in rows if (mark := _expiry(row, rows)) is not None]
    note = ""
    if len(found) > _MOST:
        note = "earlier events are in the list"
    if not marks:
        note = "nothing has happened yet"
    return picture.draw(marks, f"Timeline: {count(len(rows), 'event')}", note)


def _without_edges(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events without what changed the whole namespace before the first other one."""
    own = [number for number, row in enumerate(rows) if row["scope_id"] is not None]
    if not own:
        return []
    return rows[own[0] :]


def _mark(row: dict[str, Any]) -> picture.Mark:
    word = picture.word_of(row["op"], row["key"], row["state"] if row["op"] == "state" else None)
    text = f"{exact(row['at'])}: {row['by']}, {word}"
    if row["op"] == "set" and row["kind"] == "value" and row["beginning"]:
        text += f" = {preview(row['beginning'], 80)}"
    if row["note"]:
        text += f" ({row['note']})"
    link = to("/journal/event", seq=row["seq"])
    kind = picture.kind_of(row["op"], row["outcome"], row["status"])
    word = picture.with_outcome(word, kind, row["status"])
    then = to("/then", seq=row["seq"])
    at = from_text(row["at"]).timestamp()
    return picture.Mark(at, _lane(row), kind, word, text, link, then)


def _lane(row: dict[str, Any]) -> str:
    """The attempt, with its map index; of other actors what they act by."""
    if row["ti_id"] is None or row["writer_task_id"] is None:
        return str(row["by"])
    index = row["writer_map_index"]
    lane = str(row["by"])
    if row["try_number"] is not None:
        lane = f"attempt {row['try_number']}"
    if row["writer_task_id"] != row["task_id"] and row["task_id"] is not None:
        lane = f"{row['writer_task_id']} {lane}"
    if index is not None and index >= 0:
        lane = f"[{index}] {lane}"
    return lane


def _expiry(row: dict[str, Any], rows: list[dict[str, Any]]) -> picture.Mark | None:
    """The mark of a write's expiry; None if it lies ahead, or if the key was changed before."""
    if row["op"] != "set" or row["expires_at"] is None or row["expires_at"] > to_text(now()):
        return None
    for later in rows:
        is_same = (later["scope_id"], later["key"]) == (row["scope_id"], row["key"])
        is_change = is_same and later["op"] in ("set", "delete")
        if is_change and row["seq"] < later["seq"] and later["at"] <= row["expires_at"]:
            return None
    moment = from_text(row["expires_at"]).timestamp()
    text = f"{exact(row['expires_at'])}: {row['key']} expires"
    return picture.Mark(moment, _lane(row), "time", f"{row['key']} expires", text)
