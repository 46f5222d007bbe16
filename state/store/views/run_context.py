"""What a task needs to run, and a task instance with all its facts."""

from __future__ import annotations

from typing import Any

from ...errors import TaskInstanceNotFound
from ...model import values
from ..database.sql import row_as_dict
from ..namespace import Namespace
from ..tables import task_instances, xcoms
from . import asset_events, dag_runs


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
        sql = "SELECT count(*), min(start_date) FROM task_reschedules WHERE ti_pk = ?"
        reschedules, first_start = db.execute(sql, (attempt["ti_pk"],)).fetchone()
        run = dag_runs.of_task(db, attempt["run_pk"])
        run["consumed_asset_events"] = asset_events.consumed_by(db, attempt["run_pk"])
        keys: list[str] = []
        if not attempt["next_method"]:  # one that resumes keeps what it has pushed
            keys = xcoms.keys(db, namespace, attempt["scope_id"])
    max_tries = attempt["max_tries"]
    may_retry = task_instances.may_retry(attempt["try_number"], max_tries)
    context = {
        "dag_run": run,
        "task_reschedule_count": reschedules,
        "max_tries": max_tries,
        "variables": [],
        "connections": [],
        "xcom_keys_to_clear": keys,
        "should_retry": may_retry or previous_state == "restarting",
        "multi_team": False,
    }
    if first_start is not None:
        context["first_task_reschedule_start_date"] = dag_runs.wire(first_start)
    if attempt["next_method"]:
        context["next_method"] = attempt["next_method"]
        context["next_kwargs"] = values.loads(attempt["next_kwargs"] or "null")
        context["start_date"] = dag_runs.wire(attempt["start_date"])
    return context


def attempt(namespace: Namespace, ti_id: str) -> dict[str, Any]:
    """The facts of an attempt, current or former, as the Control API sends them.

    :raises TaskInstanceNotFound: if there is none of this id.
    """
    sql = """SELECT t.id, r.dag_id, r.run_id, s.task_id, s.map_index, t.try_number, t.max_tries,
        t.state, t.superseded_at IS NULL AS is_current, t.trigger
        FROM task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
        WHERE t.ns = ? AND t.id = ?"""
    with namespace.database.reading() as db:
        row = row_as_dict(db, sql, (namespace.ns, ti_id))
    if not row:
        raise TaskInstanceNotFound.by_id(ti_id)
    return {**row, "is_current": bool(row["is_current"]), "trigger": _trigger(row["trigger"])}


def _trigger(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    trigger: dict[str, Any] = values.loads(text)
    for name in ("created_date", "timeout"):
        trigger[name] = dag_runs.wire(trigger[name])
    return trigger
