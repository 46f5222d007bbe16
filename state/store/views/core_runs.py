"""Dag runs with all their facts, as the Core API sends them."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import DagRunNotFound
from ...model import values
from ..database.sql import in_range, rows
from ..namespace import Namespace
from ..tables import dags
from .attempts import version
from .dag_runs import MOMENTS, seconds, wire

_SELECT = """SELECT r.dag_id, r.run_id AS dag_run_id, r.logical_date, r.queued_at, r.start_date,
    r.end_date, r.data_interval_start, r.data_interval_end, r.run_after, r.run_type, r.state,
    r.triggered_by, r.triggering_user_name, r.conf, r.note, r.partition_key,
    EXISTS (SELECT 1 FROM scopes s JOIN task_instances t USING (scope_id)
        WHERE s.run_pk = r.run_pk AND t.superseded_at IS NULL) AS has_tasks"""


def dag_run(namespace: Namespace, dag_id: str, run_id: str) -> dict[str, Any]:
    """A dag run.

    :raises DagRunNotFound: if there is none of this id.
    """
    sql = f"{_SELECT} FROM dag_runs r WHERE ns = ? AND dag_id = ? AND run_id = ?"
    with namespace.database.snapshot() as db:
        found = rows(db, sql, (namespace.ns, dag_id, run_id))
        documents = [_document(db, namespace, row) for row in found]
    if not documents:
        raise DagRunNotFound.in_core(dag_id, run_id)
    return documents[0]


def require_dag(namespace: Namespace, dag_id: str) -> None:
    """Refuse a Dag that has no version.

    :raises DagNotFound: if the Dag is unknown, or described without tasks.
    """
    with namespace.database.snapshot() as db:
        dags.require_version(db, namespace.ns, dag_id)


def page(
    namespace: Namespace,
    dag_id: str | None,
    where: tuple[str, dict[str, Any]],
    order: str,
    limit: int,
    offset: int,
) -> tuple[list[dict[str, Any]], int]:
    """A page of the runs of a Dag, and the total.

    :param dag_id: None for all Dags.
    :param where: further conditions in SQL, each with AND before it, and their parameters.
    :param order: the terms of an ORDER BY clause.
    """
    condition, parameters = where
    source = f"FROM dag_runs r WHERE r.ns = :ns{condition}"
    parameters = {"ns": namespace.ns, **parameters}
    with namespace.database.snapshot() as db:
        if dag_id is not None:
            source += " AND r.dag_id = :dag_id"
            parameters["dag_id"] = dag_id
        (total,) = db.execute(f"SELECT count(*) {source}", parameters).fetchone()
        bounds = {"limit": limit, "offset": in_range("offset", offset)}
        sql = f"{_SELECT} {source} ORDER BY {order} LIMIT :limit OFFSET :offset"
        found = rows(db, sql, {**parameters, **bounds})
        return [_document(db, namespace, row) for row in found], total


def _document(db: sqlite3.Connection, namespace: Namespace, row: dict[str, Any]) -> dict[str, Any]:
    has_tasks = row.pop("has_tasks")
    dag_version = version(db, namespace.ns, row["dag_id"])
    versions = [dag_version] if has_tasks and dag_version else []
    return {
        **row,
        **{name: wire(row[name]) for name in (*MOMENTS, "queued_at")},
        "duration": seconds(row),
        "last_scheduling_decision": None,
        "conf": values.loads(row["conf"] or "null"),
        "dag_versions": versions,
        "bundle_version": None,
        "dag_display_name": row["dag_id"],
        "partition_date": None,
        **namespace.rules.run_members,
    }
