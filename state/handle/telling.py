"""Sentences about keys when a test has failed: about those that have expired, and those looked for in vain."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from .. import documents
from ..scopes import StoreScope
from .journal import Event
from .places import label, scope_from

MOST = 8  # places
_WIDTH = 110
Place = tuple[StoreScope, str]


def worth_telling(events: Iterable[Event], document: Mapping[str, Any], now: datetime) -> list[Place]:
    """The places, in the order in which they came up; the first :data:`MOST`.

    Of what is held that is what has expired, and what a task keeps that waits for its next attempt.

    :param document: what is held now.
    :param now: by the namespace's clock.
    """
    rows = {(scope_from(row), row["key"]): row for row in documents.rows(dict(document))}
    last = {event.scope: event for event in events if event.op in ("state", "create")}
    waiting = {scope for scope, event in last.items() if "up_for_retry" in (event.note or "")}
    missed = [
        (event.scope, event.key)
        for event in events
        if event.op == "get" and event.status == 404 and event.scope and event.key
    ]
    held = [place for place, row in rows.items() if place[0] in waiting or _is_over(row, now)]
    return list(dict.fromkeys([place for place in missed if place not in rows] + held))[:MOST]


def _is_over(row: Mapping[str, Any], now: datetime) -> bool:
    expires_at = row.get("expires_at")
    return expires_at is not None and datetime.fromisoformat(expires_at.replace("Z", "+00:00")) <= now


def sentences(places: Iterable[Place], explain: Callable[[StoreScope, str], str]) -> str:
    """A paragraph for each place; empty if there is none.

    :param explain: asks for the sentences.
    """
    told = [f"{label(scope)}: {explain(scope, key)}" for scope, key in places]
    return "\n".join(textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="    ") for text in told)
