"""What an attempt has changed and pushed: from its own events in the journal, and no others'."""

from __future__ import annotations

from typing import Any

from ..model.scopes import TaskScope, label, scope_document, scope_from
from .register import Service

_JOURNAL = "/_stateroom/journal"
_HISTORY = "/_stateroom/history"
_PAGE = 1000  # events in one response
Document = dict[str, Any]
Change = tuple[Any, Any]
Key = tuple[str, str]


def last_event(service: Service) -> int:
    """The number of the newest event; 0 without events."""
    return int(service.call("GET", _JOURNAL, params={"limit": 1}).json()["last"])


def events_of(service: Service, ti_id: str, after: int) -> list[Document]:
    """The events of an attempt after a number that took effect, and their effects, in order."""
    events: list[Document] = []
    parameters = {"ti_id": ti_id, "limit": _PAGE}
    while page := _page(service, {**parameters, "after": after}):
        events += page
        after = page[-1]["seq"]
    return [event for event in events if _took_effect(event)]


def _page(service: Service, parameters: Document) -> list[Document]:
    page: list[Document] = service.call("GET", _JOURNAL, params=parameters).json()["events"]
    return page


def _took_effect(event: Document) -> bool:
    return (event["status"] or 200) < 400 and event["outcome"] is None


def changes_of(service: Service, events: list[Document]) -> dict[Key, Change]:
    """The keys whose values an attempt has changed, each with its value before the first of these
    events and after the last one; None stands for no value.

    :param events: as :func:`events_of` returns them.
    """
    firsts: dict[Key, Document] = {}
    lasts: dict[Key, Document] = {}
    for event in events:
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
    for event in events:
        if event["scope"] != place:
            continue
        if event["op"] == "set_xcom":
            xcoms[event["key"]] = event["value"]
        elif event["op"] == "delete_xcom":
            xcoms.pop(event["key"], None)
    return dict(sorted(xcoms.items()))
