"""Dags, as tasks ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import DagNotFound
from ...model import values
from ..database.sql import in_range, rows
from ..namespace import Namespace
from ..tables import dags
from .dag_runs import wire

BUNDLE = "fixture"  # the name of the bundle of every Dag


def of_task(namespace: Namespace, dag_id: str) -> dict[str, Any]:
    """A Dag, as the Execution API sends it.

    :raises DagNotFound: if it is unknown and has no runs either.
    """
    with namespace.database.reading() as db:
        facts = dags.facts_of(db, namespace.ns, dag_id)
    if facts is None:
        raise DagNotFound.by_id(dag_id)
    return {
        "dag_id": dag_id,
        "is_paused": facts["is_paused"],
        "bundle_name": BUNDLE,
        "bundle_version": None,
        "relative_fileloc": facts["relative_fileloc"],
        "owners": facts["owners"],
        "tags": sorted(facts["tags"]),
        "next_dagrun": wire(facts["next_dagrun_logical_date"]),
    }


def in_core(namespace: Namespace, dag_id: str) -> dict[str, Any]:
    """A Dag, as the Core API sends it.

    :raises DagNotFound: if it is unknown, or described without tasks.
    """
    with namespace.database.snapshot() as db:
        dags.require_version(db, namespace.ns, dag_id)
        facts = dags.facts_of(db, namespace.ns, dag_id) or dags.NEW_DAG
        return _document(namespace, dag_id, facts)


def page(
    namespace: Namespace,
    where: tuple[str, dict[str, Any]],
    order: str,
    limit: int,
    offset: int,
) -> tuple[list[dict[str, Any]], int]:
    """A page of the Dags, described ones and those that have runs, and the total.

    :param where: conditions in SQL over :data:`ALL`, each with AND before it, and their parameters.
    :param order: the terms of an ORDER BY clause.
    """
    condition, parameters = where
    parameters = {"ns": namespace.ns, **parameters}
    bounds = {"limit": limit, "offset": in_range("offset", offset)}
    with namespace.database.snapshot() as db:
        source = f"FROM ({ALL}) WHERE true{condition}"
        (total,) = db.execute(f"SELECT count(*) {source}", parameters).fetchone()
        sql = f"SELECT dag_id, facts {source} ORDER BY {order} LIMIT :limit OFFSET :offset"
        found = rows(db, sql, {**parameters, **bounds})
    documents = [
        _document(namespace, row["dag_id"], {**dags.NEW_DAG, **values.loads(row["facts"])})
        for row in found
    ]
    return documents, total


ALL = """SELECT dag_id, facts, coalesce(json_extract(facts, '$.is_paused'), 0) AS is_paused,
        coalesce(json_extract(facts, '$.is_stale'), 0) AS is_stale,
        json_extract(facts, '$.next_dagrun_logical_date') AS next_dagrun
    FROM (SELECT dag_id, facts FROM dags WHERE ns = :ns
        UNION ALL SELECT DISTINCT dag_id, '{}' FROM dag_runs r WHERE r.ns = :ns
        AND NOT EXISTS (SELECT 1 FROM dags d WHERE d.ns = :ns AND d.dag_id = r.dag_id))"""


def _document(namespace: Namespace, dag_id: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    tag = {"dag_id": dag_id, "dag_display_name": dag_id}
    document = {
        "dag_id": dag_id,
        "dag_display_name": dag_id,
        "bundle_name": BUNDLE,
        **_CONSTANTS,
        **{name: facts[name] for name in _TOLD},
        "tags": [{"name": name, **tag} for name in sorted(facts["tags"])],
        "next_dagrun_logical_date": wire(facts["next_dagrun_logical_date"]),
        "owners": [owner.strip() for owner in facts["owners"].split(",")],
        "file_token": dag_id,
    }
    if namespace.rules.has_draining_dags:
        document["scheduling_state"] = "paused" if facts["is_paused"] else "active"
    return document


_TOLD = (
    *("is_paused", "is_stale", "relative_fileloc", "description", "timetable_summary"),
    *("timetable_description", "max_active_tasks", "max_active_runs"),
)
# what no fixture says, as Airflow has it for a Dag that was never parsed
_CONSTANTS: dict[str, Any] = {
    "last_parsed_time": None,
    "last_parse_duration": None,
    "last_expired": None,
    "bundle_version": None,
    "fileloc": "/dev/null",
    "timetable_partitioned": False,
    "timetable_periodic": False,
    "max_consecutive_failed_dag_runs": 0,
    "has_task_concurrency_limits": False,
    "has_import_errors": False,
    "next_dagrun_data_interval_start": None,
    "next_dagrun_data_interval_end": None,
    "next_dagrun_run_after": None,
    "allowed_run_types": None,
    "is_backfillable": False,
}
