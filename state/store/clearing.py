"""Clear task instances, so that they run again (Airflow 3.4)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import DagRunNotFound, NoLogicalDate, RunningTask, TaskInstanceNotFound
from ..model.clock import to_text
from ..model.scopes import API_WRITER
from .database.sql import row_as_dict, rows
from .journal.journal import Event
from .namespace import Namespace
from .tables.entries import count_to_remove, remove_with_effects
from .tables.task_instances import NEW_ATTEMPT, put_next, update_attempt

_STATES = {"failed": ("failed", "upstream_failed"), "running": ("running",)}
_RUNNING = ("running", "restarting")
_NEVER_RAN = (None, "up_for_retry")
_FINISHED_RUN = ("success", "failed")
_COLUMNS = ", ".join(f"t.{name}" for name in NEW_ATTEMPT)
_SELECT = f"""SELECT t.ti_pk, t.id, t.scope_id, s.run_pk, s.task_id, s.map_index, s.region,
    {_COLUMNS}
    FROM task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE t.ns = :ns AND t.superseded_at IS NULL AND r.dag_id = :dag_id"""


@dataclass(frozen=True)
class Selection:
    """Which task instances of a Dag are cleared.

    :param run_id: of one run; with ``past`` or ``future`` also of those before or after it.
    :param start: the earliest logical date, as ``end`` the latest, where no run is named.
    :param tasks: task ids, each with a map index, or with None for all of them; None for all tasks.
    :param ids: of exactly these; None for all.
    :param only: ``failed`` or ``running``; None for any state.
    """

    dag_id: str
    run_id: str | None = None
    past: bool = False
    future: bool = False
    start: datetime | None = None
    end: datetime | None = None
    tasks: list[tuple[str, int | None]] | None = None
    ids: list[str] | None = None
    only: str | None = None

    def is_whole(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is one of a mapped task whose instances are all cleared."""
        if row["map_index"] < 0 or row["region"] or self.only or self.ids is not None:
            return False
        return self.tasks is None or (row["task_id"], None) in self.tasks


def clear(
    namespace: Namespace,
    selection: Selection,
    *,
    is_dry: bool,
    stops_running: bool,
    resets_runs: bool,
    keeps_state: bool,
) -> list[str]:
    """Give task instances their next attempt, without a state; one that runs is to restart.

    Their keys are removed, unless they are kept. A mapped task that is cleared as a whole keeps its
    task instances here; Airflow expands it anew.

    :param is_dry: change nothing.
    :param stops_running: whether those that run are cleared too.
    :param resets_runs: whether their dag runs are queued again.
    :returns: the ids that Airflow tells of them.
    :raises DagRunNotFound: if there is no such run.
    :raises NoLogicalDate: if runs before or after one without a logical date are meant.
    :raises TaskInstanceNotFound: if one of the ids is not that of a current attempt.
    :raises RunningTask: if one runs, and those are not to be cleared.
    """
    with namespace.database.transaction() as db:
        found = _selected(db, namespace, selection)
        if is_dry:
            return [row["id"] for row in found]
        if not stops_running and any(row["state"] in _RUNNING for row in found):
            raise RunningTask
        if not keeps_state:
            scope_ids = json.dumps([row["scope_id"] for row in found])
            where = "e.scope_id IN (SELECT value FROM json_each(?))"
            count_to_remove(db, where, (scope_ids,))
        told = [_clear_one(db, namespace, selection, row, keeps_state) for row in found]
        if resets_runs:
            for run_pk in {row["run_pk"] for row in found}:
                _queue_run(db, namespace, run_pk)
    return told


def _selected(
    db: sqlite3.Connection, namespace: Namespace, selection: Selection
) -> list[dict[str, Any]]:
    where, parameters = _of_runs(db, namespace, selection)
    parameters |= {"ns": namespace.ns, "dag_id": selection.dag_id}
    if selection.only is not None:
        where += " AND t.state IN (SELECT value FROM json_each(:states))"
        parameters["states"] = json.dumps(_STATES[selection.only])
    if selection.ids is not None:
        where += " AND t.id IN (SELECT value FROM json_each(:ids))"
        parameters["ids"] = json.dumps(selection.ids)
    found = rows(db, f"{_SELECT}{where} ORDER BY t.id", parameters)
    if selection.ids is not None and {row["id"] for row in found} != set(selection.ids):
        raise TaskInstanceNotFound("Selected task execution is not current in this DAG run")
    if selection.tasks is None:
        return found
    tasks = {*selection.tasks}
    return [
        row
        for row in found
        if (row["task_id"], None) in tasks or (row["task_id"], row["map_index"]) in tasks
    ]


def _of_runs(
    db: sqlite3.Connection, namespace: Namespace, selection: Selection
) -> tuple[str, dict[str, Any]]:
    """The condition of the dag runs in SQL, which begins with AND unless it is empty, and its
    parameters.
    """
    start = to_text(selection.start) if selection.start else None
    end = to_text(selection.end) if selection.end else None
    if selection.run_id is not None:
        start = end = _logical_date(db, namespace, selection)
        if not selection.past and not selection.future:
            return " AND r.run_id = :run_id", {"run_id": selection.run_id}
    where = ""
    if start is not None and not selection.past:
        where += " AND r.logical_date >= :start"
    if end is not None and not selection.future:
        where += " AND r.logical_date <= :end"
    return where, {"start": start, "end": end}


def _logical_date(db: sqlite3.Connection, namespace: Namespace, selection: Selection) -> str | None:
    sql = "SELECT logical_date FROM dag_runs WHERE ns = ? AND dag_id = ? AND run_id = ?"
    run_id = str(selection.run_id)
    row = db.execute(sql, (namespace.ns, selection.dag_id, run_id)).fetchone()
    if row is None:
        raise DagRunNotFound.to_clear(selection.dag_id, run_id)
    date: str | None = row[0]
    if date is None and (selection.past or selection.future):
        raise NoLogicalDate
    return date


def _clear_one(
    db: sqlite3.Connection,
    namespace: Namespace,
    selection: Selection,
    row: dict[str, Any],
    keeps_state: bool,
) -> str:
    """Clear one task instance; returns the id that Airflow tells of it."""
    scope_id = row["scope_id"]
    state = "restarting" if row["state"] in _RUNNING else None
    note = f"{row['state'] or 'none'} → {state or 'none'}: cleared"
    event = Event("state", API_WRITER, scope_id, status=200, note=note, state=state)
    seq = namespace.journal.write(db, event)
    ti_id = str(row["id"])
    if state is not None:
        update_attempt(db, row["ti_pk"], {"state": state})
    elif row["state"] in _NEVER_RAN:
        update_attempt(db, row["ti_pk"], _waiting(row, row["try_number"] - 1))
    else:
        former = {name: row[name] for name in NEW_ATTEMPT}
        waiting = _waiting(row, row["try_number"])
        next_id = put_next(db, namespace, scope_id, {**former, **waiting, "trigger": None}, seq)
        if not selection.is_whole(row):
            ti_id = next_id
    if not keeps_state:
        remove_with_effects(db, namespace, API_WRITER, seq, "e.scope_id = ?", (scope_id,))
    return ti_id


def _waiting(row: Mapping[str, Any], ran: int) -> dict[str, Any]:
    """The columns of an attempt that waits to be queued.

    :param ran: the number of the last attempt that ran.
    """
    max_tries = max(row["max_tries"], ran)
    return {"state": None, "next_method": None, "next_kwargs": None, "max_tries": max_tries}


def _queue_run(db: sqlite3.Connection, namespace: Namespace, run_pk: int) -> None:
    now = to_text(namespace.clock.now())
    db.execute(
        "UPDATE dag_runs SET clear_number = clear_number + 1, queued_at = ? WHERE run_pk = ?",
        (now, run_pk),
    )
    run = row_as_dict(db, "SELECT state FROM dag_runs WHERE run_pk = ?", (run_pk,))
    if run["state"] in _FINISHED_RUN:
        db.execute(
            """UPDATE dag_runs SET state = 'queued', start_date = NULL, end_date = NULL
            WHERE run_pk = ?""",
            (run_pk,),
        )
