"""The table of task instances: the current attempt of each scope, and superseded ones."""

from __future__ import annotations

import logging
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ...errors import (
    BadDocument,
    BadOutletEvent,
    InvalidStart,
    InvalidStop,
    InvalidTransition,
    NotDeferred,
    NotRunning,
    RestartingElsewhere,
    RunningElsewhere,
    StoppedElsewhere,
    TaskInstanceArchived,
    TaskInstanceNotFound,
)
from ...model import values
from ...model.clock import to_text
from ...model.scopes import CONTROL, FINISHED, TaskScope, Writer, coordinates, scope_document
from ..database.sql import in_range, row_as_dict, upsert
from ..journal.journal import Event
from ..journal.scope_ids import scope_id_of
from ..namespace import Namespace
from . import asset_events
from .asset_events import Changes, Outlets
from .dag_runs import put_run
from .entries import count_to_remove, remove_with_effects
from .scopes import CURRENT, put_scope
from .task_reschedules import put_reschedule
from .xcoms import NewXCom, leave_xcoms, put_xcom

log = logging.getLogger("stateroom")


# the columns beside the attempt's identity, each with its value for a new attempt
NEW_ATTEMPT: dict[str, Any] = {
    "try_number": 1,
    "max_tries": 0,
    "state": None,
    "hostname": "",
    "unixname": None,
    "pid": None,
    "start_date": None,
    "end_date": None,
    "heartbeat_at": None,
    "next_method": None,
    "next_kwargs": None,
    "rendered_map_index": None,
    "trigger": None,
    "never_ran": 0,
}
_NEW_TRIGGER: dict[str, Any] = {"kwargs": {}, "queue": None, "timeout": None}
# what a former attempt has besides
_FORMER = ("superseded_at", "retry_delay")
_COLUMNS = ", ".join(NEW_ATTEMPT)
_PUT = upsert(
    "task_instances", ("ns", "id"), ("scope_id", *NEW_ATTEMPT), also="superseded_at = NULL"
)
_PUT_FORMER = upsert("task_instances", ("ns", "id"), ("scope_id", *NEW_ATTEMPT, *_FORMER))


def new_id() -> str:
    """A UUID of version 7, as Airflow's: it begins with the time, so new rows are neighbours in the
    index.
    """
    stamp = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=stamp << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & ((1 << 62) - 1)))


def put_attempt(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, attempt: dict[str, Any]
) -> int:
    """Create or update an attempt; members that are not given keep their values. A new id is the
    scope's next attempt.

    The attempt before it is superseded: its id is not valid any more. The keys, which are the
    scope's, stay.

    :returns: the try number.
    :raises BadDocument: if the id is another scope's.
    :raises OutOfRange: if the last attempt has the highest possible number.
    """
    stored = _stored(db, namespace, scope_id, attempt["id"])
    following = row_as_dict(
        db,
        """SELECT coalesce(max(try_number), 0) + 1 AS try_number,
            coalesce(max(max_tries), 0) AS max_tries
        FROM task_instances WHERE scope_id = ?""",
        (scope_id,),
    )
    now = to_text(namespace.clock.now())
    db.execute(
        """UPDATE task_instances SET superseded_at = ? WHERE scope_id = ? AND superseded_at IS NULL
            AND id <> ?""",
        (now, scope_id, attempt["id"]),
    )
    row = {
        **NEW_ATTEMPT,
        **following,
        **stored,
        **_as_stored(db, namespace, attempt),
        "ns": namespace.ns,
        "scope_id": scope_id,
    }
    in_range("try_number", row["try_number"])
    db.execute(_PUT, row)
    return int(row["try_number"])


def rename_next_attempt(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, ti_id: str
) -> bool:
    """Give the attempt that a retry has made the id that an Airflow has for it; False if there is
    none, or if the id is another attempt's.
    """
    renamed = db.execute(
        """UPDATE task_instances SET id = :id WHERE scope_id = :scope_id
        AND superseded_at IS NULL AND state = 'up_for_retry' AND id <> :id
        AND NOT EXISTS (SELECT 1 FROM task_instances WHERE ns = :ns AND id = :id)""",
        {"id": ti_id, "scope_id": scope_id, "ns": namespace.ns},
    )
    return bool(renamed.rowcount)


def put_former_attempt(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, attempt: dict[str, Any]
) -> None:
    """Create or update an attempt that is superseded; members that are not given keep their values.

    :raises BadDocument: if the id is another scope's.
    """
    row = {
        **NEW_ATTEMPT,
        **dict.fromkeys(_FORMER),
        **_stored(db, namespace, scope_id, attempt["id"]),
        **_as_stored(db, namespace, attempt),
        "ns": namespace.ns,
        "scope_id": scope_id,
    }
    db.execute(_PUT_FORMER, row)


def _stored(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, ti_id: str
) -> dict[str, Any]:
    """The columns of an attempt, if there is one of this id.

    :raises BadDocument: if the id is another scope's.
    """
    stored = row_as_dict(
        db,
        f"""SELECT scope_id, {_COLUMNS}, {", ".join(_FORMER)} FROM task_instances
            WHERE ns = ? AND id = ?""",
        (namespace.ns, ti_id),
    )
    if stored.get("scope_id", scope_id) != scope_id:
        raise BadDocument("id", f"the id {ti_id} belongs to another task instance")
    return stored


def _as_stored(
    db: sqlite3.Connection, namespace: Namespace, attempt: dict[str, Any]
) -> dict[str, Any]:
    """An attempt with its JSON members as they are stored."""
    if attempt.get("next_kwargs") is not None:
        attempt = {**attempt, "next_kwargs": values.dumps(attempt["next_kwargs"])}
    if attempt.get("trigger") is not None:
        now = to_text(namespace.clock.now())
        trigger = {**_NEW_TRIGGER, "created_date": now, **attempt["trigger"]}
        attempt = {**attempt, "trigger": _numbered(db, namespace, values.dumps(trigger))}
    return attempt


def check_former_attempt(db: sqlite3.Connection, namespace: Namespace, ti_id: str) -> None:
    """Check that an attempt is superseded, by one that there is.

    :raises BadDocument: if it is the current one, or if its task instance has none.
    """
    superseded_at, scope_id = db.execute(
        "SELECT superseded_at, scope_id FROM task_instances WHERE ns = ? AND id = ?",
        (namespace.ns, ti_id),
    ).fetchone()
    if superseded_at is None:
        raise BadDocument("id", f"the id {ti_id} is that of the current attempt, too")
    sql = "SELECT 1 FROM task_instances WHERE scope_id = ? AND superseded_at IS NULL"
    if db.execute(sql, (scope_id,)).fetchone() is None:
        message = f"no attempt follows {ti_id}; add the current one to task_instances"
        raise BadDocument("id", message)


def may_retry(try_number: int, max_tries: int) -> bool:
    """Whether an attempt that fails has a next one, as Airflow's API tells its worker."""
    return max_tries != 0 and try_number <= max_tries


def create_task_instance(
    namespace: Namespace, scope: TaskScope, try_number: int | None = None
) -> dict[str, Any]:
    """Create a running attempt of a task instance, and its dag run if there is none.

    :returns: ``id`` (a UUID of version 7, as Airflow's), the coordinates and ``try_number``.
    :raises OutOfRange: if the last attempt has the highest possible number.
    """
    attempt: dict[str, Any] = {"id": new_id(), "state": "running"}
    if try_number:
        attempt["try_number"] = try_number
    with namespace.database.transaction() as db:
        run_pk = put_run(db, namespace, {"dag_id": scope.dag_id, "run_id": scope.run_id})
        scope_id = put_scope(db, run_pk, scope)
        pending = _pending(db, namespace, scope_id)
        ti_id = attempt["id"] = pending or attempt["id"]
        number = put_attempt(db, namespace, scope_id, attempt)
        writer = replace(CONTROL, ti_id=ti_id)
        event = Event("create", writer, scope_id, status=201, note=f"attempt {number}")
        seq = namespace.journal.write(db, event)
        if pending is None:
            leave_xcoms(db, namespace, scope_id, seq)
    return _attempt(ti_id, scope, number)


def _pending(db: sqlite3.Connection, namespace: Namespace, scope_id: int) -> str | None:
    """The id of an attempt that has its number and waits to be queued, if there is one."""
    if not namespace.rules.counts_retries:
        return None
    row = db.execute(
        """SELECT id FROM task_instances t WHERE scope_id = :scope AND superseded_at IS NULL
        AND (state = 'up_for_retry' OR state IS NULL AND EXISTS (SELECT 1 FROM task_instances f
            WHERE f.scope_id = :scope AND f.superseded_at IS NOT NULL))""",
        {"scope": scope_id},
    ).fetchone()
    return None if row is None else str(row[0])


def put_next(
    db: sqlite3.Connection,
    namespace: Namespace,
    scope_id: int,
    former: Mapping[str, Any],
    parent: int,
) -> str:
    """Put the next attempt of one that has ended, with its columns and an id of its own, which is
    returned.

    :param former: the columns of the attempt before.
    :param parent: the number of the event of which this is an effect.
    """
    attempt = {**former, "id": new_id()}
    if namespace.rules.counts_retries:
        attempt["try_number"] += 1
    put_attempt(db, namespace, scope_id, attempt)
    leave_xcoms(db, namespace, scope_id, parent)
    return str(attempt["id"])


def superseded(namespace: Namespace, ti_id: str) -> tuple[int, int] | None:
    """The try number of a superseded attempt, and that of the current one; None for any other."""
    with namespace.database.reading() as db:
        row: tuple[int, int] | None = db.execute(
            """SELECT former.try_number, current.try_number FROM task_instances former
            JOIN task_instances current USING (scope_id) WHERE former.ns = ? AND former.id = ?
            AND former.superseded_at IS NOT NULL AND current.superseded_at IS NULL""",
            (namespace.ns, ti_id),
        ).fetchone()
    return row


def current_task_instance(namespace: Namespace, scope: TaskScope) -> dict[str, Any]:
    """The current attempt of a task instance, as :meth:`create_task_instance` returns it.

    :raises TaskInstanceNotFound: if there is none.
    """
    with namespace.database.reading() as db:
        row = db.execute(
            """SELECT id, try_number FROM task_instances WHERE scope_id = ?
                AND superseded_at IS NULL""",
            (scope_id_of(db, namespace.ns, scope),),
        ).fetchone()
    if row is None:
        raise TaskInstanceNotFound.by_coordinates(**coordinates(scope))
    return _attempt(row[0], scope, row[1])


class Report(NamedTuple):
    """A task instance's new state, as its worker reports it.

    :param columns: further columns of the attempt, as they are stored.
    :param retry_delay: seconds until the next attempt.
    :param reschedule_date: when a sensor is to be run again, as text.
    :param outlets: what it says of its outlets; None if it says nothing.
    :param problem: why the report cannot be processed; the task instance has failed then, as in
        Airflow, and ``state`` is what was reported.
    """

    state: str
    columns: Mapping[str, Any] = {}
    retry_delay: float | None = None
    reschedule_date: str | None = None
    outlets: Outlets | None = None
    problem: str | None = None


def set_state(
    namespace: Namespace,
    ti_id: str,
    report: Report,
    clear_on_success: bool,
    writer: Writer = CONTROL,
    tells_archived: bool = False,
) -> bool:
    """Take a task instance's report of its new state; returns False if it had this state already.

    One that is up for retry gets a new id, as in Airflow: the old id is not valid any more, but the
    keys stay. One that has succeeded makes the events of its outlets.

    :param clear_on_success: delete its entries in the same transaction if the state is ``success``.
    :param tells_archived: whether the id of a former attempt is told from an unknown one.
    :raises TaskInstanceNotFound: if there is none of this id.
    :raises InvalidTransition: if it is not running.
    :raises InvalidPartitionKey: if an event of its outlets has an invalid partition key.
    """
    with namespace.database.transaction() as db:
        look_up = _current_or_archived if tells_archived else _current
        ti_pk, scope_id, old_state = look_up(db, namespace, ti_id, "ti_pk, scope_id, state")
        if old_state == report.state:
            return False
        if old_state != "running":
            raise InvalidTransition(old_state)
        changed_assets = Changes([], [])
        if report.outlets is not None:
            report, changed_assets = _with_outlets(db, namespace, scope_id, report, report.outlets)
        now = to_text(namespace.clock.now())
        state = report.state
        changes = {**report.columns, "retry_delay": report.retry_delay}
        note = f"{old_state} → {state}{_note_on(changed_assets)}"
        if report.problem is not None:
            state = "failed"
            changes = {"end_date": now}
            note = f"{old_state} → failed, because of a report that Airflow cannot process: "
            note += report.problem
            log.warning("task instance %s: %s", ti_id, note)
        if changes.get("trigger") is not None:
            changes["trigger"] = _numbered(db, namespace, changes["trigger"])
        update_attempt(db, ti_pk, {**changes, "state": state})
        asset_events.make(db, namespace, scope_id, changed_assets.events)
        if report.reschedule_date is not None:
            put_reschedule(db, ti_pk, now, report.columns["end_date"], report.reschedule_date)
        event = Event("state", writer, scope_id, status=204, note=note, state=state)
        seq = namespace.journal.write(db, event)
        if state == "up_for_retry":
            former = row_as_dict(
                db, f"SELECT {_COLUMNS} FROM task_instances WHERE ti_pk = ?", (ti_pk,)
            )
            put_next(db, namespace, scope_id, former, seq)
        if state == "success" and clear_on_success:
            count_to_remove(db, "e.scope_id = ?", (scope_id,))
            remove_with_effects(db, namespace, writer, seq, "e.scope_id = ?", (scope_id,))
    return True


def _with_outlets(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, report: Report, outlets: Outlets
) -> tuple[Report, Changes]:
    """A report with the problem of its outlets' events, if there is one, and what they change."""
    asset_events.check_partition_keys(outlets)
    (run_key,) = db.execute(
        "SELECT partition_key FROM dag_runs JOIN scopes USING (run_pk) WHERE scope_id = ?",
        (scope_id,),
    ).fetchone()
    try:
        return report, asset_events.changes(db, namespace, outlets, run_key)
    except BadOutletEvent as error:
        return report._replace(problem=str(error)), Changes([], [])


def _note_on(changes: Changes) -> str:
    """What the journal says of the events that a success makes, and of those that it does not."""
    note = ""
    if changes.events:
        names = ", ".join(repr(change.asset[0]) for change in changes.events)
        note += f", with an event of the asset {names}"
    if changes.inactive:
        note += f"; no event of {', '.join(changes.inactive)}, which is no active asset"
    return note


def _numbered(db: sqlite3.Connection, namespace: Namespace, trigger: str) -> str:
    """A trigger with the next id, both as JSON text."""
    sql = """SELECT coalesce(max(json_extract(trigger, '$.id')), 0) + 1 FROM task_instances
        WHERE ns = ? AND trigger IS NOT NULL"""
    (number,) = db.execute(sql, (namespace.ns,)).fetchone()
    return values.dumps({"id": number, **values.loads(trigger)})


def update_attempt(db: sqlite3.Connection, ti_pk: int, changes: Mapping[str, Any]) -> None:
    """Change columns of an attempt, inside the caller's transaction."""
    sets = ", ".join(f"{column} = :{column}" for column in changes)
    db.execute(
        f"UPDATE task_instances SET {sets} WHERE ti_pk = :ti_pk", {**changes, "ti_pk": ti_pk}
    )


class Worker(NamedTuple):
    """The process that runs a task instance.

    :param start_date: as text.
    """

    hostname: str
    unixname: str
    pid: int
    start_date: str


def start(namespace: Namespace, ti_id: str, worker: Worker, writer: Writer) -> str:
    """Let a task instance run; returns the state that it had.

    The same process may say so again, if it did not get the answer.

    :raises TaskInstanceNotFound: if there is none of this id.
    :raises InvalidStart: if it is neither queued nor restarting, or may not restart so.
    :raises OutOfRange: for a process id that no row can hold; Airflow answers 500.
    """
    with namespace.database.transaction() as db:
        columns = "ti_pk, scope_id, state, next_kwargs, hostname, unixname, pid"
        ti_pk, scope_id, previous_state, kwargs, *process = _current(db, namespace, ti_id, columns)
        is_same = tuple(process) == worker[:3]
        is_repeated = previous_state == "running" and is_same
        may_restart = namespace.rules.restarts
        if previous_state == "restarting" and not may_restart and not is_same:
            raise RestartingElsewhere(previous_state)
        startable = ("queued", "restarting") if may_restart else ("queued",)
        if not is_repeated and previous_state not in startable:
            raise InvalidStart(previous_state)
        in_range("pid", worker.pid)
        changes = {
            **worker._asdict(),
            "state": "running",
            "end_date": None,
            "heartbeat_at": to_text(namespace.clock.now()),
            "retry_delay": None,
            "never_ran": 0,
        }
        if kwargs not in (None, "{}"):  # it resumes, and started before
            del changes["start_date"]
        update_attempt(db, ti_pk, changes)
        if not is_repeated:
            note = f"{previous_state} → running, on {worker.hostname!r} as process {worker.pid}"
            event = Event("state", writer, scope_id, status=200, note=note, state="running")
            namespace.journal.write(db, event)
    return str(previous_state)


class Resumption(NamedTuple):
    """What came of the trigger for which a task instance waits.

    :param event: what the trigger yielded, if ``error`` and ``state`` are None.
    :param error: why the next run is to fail.
    :param traceback: the lines of what the trigger raised.
    :param state: in which the task instance ends without another run.
    :param xcoms: what it pushes then, by key.
    """

    event: Any = None
    error: str | None = None
    traceback: list[str] | None = None
    state: str | None = None
    xcoms: Mapping[str, Any] = {}


_FAIL = "__fail__"  # the next method of a run that is to fail, in the Task SDK


def resume(namespace: Namespace, ti_id: str, resumption: Resumption) -> str:
    """Queue a deferred task instance again, under its id, or end it; returns its new state.

    One that fails and may be retried gets a new id, as in Airflow, and pushes nothing.

    :raises TaskInstanceArchived: if the id is that of a former attempt.
    :raises TaskInstanceNotFound: if there is none of this id.
    :raises NotDeferred: if it waits for no trigger.
    """
    with namespace.database.transaction() as db:
        ti_pk, scope_id = current(db, namespace, ti_id)
        sql = f"SELECT {_COLUMNS} FROM task_instances WHERE ti_pk = ?"
        former = row_as_dict(db, sql, (ti_pk,))
        if former["state"] != "deferred":
            raise NotDeferred(former["state"])
        state, changes, note = _of_resumption(namespace, resumption, former)
        changes = {**changes, "state": state, "trigger": None}
        update_attempt(db, ti_pk, changes)
        writer = replace(CONTROL, ti_id=ti_id)
        note = f"deferred → {state}, {note}"
        event = Event("state", writer, scope_id, status=204, note=note, state=state)
        seq = namespace.journal.write(db, event)
        if state == "up_for_retry":
            put_next(db, namespace, scope_id, {**former, **changes}, seq)
        else:
            _push(db, namespace, scope_id, writer, resumption.xcoms, seq)
    return state


_ENDED: dict[str, Any] = {"next_method": None, "next_kwargs": None}
_WITH_WORKER = ("running", "queued", "restarting")


def time_out(namespace: Namespace, ti_id: str) -> str | None:
    """End an attempt whose worker is gone, as a scheduler does that misses its heartbeats; returns
    its state.

    It fails, or is up for retry under a new id. One that has no worker keeps its state, and so does
    a former attempt.

    :raises TaskInstanceNotFound: if no attempt, not even a former one, has this id.
    """
    with namespace.database.transaction() as db:
        sql = f"""SELECT ti_pk, scope_id, superseded_at, {_COLUMNS} FROM task_instances
            WHERE ns = ? AND id = ?"""
        row = row_as_dict(db, sql, (namespace.ns, ti_id))
        if not row:
            raise TaskInstanceNotFound("Task Instance not found")
        former = {name: row[name] for name in NEW_ATTEMPT}
        old_state: str | None = row["state"]
        if row["superseded_at"] is not None or old_state not in _WITH_WORKER:
            return old_state
        state = "failed"
        if old_state == "restarting" or may_retry(row["try_number"], row["max_tries"]):
            state = "up_for_retry"
        changes = {**_ENDED, "state": state, "end_date": to_text(namespace.clock.now())}
        update_attempt(db, row["ti_pk"], changes)
        writer = replace(CONTROL, ti_id=ti_id)
        note = f"{old_state} → {state}: its worker sends no heartbeats any more"
        event = Event("state", writer, row["scope_id"], status=200, note=note, state=state)
        seq = namespace.journal.write(db, event)
        if state == "up_for_retry":
            put_next(db, namespace, row["scope_id"], {**former, **changes}, seq)
    return state


def _push(
    db: sqlite3.Connection,
    namespace: Namespace,
    scope_id: int,
    writer: Writer,
    xcoms: Mapping[str, Any],
    parent: int,
) -> None:
    """Set XComs of a task instance, as effects of an event."""
    now = to_text(namespace.clock.now())
    for key, value in xcoms.items():
        text = values.dumps(value)
        event = Event("set_xcom", writer, scope_id, key, value=text, parent=parent)
        put_xcom(db, NewXCom(scope_id, key, text, now, namespace.journal.write(db, event)))


def _of_resumption(
    namespace: Namespace, resumption: Resumption, former: Mapping[str, Any]
) -> tuple[str, dict[str, Any], str]:
    """The state after a resumption, the columns that it changes, and what the journal says."""
    if resumption.state is not None:
        state = resumption.state
        if state == "failed" and may_retry(former["try_number"], former["max_tries"]):
            state = "up_for_retry"
        now = to_text(namespace.clock.now())
        columns = {**_ENDED, "end_date": now}
        return state, columns, "by its trigger"
    if resumption.error is not None:
        failure: dict[str, Any] = {"error": resumption.error}
        if resumption.traceback is not None:
            failure["traceback"] = resumption.traceback
        columns = {"next_method": _FAIL, "next_kwargs": values.dumps(failure)}
        return "queued", columns, f"to fail: {resumption.error}"
    kwargs = {**values.loads(former["next_kwargs"] or "{}"), "event": resumption.event}
    return "queued", {"next_kwargs": values.dumps(kwargs)}, "with an event of its trigger"


def beat(namespace: Namespace, ti_id: str, hostname: str, pid: int) -> None:
    """Take a heartbeat: the process that runs a task instance is alive.

    :raises TaskInstanceArchived: if the id is that of a former attempt.
    :raises TaskInstanceNotFound: if there is none of this id.
    :raises RunningElsewhere: if another process runs it.
    :raises NotRunning: if it does not run any more.
    """
    with namespace.database.transaction() as db:
        columns = "ti_pk, state, hostname, pid"
        ti_pk, state, *process = _current_or_archived(db, namespace, ti_id, columns)
        if process != [hostname, pid]:
            raise RunningElsewhere(*process)
        if state != "running":
            raise NotRunning(state)
        update_attempt(db, ti_pk, {"heartbeat_at": to_text(namespace.clock.now())})


def take_stop(
    namespace: Namespace,
    ti_id: str,
    end_date: str,
    hostname: str | None,
    pid: int | None,
    writer: Writer,
) -> None:
    """Take a worker's report that it has ended its task, as it was told; one that was to restart
    has its next attempt then. That of a former attempt changes nothing.

    :param end_date: as text.
    :raises TaskInstanceNotFound: if no attempt, not even a former one, has this id.
    :raises StoppedElsewhere: if another process runs it.
    :raises InvalidStop: if it was not told to end.
    """
    with namespace.database.transaction() as db:
        sql = f"""SELECT ti_pk, scope_id, superseded_at, {_COLUMNS} FROM task_instances
            WHERE ns = ? AND id = ?"""
        row = row_as_dict(db, sql, (namespace.ns, ti_id))
        if not row:
            raise TaskInstanceNotFound.bare()
        if row["superseded_at"] is not None:
            return
        if None in (hostname, pid) or (row["hostname"], row["pid"]) != (hostname, pid):
            raise StoppedElsewhere
        if row["state"] not in ("restarting", *FINISHED):
            raise InvalidStop(row["state"])
        if row["state"] in FINISHED:
            return
        update_attempt(db, row["ti_pk"], {"end_date": end_date})
        note = "restarting → none: its worker has ended"
        event = Event("state", writer, row["scope_id"], status=204, note=note)
        seq = namespace.journal.write(db, event)
        former = {name: row[name] for name in NEW_ATTEMPT}
        max_tries = max(former["max_tries"], former["try_number"])
        pending = {**_ENDED, "end_date": end_date, "state": None, "max_tries": max_tries}
        put_next(db, namespace, row["scope_id"], {**former, **pending}, seq)


def note_stop(namespace: Namespace, ti_id: str, writer: Writer) -> None:
    """Note in the journal that a worker has ended its task, as it was told; no state changes.

    :raises TaskInstanceNotFound: if no attempt, not even a former one, has this id.
    """
    with namespace.database.transaction() as db:
        sql = "SELECT scope_id FROM task_instances WHERE ns = ? AND id = ?"
        row = db.execute(sql, (namespace.ns, ti_id)).fetchone()
        if row is None:
            raise TaskInstanceNotFound("Task Instance not found")
        note = "its worker has ended the task, because a call was refused"
        namespace.journal.write(db, Event("state", writer, row[0], status=204, note=note))


def admit(namespace: Namespace, ti_id: str | None) -> None:
    """Refuse an attempt that is not the current one.

    :param ti_id: None for a caller that is no task instance.
    :raises TaskInstanceArchived: if the id is that of a former attempt.
    :raises TaskInstanceNotFound: if there is none of this id.
    """
    sql = "SELECT superseded_at IS NOT NULL FROM task_instances WHERE ns = ? AND id = ?"
    with namespace.database.reading() as db:
        row = db.execute(sql, (namespace.ns, ti_id)).fetchone()
    if row is None:
        raise TaskInstanceNotFound("Task Instance not found")
    if row[0]:
        raise TaskInstanceArchived.on_admission()


def is_archived(namespace: Namespace, ti_id: str | None, scope: TaskScope) -> bool:
    """Whether an id is that of a former attempt of a task instance."""
    with namespace.database.reading() as db:
        row = db.execute(
            """SELECT 1 FROM task_instances WHERE ns = ? AND id = ? AND superseded_at IS NOT NULL
            AND scope_id = ?""",
            (namespace.ns, ti_id, scope_id_of(db, namespace.ns, scope)),
        ).fetchone()
    return row is not None


def set_rendered_map_index(namespace: Namespace, ti_id: str, text: str, writer: Writer) -> bool:
    """Set the label of a mapped task instance; returns False if no current attempt has this id."""
    with namespace.database.transaction() as db:
        try:
            ti_pk, scope_id = _current(db, namespace, ti_id, "ti_pk, scope_id")
        except TaskInstanceNotFound:
            return False
        update_attempt(db, ti_pk, {"rendered_map_index": text})
        event = Event("set_rendered_map_index", writer, scope_id, status=204, note=text)
        namespace.journal.write(db, event)
    return True


def current(db: sqlite3.Connection, namespace: Namespace, ti_id: str) -> tuple[int, int]:
    """The row of a current attempt, and its scope's.

    :raises TaskInstanceArchived: if the id is that of a former attempt.
    :raises TaskInstanceNotFound: if there is none of this id.
    """
    ti_pk, scope_id = _current_or_archived(db, namespace, ti_id, "ti_pk, scope_id")
    return int(ti_pk), int(scope_id)


def _current_or_archived(
    db: sqlite3.Connection, namespace: Namespace, ti_id: str, columns: str
) -> tuple[Any, ...]:
    """Columns of a current attempt; raises as :func:`current`."""
    try:
        return _current(db, namespace, ti_id, columns)
    except TaskInstanceNotFound:
        sql = "SELECT 1 FROM task_instances WHERE ns = ? AND id = ?"
        if db.execute(sql, (namespace.ns, ti_id)).fetchone():
            raise TaskInstanceArchived from None
        raise


def _current(
    db: sqlite3.Connection, namespace: Namespace, ti_id: str, columns: str
) -> tuple[Any, ...]:
    """Columns of a current attempt.

    :raises TaskInstanceNotFound: if there is none of this id.
    """
    row: tuple[Any, ...] | None = db.execute(
        f"SELECT {columns} {CURRENT}", (namespace.ns, ti_id)
    ).fetchone()
    if row is None:
        raise TaskInstanceNotFound("Task Instance not found")
    return row


_SKIPPED = """UPDATE task_instances SET state = 'skipped', start_date = :now, end_date = :now,
        never_ran = 1
    WHERE superseded_at IS NULL AND ifnull(state, '') NOT IN ('running', 'success', 'failed')
    AND scope_id IN (SELECT other.scope_id FROM scopes other JOIN scopes own USING (run_pk)
        WHERE own.scope_id = :scope_id AND other.task_id = :task_id
        AND other.map_index = :map_index) RETURNING scope_id"""


def skip_downstream(
    namespace: Namespace, ti_id: str, tasks: Iterable[tuple[str, int]], writer: Writer
) -> None:
    """Skip task instances of the same run, except those that run or have ended.

    :param tasks: their task ids and map indices; unknown ones are ignored.
    :raises TaskInstanceNotFound: if there is no task instance of the id.
    :raises OutOfRange: for a map index that no row can hold; Airflow answers 500.
    """
    with namespace.database.transaction() as db:
        (scope_id,) = _current(db, namespace, ti_id, "scope_id")
        parameters = {"scope_id": scope_id, "now": to_text(namespace.clock.now())}
        for task_id, map_index in tasks:
            in_range("map_index", map_index)
            parameters |= {"task_id": task_id, "map_index": map_index}
            for (skipped_id,) in db.execute(_SKIPPED, parameters).fetchall():
                event = Event(
                    "state", writer, skipped_id, status=204, note="skipped", state="skipped"
                )
                namespace.journal.write(db, event)


def _attempt(ti_id: str, scope: TaskScope, try_number: int) -> dict[str, Any]:
    return {"id": ti_id, **scope_document(scope), "try_number": try_number}
