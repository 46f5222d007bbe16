"""A task instance with all its facts, as the Core API sends it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from ...errors import DagRunNotFound, MissingDag, TaskInstanceNotFound, TaskNotFound
from ...model import values
from ...model.scopes import TaskScope, coordinates
from ..database.sql import in_range, rows
from ..namespace import Namespace
from ..tables import dags
from ..tables.scopes import PUBLIC_INDEX
from .dag_runs import wire
from .dags import BUNDLE
from .task_instances import OPERATOR, duration

# what a bench has no say in, with Airflow's defaults
_CONSTANTS: dict[str, Any] = {
    "pool": "default_pool",
    "pool_slots": 1,
    "queue": "default",
    "priority_weight": 1,
    "operator": OPERATOR,
    "operator_name": OPERATOR,
    "queued_when": None,
    "scheduled_when": None,
    "executor": None,
    "executor_config": "None",
    "note": None,
    "triggerer_job": None,
}
_EVERY = f"""SELECT t.id, s.task_id, r.dag_id, r.run_id AS dag_run_id,
    {PUBLIC_INDEX.format(s="s")} AS map_index, s.region AS region_id, s.map_index AS region_index,
    r.logical_date,
    r.run_after, t.start_date, t.end_date, t.state, t.try_number, t.max_tries, t.hostname,
    t.unixname, t.pid, t.rendered_map_index, t.trigger, t.never_ran, f.fields
    FROM task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    LEFT JOIN rendered_fields f USING (scope_id)
    WHERE t.ns = :ns"""
SELECT = f"{_EVERY} AND t.superseded_at IS NULL"
_TASK = """r.dag_id = :dag_id AND r.run_id = :run_id AND s.task_id = :task_id
    AND s.region = :region"""


def unmapped(namespace: Namespace, scope: TaskScope) -> dict[str, Any]:
    """The task instance of a task that is not mapped.

    :param scope: its map index counts only in a region.
    :raises TaskInstanceNotFound: if there is none, or if the task is mapped.
    """
    own = _TASK
    if scope.region:
        own += " AND s.map_index = :map_index"
    with namespace.database.snapshot() as db:
        found = rows(db, f"{SELECT} AND {own} ORDER BY t.ti_pk LIMIT 1", _named(namespace, scope))
        documents = _documents(db, namespace, found)
    if not documents:
        raise TaskInstanceNotFound.in_core(scope.dag_id, scope.run_id, scope.task_id)
    if documents[0]["map_index"] != -1:
        raise TaskInstanceNotFound("Task instance is mapped, add the map_index value to the URL")
    return documents[0]


def _named(namespace: Namespace, scope: TaskScope) -> dict[str, Any]:
    in_range("map_index", scope.map_index)
    return {"ns": namespace.ns, "region": scope.region, **coordinates(scope)}


def mapped(namespace: Namespace, scope: TaskScope, map_index: int) -> dict[str, Any]:
    """A task instance by its map index.

    :param map_index: as it was given, for the message.
    :raises TaskInstanceNotFound: if there is none.
    :raises OutOfRange: for a map index that no row can hold.
    """
    parameters = _named(namespace, scope)
    with namespace.database.snapshot() as db:
        found = rows(db, f"{SELECT} AND {_TASK} AND s.map_index = :map_index", parameters)
        documents = _documents(db, namespace, found)
    if not documents:
        place = (scope.dag_id, scope.run_id, scope.task_id)
        raise TaskInstanceNotFound.in_core(*place, map_index)
    return documents[0]


def by_ids(namespace: Namespace, ids: Collection[str]) -> list[dict[str, Any]]:
    """Task instances by the ids of their attempts, also of former ones, in the order of the ids."""
    sql = f"{_EVERY} AND t.id IN (SELECT value FROM json_each(:ids)) ORDER BY t.id"
    with namespace.database.snapshot() as db:
        found = rows(db, sql, {"ns": namespace.ns, "ids": values.dumps([*ids])})
        return _documents(db, namespace, found)


def require(namespace: Namespace, place: Mapping[str, str]) -> None:
    """Refuse a list of what does not exist, as Airflow does for each of its routes.

    :param place: as for :func:`page`.
    :raises MissingDag: if a run is given and no Dag.
    :raises DagNotFound: if the Dag is unknown, or described without tasks.
    :raises DagRunNotFound: if there is no such run.
    :raises TaskNotFound: if there are no mapped ones, and the task is not known to be mapped.
    """
    own, given = _own(place)
    dag_id = given.get("dag_id")
    run_id = given.get("run_id")
    task_id = given.get("task_id")
    ns = namespace.ns
    with namespace.database.snapshot() as db:
        if task_id is not None:
            if db.execute(f"{SELECT}{own} LIMIT 1", {"ns": ns, **given}).fetchone():
                return
            dags.require_version(db, ns, str(dag_id))
            raise TaskNotFound(task_id, is_known=_is_known(db, ns, given))
        if run_id is not None:
            if dag_id is None:
                raise MissingDag()
            sql = "SELECT 1 FROM dag_runs WHERE ns = ? AND dag_id = ? AND run_id = ?"
            if not db.execute(sql, (ns, dag_id, run_id)).fetchone():
                raise DagRunNotFound.in_core(dag_id, run_id, article="")
        if dag_id is not None:
            dags.require_version(db, ns, dag_id)


def page(
    namespace: Namespace,
    place: Mapping[str, str],
    where: tuple[str, dict[str, Any]],
    order: str,
    limit: int,
    offset: int,
) -> tuple[list[dict[str, Any]], int]:
    """A page of task instances, and the total.

    :param place: ``dag_id`` and ``run_id``, of which ``~`` is any; with ``task_id``, the
        mapped ones of a task.
    :param where: further conditions in SQL, each with AND before it, and their parameters.
    :param order: the terms of an ORDER BY clause.
    """
    condition, parameters = where
    own, given = _own(place)
    parameters = {"ns": namespace.ns, **parameters, **given}
    bounds = {"limit": limit, "offset": in_range("offset", offset)}
    with namespace.database.snapshot() as db:
        sql = f"{SELECT}{own}{condition}"
        (total,) = db.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchone()
        sql += f" ORDER BY {order} LIMIT :limit OFFSET :offset"
        found = rows(db, sql, {**parameters, **bounds})
        return _documents(db, namespace, found), total


_COLUMNS = {"dag_id": "r.dag_id", "run_id": "r.run_id", "task_id": "s.task_id"}


def _own(place: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The condition of the coordinates that are given, and these."""
    given = {name: value for name, value in place.items() if value != "~"}
    own = "".join(f" AND {_COLUMNS[name]} = :{name}" for name in given)
    if "task_id" in given:
        own += f" AND {PUBLIC_INDEX.format(s='s')} >= 0"
    return own, given


def _is_known(db: sqlite3.Connection, ns: int, given: Mapping[str, str]) -> bool:
    """Whether a Dag has a task, by its description or by its task instances."""
    tasks = dags.tasks_of(db, ns, given["dag_id"]) or []
    if given["task_id"] in [task["task_id"] for task in tasks]:
        return True
    sql = f"{SELECT} AND r.dag_id = :dag_id AND s.task_id = :task_id LIMIT 1"
    return db.execute(sql, {"ns": ns, **given}).fetchone() is not None


def tries(namespace: Namespace, scope: TaskScope, map_index: int) -> list[dict[str, Any]]:
    """The attempts of a task instance, former ones first; one that is up for a retry is told as the
    former attempt that failed, unless it has the next number.

    :param map_index: as it was given, for the message.
    :raises TaskInstanceNotFound: if there is none.
    """
    former, current = _attempts(namespace, scope)
    if not namespace.rules.counts_retries:
        current = [attempt for attempt in current if attempt["state"] != "up_for_retry"]
    if not former and not current:
        place = (scope.dag_id, scope.run_id, scope.task_id)
        raise TaskInstanceNotFound.tried(*place, map_index)
    return former + current


def one_try(namespace: Namespace, scope: TaskScope, map_index: int, number: int) -> dict[str, Any]:
    """An attempt of a task instance by its try number, the current one before a former one.

    :param map_index: as it was given, for the message.
    :raises TaskInstanceNotFound: if there is none.
    """
    former, current = _attempts(namespace, scope)
    for attempt in current + former:
        if attempt["try_number"] == number:
            return attempt
    place = (scope.dag_id, scope.run_id, scope.task_id)
    raise TaskInstanceNotFound.tried(*place, map_index, number)


def _attempts(
    namespace: Namespace, scope: TaskScope
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The former attempts of a task instance, and the current one, if there is one."""
    parameters = _named(namespace, scope)
    own = f"{_TASK} AND s.map_index = :map_index ORDER BY t.ti_pk"
    with namespace.database.snapshot() as db:
        former = rows(db, f"{_EVERY} AND t.superseded_at IS NOT NULL AND {own}", parameters)
        current = rows(db, f"{SELECT} AND {own}", parameters)
        former_documents = _documents(db, namespace, former)
        current_documents = _documents(db, namespace, current)
    for document in former_documents:
        if not namespace.rules.keeps_attempts:
            document["operator_name"] = None  # as in Airflow's history
        if document["state"] == "up_for_retry":
            document["state"] = "failed"
    return _tried(namespace, former_documents), _tried(namespace, current_documents)


def _tried(namespace: Namespace, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Task instances as the lists of tries have them: without live facts."""
    rules = namespace.rules
    left_out = {*_NOT_IN_HISTORY, *rules.task_members}
    if not rules.keeps_attempts:
        left_out |= {"id", "note"}
    return [
        {
            **{name: value for name, value in document.items() if name not in left_out},
            **rules.try_members,
        }
        for document in documents
    ]


_NOT_IN_HISTORY = (
    *("logical_date", "run_after", "rendered_map_index", "rendered_fields", "trigger"),
    "triggerer_job",
)


def _documents(
    db: sqlite3.Connection, namespace: Namespace, found: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    dag_ids = {row["dag_id"] for row in found}
    versions = {dag_id: version(db, namespace.ns, dag_id) for dag_id in dag_ids}
    members = namespace.rules.task_members
    documents = [{**_document(row, versions[row["dag_id"]]), **members} for row in found]
    if namespace.rules.clears_task_instances:
        for document in documents:
            if document["state"] is None and document["try_number"] > 1:
                document["executor_config"] = "{}"  # read anew from the task when it was cleared
    return documents


def _document(row: dict[str, Any], dag_version: Mapping[str, Any] | None) -> dict[str, Any]:
    rendered_map_index = row["rendered_map_index"]
    if rendered_map_index is None and row["map_index"] >= 0:
        rendered_map_index = str(row["map_index"])
    document = {
        **row,
        **_CONSTANTS,
        **{name: wire(row[name]) for name in _MOMENTS},
        "duration": duration(row),
        "task_display_name": row["task_id"],
        "dag_display_name": row["dag_id"],
        "rendered_map_index": rendered_map_index,
        "rendered_fields": values.loads(row["fields"] or "{}"),
        "trigger": _trigger(row["trigger"]),
        "dag_version": dag_version,
    }
    for name in ("fields", "never_ran"):
        del document[name]
    if not row["region_id"]:
        del document["region_id"], document["region_index"]
    return document


_MOMENTS = ("logical_date", "run_after", "start_date", "end_date")


def _trigger(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    trigger = values.loads(text)
    return {
        "id": trigger["id"],
        "classpath": trigger["classpath"],
        "kwargs": "{}",  # which Airflow does not tell either
        "created_date": wire(trigger["created_date"]),
        "queue": trigger["queue"],
        "triggerer_id": None,
    }


def version(db: sqlite3.Connection, ns: int, dag_id: str) -> dict[str, Any] | None:
    """The version of a Dag; None for one that is not described with its tasks."""
    if dags.tasks_of(db, ns, dag_id) is None:
        return None
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"version 1 of the Dag {dag_id}")),
        "version_number": 1,
        "dag_id": dag_id,
        "bundle_name": BUNDLE,
        "bundle_version": None,
        "created_at": wire(dags.VERSION_DATE),
        "dag_display_name": dag_id,
        "bundle_url": None,
    }
