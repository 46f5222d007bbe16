"""What a task needs to run, and a task instance with all its facts."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import TaskInstanceNotFound
from ...model import values
from ...model.clock import to_wire
from ..database.sql import row_as_dict
from ..namespace import Namespace
from ..tables import dag_runs, xcoms

_MOMENTS = (
    "logical_date",
    "data_interval_start",
    "data_interval_end",
    "run_after",
    "start_date",
    "end_date",
)


def of_attempt(namespace: Namespace, ti_id: str, previous_state: str) -> dict[str, Any]:
    """The answer to a task instance that begins to run: ``TIRunContext``.

    :param previous_state: the state that it had before; one that was restarting may always retry.
    :raises TaskInstanceNotFound: if there is none of this id.
    """
    with namespace.database.snapshot() as db:
        attempt = row_as_dict(
            db,
            """SELECT t.ti_pk, t.scope_id, s.run_pk, t.try_number, t.max_tries, t.start_date,
            t.next_method, t.next_kwargs FROM task_instances t JOIN scopes s USING (scope_id)
            WHERE t.ns = ? AND t.id = ? AND t.superseded_at IS NULL""",
            (namespace.ns, ti_id),
        )
        if not attempt:
            raise TaskInstanceNotFound("Task Instance not found")
        sql = "SELECT count(*) FROM task_reschedules WHERE ti_pk = ?"
        (reschedules,) = db.execute(sql, (attempt["ti_pk"],)).fetchone()
        run = _dag_run(db, attempt["run_pk"])
        keys: list[str] = []
        if not attempt["next_method"]:  # one that resumes keeps what it has pushed
            keys = xcoms.keys(db, attempt["scope_id"])
    max_tries = attempt["max_tries"]
    may_retry = max_tries != 0 and attempt["try_number"] <= max_tries
    context = {
        "dag_run": run,
        "task_reschedule_count": reschedules,
        "max_tries": max_tries,
        "variables": [],
        "connections": [],
        "xcom_keys_to_clear": keys,
        "should_retry": may_retry or previous_state == "restarting",
    }
    if attempt["next_method"]:
        context["next_method"] = attempt["next_method"]
        context["next_kwargs"] = values.loads(attempt["next_kwargs"] or "null")
        context["start_date"] = _wire(attempt["start_date"])
    return context


def _dag_run(db: sqlite3.Connection, run_pk: int) -> dict[str, Any]:
    sql = f"SELECT dag_id, run_id, {dag_runs.COLUMNS} FROM dag_runs WHERE run_pk = ?"
    row = row_as_dict(db, sql, (run_pk,))
    for name in _MOMENTS:
        row[name] = _wire(row[name])
    for name in ("queued_at", "triggered_by"):
        del row[name]
    return {
        **row,
        "conf": values.loads(row["conf"] or "null"),
        "consumed_asset_events": [],
        "partition_date": None,
        "note": None,  # Airflow never sends it here
        "team_name": None,
    }


def _wire(text: str | None) -> str | None:
    if text is None:
        return None
    return to_wire(text)
