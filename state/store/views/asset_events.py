"""The events of assets, as tasks read them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from ...errors import MissingParameter, RunNotStarted, UnreadableEvent
from ...model import values
from ...model.clock import to_text, to_wire
from ..database.sql import in_range, rows
from ..namespace import Namespace
from .dag_runs import INTERVAL, wire

_SOURCE = "source_task_id, source_dag_id, source_run_id, source_map_index, partition_key"
_COLUMNS = f"""e.event_pk, e.id, e.timestamp, e.extra, a.name, a.uri, a.group_name AS "group",
    a.extra AS asset_extra, {_SOURCE}"""
_CONSUMERS = """SELECT r.run_id, r.dag_id, r.logical_date, r.start_date, r.end_date, r.state,
    r.data_interval_start, r.data_interval_end, r.partition_key
    FROM asset_event_runs JOIN dag_runs r USING (run_pk) WHERE event_pk = ? ORDER BY run_pk"""
_ALIASES = """SELECT name FROM asset_event_aliases JOIN asset_aliases USING (alias_pk)
    WHERE event_pk = ? ORDER BY id"""


def of_asset(namespace: Namespace, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events of an asset, oldest first; by its name or its uri alone, of the active one.

    :param asked: ``name`` and ``uri``, either of which may be empty; as far as given ``after`` and
        ``before``, ``ascending``, and ``limit``, which limits nothing below 1.
    :raises MissingParameter: if both are empty.
    :raises RunNotStarted: if a run that consumed an event has not started.
    :raises UnreadableEvent: if the extra of an event cannot be sent.
    :raises OutOfRange: for a limit that is beyond what SQLite counts.
    """
    if not asked["name"] and not asked["uri"]:
        raise MissingParameter()
    where = " AND ".join(f"a.{name} = :{name}" for name in ("name", "uri") if asked[name])
    if not (asked["name"] and asked["uri"]):
        where += " AND a.active"
    return _events(namespace, where, asked)


def of_alias(namespace: Namespace, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events that came from an alias, otherwise as :func:`of_asset`.

    :param asked: ``name`` is the alias's.
    """
    where = """EXISTS (SELECT 1 FROM asset_event_aliases x JOIN asset_aliases l USING (alias_pk)
        WHERE x.event_pk = e.event_pk AND l.ns = :ns AND l.name = :name)"""
    return _events(namespace, where, asked)


def _events(namespace: Namespace, where: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    parameters = {
        "ns": namespace.ns,
        "name": asked["name"],
        "uri": asked.get("uri"),
        "limit": in_range("limit", asked.get("limit") or -1),
    }
    for name, operator in (("after", ">="), ("before", "<=")):
        if asked.get(name) is not None:
            where += f" AND e.timestamp {operator} :{name}"
            parameters[name] = to_text(asked[name])
    order = "ASC" if asked.get("ascending", True) else "DESC"
    with namespace.database.snapshot() as db:
        found = rows(
            db,
            f"""SELECT {_COLUMNS} FROM asset_events e JOIN assets a USING (asset_pk)
            WHERE e.ns = :ns AND {where} ORDER BY e.timestamp {order}, e.id {order}
            LIMIT :limit""",
            parameters,
        )
        return [_event(db, namespace, row) for row in found]


def _event(db: sqlite3.Connection, namespace: Namespace, row: dict[str, Any]) -> dict[str, Any]:
    event = {name: row[name] for name in _SOURCE.split(", ")}
    consumers = rows(db, _CONSUMERS, (row["event_pk"],))
    for run in consumers:
        if run["start_date"] is None and not namespace.rules.tells_queued_consumers:
            raise RunNotStarted(row["id"], run["dag_id"], run["run_id"])
        for name in ("logical_date", "start_date", "end_date", *INTERVAL):
            run[name] = wire(run[name])
    return {
        "id": row["id"],
        "timestamp": to_wire(row["timestamp"]),
        "extra": _extra(row),
        "asset": {**_asset(row), "group": row["group"]},
        "created_dagruns": consumers,
        **event,
    }


def _extra(row: dict[str, Any]) -> dict[str, Any]:
    """The extra of an event, which a task may have given as anything.

    :raises UnreadableEvent: if it is not an object that can be sent.
    """
    extra = values.loads(row["extra"])
    if not isinstance(extra, dict):
        raise UnreadableEvent(row["id"], "it is not an object")
    if values.not_finite(extra):
        raise UnreadableEvent(row["id"], values.NOT_FINITE)
    if values.broken_text(extra, names=True):
        raise UnreadableEvent(row["id"], values.LONE_SURROGATE)
    return extra


def _asset(row: dict[str, Any]) -> dict[str, Any]:
    extra = values.loads(row["asset_extra"])
    return {"name": row["name"], "uri": row["uri"], "extra": extra}


def consumed_by(db: sqlite3.Connection, run_pk: int) -> list[dict[str, Any]]:
    """The events that a dag run consumed, as a run context has them."""
    found = rows(
        db,
        f"""SELECT {_COLUMNS} FROM asset_event_runs JOIN asset_events e USING (event_pk)
        JOIN assets a USING (asset_pk) WHERE run_pk = ? ORDER BY e.id""",
        (run_pk,),
    )
    return [
        {
            "asset": _asset(row),
            "extra": _extra(row),
            **{name: row[name] for name in _SOURCE.split(", ")},
            "source_aliases": rows(db, _ALIASES, (row["event_pk"],)),
            "timestamp": to_wire(row["timestamp"]),
        }
        for row in found
    ]
