"""What an attempt has changed, pushed and missed: from its own events in the journal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model.scopes import TaskScope, label, scope_document, scope_from
from .register import Service

_JOURNAL = "/_stateroom/journal"
_HISTORY = "/_stateroom/history"
_PAGE = 1000  # events in one response
_GIFTS = {  # what gives a run that which its task has not found
    "get_xcom": "--xcom TASK=JSON (xcoms=)",
    "get_variable": "--var KEY=VALUE (variables=)",
    "get_connection": "--conn ID=URI (connections=)",
}
_AFTER_THE_LAST = re.compile(r" offset=-?[1-9]")  # how an iteration over XComs ends
_OF_TASK = re.compile(r" not found for task '(?P<task_id>[^']*)'")  # it may have no scope yet
Document = dict[str, Any]
Change = tuple[Any, Any]
Key = tuple[str, str]


def last_event(service: Service) -> int:
    """The number of the newest event; 0 without events."""
    return int(service.call("GET", _JOURNAL, params={"limit": 1}).json()["last"])


def events_of(service: Service, ti_id: str, after: int) -> list[Document]:
    """The events of an attempt after a number, and their effects, in order."""
    events: list[Document] = []
    parameters = {"ti_id": ti_id, "limit": _PAGE}
    while page := _page(service, {**parameters, "after": after}):
        events += page
        after = page[-1]["seq"]
    return events


def _page(service: Service, parameters: Document) -> list[Document]:
    page: list[Document] = service.call("GET", _JOURNAL, params=parameters).json()["events"]
    return page


def _effective(events: list[Document]) -> Iterator[Document]:
    return (
        event for event in events if (event["status"] or 200) < 400 and event["outcome"] is None
    )


def changes_of(service: Service, events: list[Document]) -> dict[Key, Change]:
    """The keys whose values an attempt has changed, each with its value before the first of these
    events and after the last one; None stands for no value.

    :param events: as :func:`events_of` returns them.
    """
    firsts: dict[Key, Document] = {}
    lasts: dict[Key, Document] = {}
    for event in _effective(events):
        if event["op"] in ("set", "delete") and event["key"] is not None:
            key = (label(scope_from(event["scope"])), event["key"])
            firsts.setdefault(key, event)
            lasts[key] = event
    changes = {key: (_before(service, firsts[key]), lasts[key].get("value")) for key in firsts}
    return {key: changes[key] for key in sorted(changes) if changes[key][0] != changes[key][1]}


def _before(service: Service, event: Document) -> Any:
    """The value of a key before an event, as far as the journal goes back."""
    parameters = {**event["scope"], "key": event["key"], "at": str(event["seq"] - 1)}
    return service.call("GET", _HISTORY, params=parameters).json().get("value")


def xcoms_of(scope: TaskScope, events: list[Document]) -> dict[str, Any]:
    """What an attempt has pushed and not deleted again, by key.

    :param scope: of the task instance.
    :param events: as :func:`events_of` returns them.
    """
    place = scope_document(scope)
    xcoms: dict[str, Any] = {}
    for event in _effective(events):
        if event["scope"] != place:
            continue
        if event["op"] == "set_xcom":
            xcoms[event["key"]] = event["value"]
        elif event["op"] == "delete_xcom":
            xcoms.pop(event["key"], None)
    return dict(sorted(xcoms.items()))


def missing_of(events: list[Document]) -> list[str]:
    """The XComs, variables and connections that an attempt has not found, and how to give them.

    :param events: as :func:`events_of` returns them.
    """
    sentences = map(_missing, filter(_is_missing, events))
    return list(dict.fromkeys(sentences))


def _is_missing(event: Document) -> bool:
    if event["status"] != 404 or event["op"] not in _GIFTS:
        return False
    return not _AFTER_THE_LAST.search(event["note"] or "")


def _missing(event: Document) -> str:
    sentence = event["note"] or f"{event['key']!r} not found"
    if event["op"] == "get_xcom" and event["key"] != "return_value":
        return sentence  # only a fixture gives it
    gift = _GIFTS[event["op"]]
    task = _OF_TASK.search(sentence)
    if task:
        gift = gift.replace("TASK", task["task_id"])
    return f"{sentence}; {gift} gives it"
