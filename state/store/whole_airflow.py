"""What a whole Airflow has, taken over: its task instances and assets, their states, deletions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..model.clock import from_text, to_text
from ..model.scopes import CONTROL, AssetStateStoreWriterKind, TaskScope, Writer
from .database.sql import row_as_dict
from .journal.journal import Event
from .journal.scope_ids import task_parameters
from .namespace import Namespace
from .tables import assets, entries, scopes
from .tables.dag_runs import put_run
from .tables.scopes import put_scope
from .tables.task_instances import put_attempt, rename_next_attempt

_MOMENTS = ("logical_date", "run_after", "data_interval_start", "data_interval_end", "start_date")
_OF_RUN = (*_MOMENTS, "run_type")
_OF_ATTEMPT = ("id", "state", "try_number", "max_tries", "hostname", "unixname", "pid")
_OF_RUNS = """SELECT scope_id FROM scopes JOIN dag_runs r USING (run_pk)
    WHERE r.ns = :ns AND r.dag_id = :dag_id AND (:run_id IS NULL OR r.run_id = :run_id)"""
_BY_PEOPLE = Writer(AssetStateStoreWriterKind.API, api="core")


def put_task_instance(namespace: Namespace, row: dict[str, Any], run: dict[str, Any]) -> None:
    """Create or update an attempt with its run, as an Airflow has them.

    :param row: of the Core API's list of task instances; its ``state`` is the attempt's.
    :param run: further members of the run, as in the Core API.
    """
    with namespace.database.transaction() as db:
        _put(db, namespace, row, run)


def _put(
    db: sqlite3.Connection, namespace: Namespace, row: dict[str, Any], run: dict[str, Any]
) -> int:
    """Like :func:`put_task_instance`, inside the caller's transaction; returns the scope's row."""
    names = {"dag_id": row["dag_id"], "run_id": row["dag_run_id"]}
    of_run = {"logical_date": row.get("logical_date"), "run_after": row.get("run_after"), **run}
    known = {name: of_run[name] for name in _OF_RUN if of_run.get(name) is not None}
    moments = {name: to_text(from_text(known[name])) for name in _MOMENTS if name in known}
    run_pk = put_run(db, namespace, {**known, **moments, **names})
    scope_id = put_scope(db, run_pk, _scope(row))
    attempt = {name: row[name] for name in _OF_ATTEMPT if row.get(name) is not None}
    attempt["state"] = row["state"]
    is_new = not (
        rename_next_attempt(db, namespace, scope_id, row["id"])
        or _state_of(db, namespace, row["id"])
    )
    number = put_attempt(db, namespace, scope_id, attempt)
    if is_new:
        writer = replace(CONTROL, ti_id=row["id"])
        note = f"attempt {number}, as the Airflow behind this service has it"
        namespace.journal.write(db, Event("create", writer, scope_id, status=201, note=note))
    return scope_id


def queue(namespace: Namespace, ti_id: str, process: tuple[str, str, int]) -> None:
    """Let an attempt be started once more that an Airflow has started, unless this process runs it
    already.

    :param process: host, user and process id.
    """
    with namespace.database.transaction() as db:
        db.execute(
            """UPDATE task_instances SET state = 'queued' WHERE ns = ? AND id = ?
            AND superseded_at IS NULL AND NOT (ifnull(state, '') = 'running'
                AND hostname = ? AND unixname IS ? AND pid IS ?)""",
            (namespace.ns, ti_id, *process),
        )


def follow(
    namespace: Namespace,
    rows: Iterable[dict[str, Any]],
    clear_on_success: bool = False,
    discards: bool = False,
) -> None:
    """Take over the states of task instances that people have changed in an Airflow; those that are
    not known here are left out.

    :param rows: of the Core API's list of task instances.
    :param clear_on_success: delete the keys of those whose new state is ``success``.
    :param discards: delete the keys of all.
    """
    for row in rows:
        with namespace.database.transaction() as db:
            clears = clear_on_success and row["state"] == "success"
            _follow(db, namespace, row, clears, discards)


def _follow(
    db: sqlite3.Connection,
    namespace: Namespace,
    row: dict[str, Any],
    clears: bool,
    discards: bool,
) -> None:
    """Take over one task instance.

    :param clears: delete its keys if its state is new.
    :param discards: delete its keys in any case.
    """
    known = row_as_dict(
        db,
        f"""SELECT scope_id, id, state FROM task_instances
            WHERE superseded_at IS NULL AND scope_id = ({scopes.TASK})""",
        task_parameters(namespace.ns, _scope(row)),
    )
    is_same = bool(known) and (known["id"], known["state"]) == (row["id"], row["state"])
    if not known or (is_same and not discards):
        return
    scope_id = _put(db, namespace, row, {})
    what = f"{known['state']} → {row['state']}"
    if is_same:
        what = "cleared"
    note = f"{what}, by the Core API of the Airflow"
    event = Event("state", _BY_PEOPLE, scope_id, status=200, note=note, state=row["state"])
    seq = namespace.journal.write(db, event)
    if clears or discards:
        where = "e.scope_id = ?"
        entries.remove_with_effects(db, namespace, _BY_PEOPLE, seq, where, (scope_id,))


def _scope(row: dict[str, Any]) -> TaskScope:
    return TaskScope(row["dag_id"], row["dag_run_id"], row["task_id"], row["map_index"])


def _state_of(db: sqlite3.Connection, namespace: Namespace, ti_id: str) -> Any:
    sql = "SELECT 1 FROM task_instances WHERE ns = ? AND id = ?"
    return db.execute(sql, (namespace.ns, ti_id)).fetchone()


def put_asset(namespace: Namespace, asset: dict[str, Any]) -> None:
    """Create or update an active asset, with the id that an Airflow has for it.

    :param asset: a row of the Core API's list of assets.
    """
    members = {name: asset[name] for name in ("id", "name", "uri")}
    with namespace.database.transaction() as db:
        assets.deactivate_others(db, namespace, members)
        assets.put_asset(db, namespace, {**members, "active": True}, "")


def delete_runs(namespace: Namespace, dag_id: str, run_id: str | None = None) -> None:
    """Delete a dag run, or all runs of a Dag, with the keys of their task instances."""
    parameters = {"ns": namespace.ns, "dag_id": dag_id, "run_id": run_id}
    what = "all dag runs were deleted" if run_id is None else f"dag run {run_id} was deleted"

    def act(db: sqlite3.Connection) -> None:
        scopes.remember(db, namespace.ns)
        first = db.execute(f"{_OF_RUNS} LIMIT 1", parameters).fetchone()
        if first is None:
            return
        event = Event("clear", _BY_PEOPLE, first[0], None, 204, note=f"{dag_id}: {what}")
        seq = namespace.journal.write(db, event)
        where = f"e.scope_id IN ({_OF_RUNS})"
        entries.remove_with_effects(db, namespace, _BY_PEOPLE, seq, where, parameters)
        db.execute(
            """DELETE FROM dag_runs WHERE ns = :ns AND dag_id = :dag_id
            AND (:run_id IS NULL OR run_id = :run_id)""",
            parameters,
        )

    namespace.database.free(act)
