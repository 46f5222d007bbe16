"""The table of Dags: what is known of a Dag beside its runs."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import DagNotFound
from ...model import values
from ..database.sql import upsert
from ..namespace import Namespace

# when the one version of each Dag was made, and so what a document with Dags has beside it
VERSION_DATE = "2026-01-01T00:00:00.000000Z"

# the facts of a Dag, each with its value for one that has runs and is not described
NEW_DAG: dict[str, Any] = {
    "owners": "airflow",
    "is_paused": False,
    "is_stale": False,
    "tags": [],
    "description": None,
    "timetable_summary": None,
    "timetable_description": None,
    "next_dagrun_logical_date": None,
    "max_active_tasks": 16,
    "max_active_runs": 16,
    "relative_fileloc": None,
    "tasks": None,
}
_PUT = upsert("dags", ("ns", "dag_id"), ("facts",))


def put_dag(db: sqlite3.Connection, namespace: Namespace, dag: dict[str, Any]) -> None:
    """Create or update a Dag; members that are not given keep their values.

    :param dag: its ``dag_id`` and members of :data:`NEW_DAG`; ``tasks`` is a list of tasks with the
        names and uris of their ``inlets`` and ``outlets``, or None for a Dag that has no version.
    """
    given = {name: dag[name] for name in NEW_DAG if name in dag}
    facts = {**stored_facts(db, namespace.ns, dag["dag_id"]), **given}
    row = {"ns": namespace.ns, "dag_id": dag["dag_id"], "facts": values.dumps(facts)}
    db.execute(_PUT, row)


def stored_facts(db: sqlite3.Connection, ns: int, dag_id: str) -> dict[str, Any]:
    """The facts that a Dag was given; none for an unknown Dag."""
    sql = "SELECT facts FROM dags WHERE ns = ? AND dag_id = ?"
    row = db.execute(sql, (ns, dag_id)).fetchone()
    if row is None:
        return {}
    facts: dict[str, Any] = values.loads(row[0])
    return facts


def facts_of(db: sqlite3.Connection, ns: int, dag_id: str) -> dict[str, Any] | None:
    """All facts of a Dag; None if it is unknown and has no runs either."""
    facts = stored_facts(db, ns, dag_id)
    if not facts and not _is_known(db, ns, dag_id):
        return None
    return {**NEW_DAG, **facts}


def _is_known(db: sqlite3.Connection, ns: int, dag_id: str) -> bool:
    sql = """SELECT EXISTS (SELECT 1 FROM dags WHERE ns = :ns AND dag_id = :dag_id)
        OR EXISTS (SELECT 1 FROM dag_runs WHERE ns = :ns AND dag_id = :dag_id)"""
    return bool(db.execute(sql, {"ns": ns, "dag_id": dag_id}).fetchone()[0])


def tasks_of(db: sqlite3.Connection, ns: int, dag_id: str) -> list[dict[str, Any]] | None:
    """The tasks of a Dag; None if it has no version, as if it were not serialized."""
    tasks: list[dict[str, Any]] | None = stored_facts(db, ns, dag_id).get("tasks")
    return tasks


def require_version(db: sqlite3.Connection, ns: int, dag_id: str) -> None:
    """Refuse a Dag that is not serialized: that is unknown, or described without tasks.

    One that is not described, but has runs, passes: most tests describe none.

    :raises DagNotFound: if it is refused.
    """
    facts = stored_facts(db, ns, dag_id)
    is_known = facts_of(db, ns, dag_id) is not None
    if not is_known or (facts and facts.get("tasks") is None):
        raise DagNotFound.without_version(dag_id)


def remove_all(db: sqlite3.Connection, ns: int) -> None:
    """Remove the Dags of a namespace, inside the caller's transaction."""
    db.execute("DELETE FROM dags WHERE ns = ?", (ns,))
