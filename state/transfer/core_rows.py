"""The lists of the Core API, and their rows as rows of a fixture document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.scopes import run_path
from .parts import Row

# a list by the id of a Dag is 404 as soon as the file of the Dag has gone: these are filtered
RUNS = "/api/v2/dags/~/dagRuns"
TASKS = f"{run_path('~', '~')}/taskInstances"
_NOT_LITERAL = set("|~")  # letters that a filter does not take for themselves
_RUN = (
    *("logical_date", "run_after", "state", "run_type", "data_interval_start"),
    *("data_interval_end", "start_date", "end_date", "queued_at", "conf", "note"),
    *("triggering_user_name", "triggered_by", "partition_key"),
)
_ATTEMPT = (
    *("state", "try_number", "max_tries", "hostname", "unixname", "pid", "start_date"),
    *("end_date", "rendered_map_index"),
)
_WRITER = ("kind", "dag_id", "run_id", "task_id", "map_index")
_KINDS = ("task", "watcher", "api")


def filters(dag_id: str | None = None, run_id: str | None = None) -> Row:
    """The query of a list in a stable order, of the ids that begin so: there may be others too."""
    query = {"order_by": "id"}
    for name, value in (("dag_id_prefix_pattern", dag_id), ("run_id_prefix_pattern", run_id)):
        if value is not None and not _NOT_LITERAL & set(value):
            query[name] = value
    return query


def run(row: Mapping[str, Any]) -> Row:
    """A dag run."""
    return {"dag_id": row["dag_id"], "run_id": row["dag_run_id"], **_given(row, _RUN)}


def attempt(row: Mapping[str, Any]) -> Row:
    """The current attempt of a task instance."""
    document = {"id": row["id"], **coordinates(row), "state": None, **_given(row, _ATTEMPT)}
    if document.get("rendered_map_index") == str(row["map_index"]):  # the default
        del document["rendered_map_index"]
    return document


def coordinates(row: Mapping[str, Any]) -> Row:
    """The coordinates of a task instance."""
    return {
        "dag_id": row["dag_id"],
        "run_id": row["dag_run_id"],
        "task_id": row["task_id"],
        "map_index": row["map_index"],
    }


def asset(row: Mapping[str, Any]) -> Row:
    """An active asset."""
    return {"id": row["id"], "name": row["name"], "uri": row["uri"], **_given(row, _ASSET)}


_ASSET = ("group", "extra")


def writer(entry: Mapping[str, Any]) -> Row:
    """The writer of an asset's entry."""
    document = entry.get("last_updated_by") or {}
    if document.get("kind") not in _KINDS:
        return {"kind": "api"}
    return _given(document, _WRITER)


def _given(row: Mapping[str, Any], names: tuple[str, ...]) -> Row:
    return {name: row[name] for name in names if row.get(name) is not None}
