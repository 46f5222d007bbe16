"""What tasks and people ask of task instances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...errors import DagNotFound, TaskGroupNotFound, TaskInstanceNotFound
from ...model.clock import to_text
from ...model.scopes import FINISHED
from ..database.sql import in_range, row_as_dict, rows
from ..namespace import Namespace
from ..tables import dags
from ..tables.scopes import PUBLIC_INDEX
from .dag_runs import OF_ATTEMPT, json_list, seconds, wire

OPERATOR = "EmptyOperator"  # that of a task whose class is not known here
_FROM = """FROM task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE t.ns = :ns AND t.superseded_at IS NULL AND r.dag_id = :dag_id"""
_INDEX = PUBLIC_INDEX.format(s="s")
_LISTS = {
    "s.task_id": "task_ids",
    "r.logical_date": "logical_dates",
    "r.run_id": "run_ids",
}
Filters = Mapping[str, Any]


def count(namespace: Namespace, filters: Filters) -> int:
    """The number of the task instances of a Dag.

    :param filters: ``dag_id``, and as far as given ``map_index``, ``task_ids``, ``task_group_id``,
        ``logical_dates``, ``run_ids`` and ``states``, of which ``null`` is no state.
    :raises DagNotFound: if a task group is asked for, and the Dag has no version.
    :raises TaskGroupNotFound: if the Dag has no such task group.
    """
    where, parameters = _conditions(namespace, filters)
    if filters.get("task_group_id"):
        where += f" AND s.task_id {_IN.format('group_tasks')}"
        parameters["group_tasks"] = json_list(_group_tasks(namespace, filters))
    if filters.get("states"):
        where += f" AND coalesce(t.state, 'null') {_IN.format('states')}"
        parameters["states"] = json_list(filters["states"])
    with namespace.database.reading() as db:
        row = db.execute(f"SELECT count(*) {_FROM}{where}", parameters).fetchone()
    return int(row[0])


_IN = "IN (SELECT value FROM json_each(:{}))"


def _conditions(namespace: Namespace, filters: Filters) -> tuple[str, dict[str, Any]]:
    where = ""
    parameters = {"ns": namespace.ns, "dag_id": filters["dag_id"]}
    if filters.get("map_index") is not None:
        where += f" AND {_INDEX} = :map_index"
        parameters["map_index"] = in_range("map_index", filters["map_index"])
    for column, name in _LISTS.items():
        if filters.get(name):
            where += f" AND {column} {_IN.format(name)}"
            parameters[name] = json_list(filters[name])
    return where, parameters


def _group_tasks(namespace: Namespace, filters: Filters) -> list[str]:
    """The tasks of a task group, whose ids begin with its name and a dot."""
    dag_id = filters["dag_id"]
    group = filters["task_group_id"]
    with namespace.database.reading() as db:
        tasks = dags.tasks_of(db, namespace.ns, dag_id)
    if tasks is None:
        raise DagNotFound.without_version(dag_id)
    task_ids = [task["task_id"] for task in tasks if task["task_id"].startswith(f"{group}.")]
    if not task_ids:
        raise TaskGroupNotFound(dag_id, group)
    return task_ids


def states(namespace: Namespace, filters: Filters) -> dict[str, dict[str, str | None]]:
    """The states of the task instances of a Dag, by run and by task; that of a mapped one is under
    its task and its map index, such as ``load_3``.

    :param filters: as for :func:`count`, without ``states``; of ``task_ids`` and ``task_group_id``
        either is enough.
    """
    where, parameters = _conditions(namespace, filters)
    if filters.get("task_group_id"):
        group_tasks = _group_tasks(namespace, filters)
        task_ids = [*(filters.get("task_ids") or ()), *group_tasks]
        where, parameters = _conditions(namespace, {**filters, "task_ids": task_ids})
    with namespace.database.reading() as db:
        sql = f"""SELECT r.run_id, s.task_id, {_INDEX}, t.state {_FROM}{where}
            ORDER BY t.ti_pk"""
        found = db.execute(sql, parameters).fetchall()
    by_run: dict[str, dict[str, str | None]] = {}
    for run_id, task_id, map_index, state in found:
        name = task_id if map_index < 0 else f"{task_id}_{map_index}"
        by_run.setdefault(run_id, {})[name] = state
    return by_run


_DATES = ("logical_date", "start_date", "end_date")


def previous(
    namespace: Namespace,
    dag_id: str,
    task_id: str,
    map_index: int,
    logical_date: datetime | None = None,
    state: str | None = None,
) -> dict[str, Any] | None:
    """The last task instance of a task before a logical date; None if there is none.

    :param logical_date: None for the last of all.
    :param state: leave out those of other states.
    """
    parameters = {
        "ns": namespace.ns,
        "dag_id": dag_id,
        "task_id": task_id,
        "map_index": in_range("map_index", map_index),
    }
    where = f"s.task_id = :task_id AND {_INDEX} = :map_index"
    if logical_date is not None:
        where += " AND r.logical_date < :logical_date"
        parameters["logical_date"] = to_text(logical_date)
    if state is not None:
        where += " AND t.state = :state"
        parameters["state"] = state
    with namespace.database.reading() as db:
        row = row_as_dict(
            db,
            f"""SELECT s.task_id, r.dag_id, r.run_id, r.logical_date, t.start_date, t.end_date,
                t.state, t.try_number, {_INDEX} AS map_index, t.never_ran
            {_FROM} AND {where} ORDER BY r.logical_date DESC, t.ti_pk LIMIT 1""",
            parameters,
        )
    if not row:
        return None
    row["duration"] = duration(row)
    del row["never_ran"]
    return {**row, **{name: wire(row[name]) for name in _DATES}}


def duration(row: Mapping[str, Any]) -> float | None:
    """The seconds that an attempt ran; None while it runs, or if another task skipped it."""
    span = seconds(row)
    if span is None or row["never_ran"]:
        return None
    return round(span, 3)  # unlike that of a run


def breadcrumbs(namespace: Namespace, dag_id: str, run_id: str) -> list[dict[str, Any]]:
    """The task instances of a run that have ended, by task and map index."""
    parameters = {"ns": namespace.ns, "dag_id": dag_id, "run_id": run_id}
    with namespace.database.reading() as db:
        found = rows(
            db,
            f"""SELECT s.task_id, {_INDEX} AS map_index, t.state, t.start_date, t.end_date,
                t.never_ran
            {_FROM} AND r.run_id = :run_id AND t.state IN {FINISHED}
            ORDER BY s.task_id, s.map_index""",
            parameters,
        )
    return [
        {
            "task_id": row["task_id"],
            "map_index": row["map_index"],
            "state": row["state"],
            "operator": OPERATOR,
            "duration": duration(row),
        }
        for row in found
    ]


def inactive_assets(namespace: Namespace, ti_id: str) -> list[dict[str, str]]:
    """The inlets and outlets of a task instance's task that are not active assets.

    :raises TaskInstanceNotFound: if there is no current attempt of this id.
    """
    with namespace.database.snapshot() as db:
        row = row_as_dict(
            db,
            f"SELECT r.dag_id, s.task_id {OF_ATTEMPT}",
            (namespace.ns, ti_id),
        )
        if not row:
            raise TaskInstanceNotFound("Task Instance not found")
        tasks = dags.tasks_of(db, namespace.ns, row["dag_id"]) or []
        named = {
            (asset["name"], asset["uri"]): None
            for task in tasks
            if task["task_id"] == row["task_id"]
            for asset in (*task.get("inlets", ()), *task.get("outlets", ()))
        }
        sql = "SELECT 1 FROM assets WHERE ns = ? AND active AND name = ? AND uri = ?"
        inactive = [key for key in named if not db.execute(sql, (namespace.ns, *key)).fetchone()]
    return [{"name": name, "uri": uri, "type": "Asset"} for name, uri in inactive]
