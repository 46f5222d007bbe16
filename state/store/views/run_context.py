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
        sql = "SELECT count(*) FROM task_reschedules WHERE ti_pk = ?"
        (reschedules,) = db.execute(sql, (attempt["ti_pk"],)).fetchone()
        run = dag_runs.of_task(db, attempt["run_pk"])
        run["consumed_asset_events"] = asset_events.consumed_by(db, attempt["run_pk"])
        keys: list[str] = []
        if not attempt["next_method"]:  # one that resumes keeps what it has pushed
            keys = xcoms.keys(db, attempt["scope_id"])
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
    }
    if attempt["next_method"]:
        context["next_method"] = attempt["next_method"]
        context["next_kwargs"] = values.loads(attempt["next_kwargs"] or "null")
        context["start_date"] = dag_runs.wire(attempt["start_date"])
    return context
