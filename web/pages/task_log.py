"""The log of an attempt on the page of its task, with the attempt's calls between its lines."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from operator import itemgetter
from typing import Any

from flask import g

from state.masking import masked, masked_variable
from state.store.journal import task_logs
from state.store.views import history
from state.tracebacks import traceback_of

from ..service import setting
from .formatting import encodable, preview, size

_SHOWN = 500  # records, and calls, of one page
_LONGEST = 2000  # characters of a record's text
_LONGEST_MEMBER = 80  # characters
_LONGEST_VALUE = 160  # characters
_GROUP = "::group::"  # begins the text of a record after which more are folded, until:
_END = "::endgroup::"
_SERIOUS = ("error", "critical")
_LEVELS = ("warning", *_SERIOUS, "debug")  # those that look different
# members that every record has, or that say again what the page says
_KNOWN = frozenset(
    "timestamp level event logger filename lineno error_detail cut real_at "
    "dag_id run_id task_id map_index try_number ti_id".split()
)
Line = dict[str, Any]


def facts(attempt: dict[str, Any]) -> dict[str, Any]:
    """What the section shows: the ``lines``, how many records are not among them, and their date.

    A line is a record, a call of the attempt, or a group of lines, as its ``kind`` says.
    """
    ti_id = attempt["id"]
    log = task_logs.log_of(g.namespace.database, g.namespace.ns, ti_id, _SHOWN)
    calls = history.of_attempt(g.namespace, ti_id, _SHOWN)
    if log.records and (log.earlier or log.left_out):  # what was called before stands before them
        calls = [call for call in calls if call["real_at"] >= log.records[0]["real_at"]]
    merged = heapq.merge(log.records, calls, key=itemgetter("real_at"))
    lines = _grouped(map(_line, merged))
    date = None
    if lines:
        date = _time(next(_leaves(lines))["real_at"]).date().isoformat()
    return {
        "lines": lines,
        "date": date,
        "records": len(log.records),
        "earlier": log.earlier,
        "left_out": log.left_out,
    }


def _time(real_at: float) -> datetime:
    return datetime.fromtimestamp(real_at, timezone.utc)


def _line(item: dict[str, Any]) -> Line:
    line = {
        "real_at": item["real_at"],
        "time": _time(item["real_at"]).isoformat(timespec="milliseconds")[11:23],
    }
    if "op" in item and "seq" in item:
        return {**line, "kind": "call", "call": item, "value": value_of(item)}
    text = encodable(masked(str(item.get("event", ""))))
    level = str(item.get("level"))
    return {
        **line,
        "kind": "record",
        "level": level if level in _LEVELS else None,
        "text": text[:_LONGEST],
        "more": max(0, len(text) - _LONGEST),
        "logger": encodable(item.get("logger") or ""),
        "members": list(_members(item)),
        "traceback": _traceback(item),
        "cut": item.get("cut"),
    }


def value_of(call: dict[str, Any]) -> str | None:
    """The value of a call, in short and without secrets; of a long XCom its size."""
    text: str | None = call["beginning"]
    if text is None or call["kind"] not in (None, "value"):
        return None
    if call["op"] == "set_xcom" and call["size"] > len(text):
        return size(call["size"])
    if call["op"] == "set_xcom":
        text = masked_variable(call["key"], text, setting("sensitive_var_conn_names"))
    return preview(text, _LONGEST_VALUE)


def _traceback(record: dict[str, Any]) -> str | None:
    text = traceback_of(record)
    if text is None:
        return None
    return encodable(masked(text))


def _members(record: dict[str, Any]) -> Iterator[str]:
    """What else was logged, as ``rows=3``."""
    for name, value in record.items():
        if name in _KNOWN or value is None:
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) > _LONGEST_MEMBER:
            text = f"{text[:_LONGEST_MEMBER]}…"
        yield encodable(masked(f"{name}={text}"))


def _grouped(lines: Iterable[Line]) -> list[Line]:
    """The lines with those of a group in one line; groups do not contain each other."""
    top: list[Line] = []
    group: Line | None = None
    for line in lines:
        text = line.get("text", "")
        if text.startswith(_GROUP):
            name = text.removeprefix(_GROUP).strip() or "Group"
            group = {**line, "kind": "group", "text": name, "lines": [], "open": False}
            top.append(group)
        elif text.startswith(_END):
            group = None
        elif group is None:
            top.append(line)
        else:
            group["lines"].append(line)
            group["open"] |= line.get("level") in _SERIOUS
    return [line for line in top if line.get("lines") != []]


def _leaves(lines: list[Line]) -> Iterator[Line]:
    for line in lines:
        yield from line.get("lines", [line])


def as_text(attempt: dict[str, Any]) -> str:
    """All that is stored of an attempt's log, a record a line, with errors below them."""
    log = task_logs.log_of(g.namespace.database, g.namespace.ns, attempt["id"])
    parts = []
    if log.left_out:
        parts.append(f"(the first {log.left_out} records are not stored)")
    for record in log.records:
        moment = record.get("timestamp") or _time(record["real_at"]).isoformat()
        text = f"{moment} {record.get('level') or 'info'} {record.get('event', '')}"
        parts.append(masked(" ".join([text, *_members(record)])))
        parts += filter(None, [_traceback(record)])
    return encodable("".join(f"{part}\n" for part in parts))
