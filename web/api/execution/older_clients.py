"""Answers as clients of older versions of the Execution API know them (Airflow 3.3.2).

A version is a date; what a version added is taken out for the clients of all before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from state.errors import ClientTooOld

from ...request import version

Document = dict[str, Any]

# the members of a run context, by the version that added them
_CONTEXT_MEMBERS = {"2026-10-30": ("multi_team", "first_task_reschedule_start_date")}

# the members of a dag run, by the version that added them
_RUN_MEMBERS = {
    "2026-06-30": ("team_name", "partition_date"),
    "2026-04-06": ("partition_key", "note"),
    "2025-11-05": ("triggering_user_name",),
    "2025-08-10": ("state",),
}
PARTITION_KEYS = "2026-04-06"
PREVIOUS_BY_PATH = "2025-08-10"  # /dag-runs/{dag_id}/previous, until 2026-04-06


def run_context(context: Document) -> Document:
    """A run context for the client of this request."""
    client = version.spoken()
    context = _without(context, client, _CONTEXT_MEMBERS)
    if client >= version.WITH_STORE:
        return context
    run = _without(context["dag_run"], client, _RUN_MEMBERS)
    for event in run["consumed_asset_events"]:
        del event["partition_key"]
    if client < "2025-10-27" and run["conf"] is None:
        run["conf"] = {}
    context = {**context, "dag_run": run}
    if client < "2026-04-06":
        if run["start_date"] is None:
            run["start_date"] = run["run_after"]
        if context.get("next_kwargs") is not None:
            context["next_kwargs"] = _next_kwargs(context["next_kwargs"])
        context.pop("start_date", None)
        context["upstream_map_indexes"] = None
    return context


def dag_run(run: Document) -> Document:
    """A dag run for the client of this request; only the last version is taken out of it, since
    older ones have no such answer.
    """
    newest = {version.WITH_STORE: _RUN_MEMBERS[version.WITH_STORE]}
    return _without(run, version.of_client(), newest)


def asset_events(events: list[Document]) -> list[Document]:
    """Asset events for the client of this request.

    :raises ClientTooOld: if a dag run consumed one of them, and the client is older than the
        partition keys of both.
    """
    if version.of_client() < PARTITION_KEYS:
        if any(event["created_dagruns"] for event in events):
            raise ClientTooOld("an asset event that a dag run consumed", PARTITION_KEYS)
        for event in events:
            del event["partition_key"]
    return events


def _without(document: Document, client: str, added: Mapping[str, tuple[str, ...]]) -> Document:
    unknown = {name for since, names in added.items() if client < since for name in names}
    return {name: value for name, value in document.items() if name not in unknown}


# the types of the older serialisation, by the classes of the newer one
_TYPES = {
    "datetime.datetime": "datetime",
    "datetime.timedelta": "timedelta",
    "builtins.tuple": "tuple",
    "builtins.set": "set",
}
_SHOWN_AS_TEXT = ("datetime.date", "decimal.Decimal")


def _next_kwargs(kwargs: Any) -> Any:
    """Keyword arguments as Airflow 3.1 and older serialise them: an object says its type.

    Those that are serialised so already stay, and those with a class that is not known here.
    """
    try:
        return _base_serialization(kwargs)
    except KeyError:
        return kwargs


def _base_serialization(value: Any) -> Any:
    if isinstance(value, list):
        return [_base_serialization(item) for item in value]
    if not isinstance(value, dict) or "__type" in value:
        return value
    if "__classname__" not in value:
        members = {name: _base_serialization(member) for name, member in value.items()}
        return {"__var": members, "__type": "dict"}
    data = value["__data__"]
    if value["__classname__"] in _SHOWN_AS_TEXT:
        return str(data)
    type_ = _TYPES[value["__classname__"]]
    if type_ == "datetime":
        data = data["timestamp"]
    return {"__var": _base_serialization(data), "__type": type_}


def with_offsets(run: Document) -> Document:
    """A dag run with ``+00:00`` instead of ``Z``, as Airflow answers where the path has
    ``previous`` at its end.
    """
    moments = {
        name: value.replace("Z", "+00:00")
        for name, value in run.items()
        if name in _RUN_MOMENTS and value is not None
    }
    return {**run, **moments}


_RUN_MOMENTS = (
    *("logical_date", "data_interval_start", "data_interval_end"),
    *("run_after", "start_date", "end_date"),
)
