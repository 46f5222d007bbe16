"""What tasks ask of dag runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...errors import DagRunNotFound
from ...model import values
from ...model.clock import from_text, to_text, to_wire
from ..database.sql import row_as_dict
from ..namespace import Namespace
from ..tables import dag_runs

INTERVAL = ("data_interval_start", "data_interval_end")
MOMENTS = ("logical_date", *INTERVAL, "run_after", "start_date", "end_date")
# a current attempt with its run, of the parameters namespace and id
OF_ATTEMPT = """FROM task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE t.ns = ? AND t.id = ? AND t.superseded_at IS NULL"""


def dag_run(namespace: Namespace, dag_id: str, run_id: str) -> dict[str, Any]:
    """A dag run, as the Execution API sends it.

    :raises DagRunNotFound: if there is none of this id.
    """
    with namespace.database.reading() as db:
        row = _row(db, "dag_id = ? AND run_id = ?", (namespace.ns, dag_id, run_id))
    if not row:
        raise DagRunNotFound(dag_id, run_id)
    return document(row)


def state_of(namespace: Namespace, dag_id: str, run_id: str) -> str:
    """The state of a dag run.

    :raises DagRunNotFound: if there is none of this id.
    """
    with namespace.database.reading() as db:
        row = db.execute(
            "SELECT state FROM dag_runs WHERE ns = ? AND dag_id = ? AND run_id = ?",
            (namespace.ns, dag_id, run_id),
        ).fetchone()
    if row is None:
        raise DagRunNotFound(dag_id, run_id)
    return str(row[0])


def count(namespace: Namespace, filters: Mapping[str, Any]) -> int:
    """The number of the runs of a Dag.

    :param filters: ``dag_id``, and as far as given ``logical_dates``, ``run_ids`` and ``states``.
    """
    where = "ns = :ns AND dag_id = :dag_id"
    parameters = {"ns": namespace.ns, "dag_id": filters["dag_id"]}
    for column, name in _LISTS.items():
        if filters.get(name):
            where += f" AND {column} IN (SELECT value FROM json_each(:{name}))"
            parameters[name] = json_list(filters[name])
    with namespace.database.reading() as db:
        row = db.execute(f"SELECT count(*) FROM dag_runs WHERE {where}", parameters).fetchone()
    return int(row[0])


_LISTS = {"logical_date": "logical_dates", "run_id": "run_ids", "state": "states"}


def json_list(items: list[Any]) -> str:
    """A list as SQLite's ``json_each`` reads it, with moments as they are stored."""
    texts = [to_text(item) if isinstance(item, datetime) else item for item in items]
    return values.dumps(texts)


def previous(
    namespace: Namespace, dag_id: str, logical_date: datetime, state: str | None = None
) -> dict[str, Any] | None:
    """The last run of a Dag before a logical date, as :func:`dag_run`; None if there is none.

    :param state: leave out runs of other states.
    """
    with namespace.database.reading() as db:
        row = _before(db, namespace, dag_id, to_text(logical_date), state)
    if not row:
        return None
    return document(row)


def previous_successful(namespace: Namespace, ti_id: str) -> dict[str, Any]:
    """The data interval and the dates of the last successful run before that of an attempt; empty
    if there is none, or no such attempt.
    """
    with namespace.database.snapshot() as db:
        own = row_as_dict(
            db,
            f"SELECT r.dag_id, r.logical_date {OF_ATTEMPT}",
            (namespace.ns, ti_id),
        )
        if not own or own["logical_date"] is None:
            return {}
        row = _before(db, namespace, own["dag_id"], own["logical_date"], "success")
    return {name: wire(row.get(name)) for name in (*INTERVAL, "start_date", "end_date")}


def _before(
    db: sqlite3.Connection,
    namespace: Namespace,
    dag_id: str,
    logical_date: str,
    state: str | None,
) -> dict[str, Any]:
    where = "dag_id = ? AND logical_date < ? AND state = coalesce(?, state)"
    where += " ORDER BY logical_date DESC LIMIT 1"
    return _row(db, where, (namespace.ns, dag_id, logical_date, state))


def _row(db: sqlite3.Connection, where: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    sql = f"SELECT dag_id, run_id, {dag_runs.COLUMNS} FROM dag_runs WHERE ns = ? AND {where}"
    return row_as_dict(db, sql, parameters)


def of_task(db: sqlite3.Connection, run_pk: int) -> dict[str, Any]:
    """The run of a task instance, as :func:`dag_run`."""
    sql = f"SELECT dag_id, run_id, {dag_runs.COLUMNS} FROM dag_runs WHERE run_pk = ?"
    return document(row_as_dict(db, sql, (run_pk,)))


def document(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table of dag runs as the Execution API sends it."""
    run = {**row, **{name: wire(row[name]) for name in MOMENTS}}
    for name in ("queued_at", "triggered_by"):
        del run[name]
    return {
        **run,
        "conf": values.loads(row["conf"] or "null"),
        "consumed_asset_events": [],  # sent with a run context only
        "partition_date": None,
        "note": None,  # Airflow never sends it here
        "team_name": None,
    }


def seconds(row: Mapping[str, Any]) -> float | None:
    """The seconds from the start to the end in a row; None if one of them is missing."""
    if row["start_date"] is None or row["end_date"] is None:
        return None
    return (from_text(row["end_date"]) - from_text(row["start_date"])).total_seconds()


def wire(text: str | None) -> str | None:
    """A moment that may be missing, as it is sent."""
    if text is None:
        return None
    return to_wire(text)
