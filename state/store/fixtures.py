"""Apply and export fixture documents: the contents of a namespace as one JSON document."""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

from ..errors import BadDocument, DatabaseFull, NotFound
from ..model import env_secrets, envelope, fixture_files, values
from ..model.clock import Clock, to_text, to_wire
from ..model.durations import LONGEST_SPAN
from ..model.scopes import API_WRITER, CONTROL, Writer, task_scope_from
from . import fixture_assets, keyspaces, snapshots
from .database.sql import each_row
from .journal.journal import Event
from .namespace import Namespace
from .tables import dag_runs, namespaces, scopes
from .tables.assets import NEW_ASSET, put_asset
from .tables.connections import put_connection
from .tables.dags import VERSION_DATE
from .tables.entries import NewEntry, put_entry
from .tables.namespaces import write_clock
from .tables.rendered_fields import put_fields
from .tables.scopes import put_region, put_scope
from .tables.task_instances import (
    NEW_ATTEMPT,
    check_former_attempt,
    put_attempt,
    put_former_attempt,
)
from .tables.variables import put_variable
from .tables.xcoms import NewXCom, leave_xcoms, put_xcom
from .views import shared

log = logging.getLogger("stateroom")
Document = dict[str, Any]
_MOMENTS = (
    "logical_date",
    "run_after",
    "data_interval_start",
    "data_interval_end",
    "start_date",
    "end_date",
    "queued_at",
    "expires_at",
    "updated_at",
    "next_dagrun_logical_date",
    "timestamp",
    "reschedule_date",
    "created_date",
    "timeout",
    "superseded_at",
)


def apply(
    namespace: Namespace,
    document: Document,
    forget: bool = False,
    writer: Writer = CONTROL,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Create or update what a document has and leave the rest, in one transaction.

    :param document: as ``schemas.control.Fixture`` loads it: moments are aware datetimes.
    :param forget: empty the namespace first, with its configuration, faults and clock.
    :param environ: the environment variables that the document may name in place of secrets.
    :raises BadDocument: with the path, if it refers to a run, task instance, asset or environment
        variable that does not exist, or if a connection's ``extra`` is no JSON object.
    """
    document = env_secrets.resolved(document, environ or {})
    config = dict(document.get("config", {}))
    changes_secret = forget or "jwt_secret" in config
    secret = config.pop("jwt_secret", None)
    refs = [envelope.unwrap(entry["value"]) for entry in fixture_files.rows(document)]
    held = [ref for ref in refs if ref is not None]
    snapshot = None

    def act(db: sqlite3.Connection) -> None:
        event = Event("reset" if forget else "fixture", writer, status=204)
        seq = namespace.journal.write(db, event)
        if forget:
            _empty(db, namespace, seq, writer, snapshot)
        namespaces.write_config(db, namespace, config)
        _apply_parts(db, namespace, document, seq)

    database = namespace.database
    with ExitStack() as stack:
        if forget:
            with suppress(DatabaseFull):  # the reset frees room, without a snapshot
                snapshot = stack.enter_context(snapshots.unfinished(namespace))
        with database.lock:  # the namespace's attributes change in the order of the commits
            if forget:
                database.free(act, held)
            else:
                config = namespace.config | config
                with database.transaction(held) as db:
                    act(db)
            namespace.config = config
            if forget:
                namespace.set_clock(Clock())
                namespace.faults.reload()
            if changes_secret:
                namespace.jwt_secret = secret


def _empty(
    db: sqlite3.Connection,
    namespace: Namespace,
    parent: int,
    writer: Writer,
    snapshot: int | None,
) -> None:
    """Empty a namespace; one in a file leaves the snapshot ``before-reset`` of its contents, unless
    the disk is full.

    :param parent: the number of the event of which this is an effect.
    :param snapshot: as for :func:`snapshots.take_within`; with one, the entries are deleted after
        this transaction.
    """
    if namespace.database.is_short:
        log.warning("reset without the snapshot %s: the disk is full", snapshots.BEFORE_RESET)
    elif namespace.database.is_file and not namespaces.is_empty(db, namespace.ns):
        snapshots.take_within(db, namespace, snapshots.BEFORE_RESET, snapshot)
    where = f"e.scope_id IN ({scopes.OF_NAMESPACE})"
    namespace.journal.removals(db, parent, writer, where, {"ns": namespace.ns})
    namespaces.empty(db, namespace, is_hiding=snapshot is not None)
    namespace.faults.delete_all(db)
    write_clock(db, namespace, Clock())


def _apply_parts(
    db: sqlite3.Connection, namespace: Namespace, document: Document, parent: int
) -> None:
    dated = {}
    if "dags" in document:  # a whole Airflow, in which an asset is as old as its Dag
        dated = {"created_at": VERSION_DATE}
    parts: dict[str, Callable[[Document, str], object]] = {
        "dag_runs": lambda item, where: dag_runs.put_run(db, namespace, item),
        "dynamic_regions": lambda item, where: _put_region(db, namespace, item, where),
        "former_attempts": lambda item, where: _put_task_attempt(
            db, namespace, item, where, put_former_attempt
        ),
        "task_instances": lambda item, where: _put_task_instance(
            db, namespace, item, where, parent
        ),
        "assets": lambda item, where: put_asset(db, namespace, {**dated, **item}, where),
        "task_state_store": lambda item, where: _put_task_entry(db, namespace, item, where, parent),
        "asset_state_store": lambda item, where: _put_asset_entry(
            db, namespace, item, where, parent
        ),
        "variables": lambda item, where: put_variable(db, namespace.ns, item),
        "connections": lambda item, where: put_connection(db, namespace.ns, item, where),
        "xcoms": lambda item, where: _put_xcom(db, namespace, item, where, parent),
    }
    for name, put in parts.items():
        for index, item in enumerate(document.get(name, [])):
            put(_with_texts(item), f"{name}[{index}]")
    for index, item in enumerate(document.get("former_attempts", [])):
        with _path(f"former_attempts[{index}]"):
            check_former_attempt(db, namespace, item["id"])
    lists = {name: map(_with_texts, document.get(name, ())) for name in fixture_assets.LISTS}
    fixture_assets.apply(db, namespace, {name: list(items) for name, items in lists.items()})


def _with_texts(item: Document) -> Document:
    """A row of a document with its moments as they are stored."""
    moments = {
        name: to_text(value)
        for name, value in item.items()
        if name in _MOMENTS and isinstance(value, datetime)
    }
    return {**item, **moments}


def _put_region(db: sqlite3.Connection, namespace: Namespace, item: Document, where: str) -> None:
    run_pk = dag_runs.pk_of(db, namespace.ns, item["dag_id"], item["run_id"], f"{where}.run_id")
    put_region(db, run_pk, item["id"], item["node_id"])


def _put_task_instance(
    db: sqlite3.Connection, namespace: Namespace, item: Document, where: str, parent: int
) -> None:
    sql = "SELECT 1 FROM task_instances WHERE ns = ? AND id = ?"
    is_known = db.execute(sql, (namespace.ns, item["id"])).fetchone() is not None
    scope_id = _put_task_attempt(db, namespace, item, where, put_attempt)
    if not is_known:
        leave_xcoms(db, namespace, scope_id, parent)
    if "rendered_fields" in item:
        put_fields(db, scope_id, item["rendered_fields"])


def _put_task_attempt(
    db: sqlite3.Connection,
    namespace: Namespace,
    item: Document,
    where: str,
    put: Callable[[sqlite3.Connection, Namespace, int, Document], object],
) -> int:
    """Create or update an attempt, with its scope; returns the scope's row."""
    run_pk = dag_runs.pk_of(db, namespace.ns, item["dag_id"], item["run_id"], f"{where}.run_id")
    scope_id = put_scope(db, run_pk, task_scope_from(item))
    if item.get("trigger") is not None:
        item = {**item, "trigger": _with_texts(item["trigger"])}
    with _path(where):
        put(db, namespace, scope_id, item)
    return scope_id


@contextmanager
def _path(where: str) -> Iterator[None]:
    """Say of a bad member where its row stands in the document."""
    try:
        yield
    except BadDocument as error:
        raise BadDocument(f"{where}.{error.where}", str(error)) from None


def _put_task_entry(
    db: sqlite3.Connection, namespace: Namespace, item: Document, where: str, parent: int
) -> None:
    scope_id = _task_scope_id(db, namespace, item, where)
    _put_entry(db, namespace, scope_id, item, ("api", None), parent)


def _put_xcom(
    db: sqlite3.Connection, namespace: Namespace, item: Document, where: str, parent: int
) -> None:
    scope_id = _task_scope_id(db, namespace, item, where)
    text = values.dumps(item["value"])
    event = Event("set_xcom", CONTROL, scope_id, item["key"], value=text, parent=parent)
    timestamp = item.get("timestamp") or to_text(namespace.clock.now())
    seq = namespace.journal.write(db, event)
    put_xcom(db, NewXCom(scope_id, item["key"], text, timestamp, seq))


def _task_scope_id(db: sqlite3.Connection, namespace: Namespace, item: Document, where: str) -> int:
    """The row of the task instance that an item names.

    :raises BadDocument: if there is none.
    """
    try:
        scope_id: int = keyspaces.task(namespace, task_scope_from(item)).lookup.row(db)[0]
    except NotFound as error:
        raise BadDocument(where, f"{error}; add it to task_instances") from None
    return scope_id


def _put_asset_entry(
    db: sqlite3.Connection, namespace: Namespace, item: Document, where: str, parent: int
) -> None:
    row = db.execute(
        """SELECT s.scope_id FROM scopes s JOIN assets a USING (asset_pk)
        WHERE a.ns = ? AND a.name = ? AND a.id = coalesce(?, a.id) ORDER BY a.active DESC, a.id
        LIMIT 1""",
        (namespace.ns, item["asset"], item.get("asset_id")),
    ).fetchone()
    if row is None:
        raise BadDocument(
            f"{where}.asset", f"there is no asset named {item['asset']!r}; add it to assets"
        )
    writer = _writer(db, namespace, item.get("last_updated_by"), where)
    _put_entry(db, namespace, row[0], item, writer, parent)


def _writer(
    db: sqlite3.Connection, namespace: Namespace, writer: Document | None, where: str
) -> tuple[str, int | None]:
    if writer is None or writer["kind"] != "task":
        return (writer or {}).get("kind", "api"), None
    if writer.get("task_instance_id") is not None:
        sql = "SELECT ti_pk FROM task_instances WHERE ns = ? AND id = ?"
        row = db.execute(sql, (namespace.ns, writer["task_instance_id"])).fetchone()
        if row is not None:
            return "task", row[0]
    try:
        lookup = keyspaces.task(namespace, task_scope_from(writer)).lookup
        row = db.execute(
            f"""SELECT ti_pk FROM task_instances WHERE superseded_at IS NULL
                AND scope_id = ({lookup.sql})""",
            lookup.parameters,
        ).fetchone()
        if row is None:
            raise lookup.missing()
    except (KeyError, NotFound) as error:
        raise BadDocument(
            f"{where}.last_updated_by", f"names no task instance of this document: {error}"
        ) from None
    return "task", row[0]


def _put_entry(
    db: sqlite3.Connection,
    namespace: Namespace,
    scope_id: int,
    item: Document,
    writer: tuple[str, int | None],
    parent: int,
) -> None:
    """Create or overwrite an entry.

    :param writer: the kind of its writer, and the row of the attempt that is it.
    :param parent: the number of the event of which this write is an effect.
    """
    value = item["value"]
    text = values.dumps(value)
    kind = envelope.kind(value)
    expires_at = item.get("expires_at")
    expires_by = "caller" if expires_at else None
    event = Event(
        "set",
        CONTROL,
        scope_id,
        item["key"],
        value=text,
        kind=kind,
        expires_at=expires_at,
        expires_by=expires_by,
        parent=parent,
    )
    entry = NewEntry(
        scope_id,
        item["key"],
        text,
        kind,
        len(text),
        item.get("updated_at") or to_text(namespace.clock.now()),
        expires_at,
        expires_by,
        *writer,
        seq=namespace.journal.write(db, event),
    )
    put_entry(db, namespace.ns, entry, envelope.unwrap(value), API_WRITER)


def export(
    namespace: Namespace, with_secrets: bool = False, sensitive: Iterable[str] = ()
) -> Document:
    """The contents of the namespace in a stable order, without the secret that checks tokens.

    :param with_secrets: also the passwords and extras of connections and the variables that hold
        secrets; else each is the name of an environment variable.
    :param sensitive: further words in names of secrets, as for
        :func:`~state.masking.masked_variable`.
    """
    document: Document = {}
    for name, value in parts(namespace, with_secrets, sensitive):
        if isinstance(value, Iterator):
            value = [*value]
        document[name] = value
    return document


def parts(
    namespace: Namespace, with_secrets: bool = False, sensitive: Iterable[str] = ()
) -> Iterator[tuple[str, Any]]:
    """The members of what :func:`export` returns, each with its name, of one state of the database.

    Lists are iterators: each is to be read before the next member is asked for. The members have to
    be asked for, or closed: they hold a connection of the database.
    """
    yield "config", dict(sorted(namespace.config.items()))
    with namespace.database.snapshot() as db:
        for name, sql in _EXPORTS.items():
            rows = each_row(db, sql, (namespace.ns,))
            yield name, map(_exported, map(_WITHOUT_DEFAULTS[name], rows))
        yield "task_state_store", map(_exported, _task_entries(db, namespace.ns))
        yield "asset_state_store", map(_exported, _asset_entries(db, namespace))
        yield from shared.exported(db, namespace.ns, with_secrets, sensitive).items()
        former = each_row(db, _FORMER_ATTEMPTS, (namespace.ns,))
        further = {
            "former_attempts": map(_exported, map(_WITHOUT_DEFAULTS["former_attempts"], former)),
            "xcoms": map(_exported, each_row(db, _XCOMS, (namespace.ns,))),
            "dynamic_regions": each_row(db, _REGIONS, (namespace.ns,)),
            **fixture_assets.export(db, namespace.ns),
        }
        for name, items in further.items():
            first = next(items, None)
            if first is not None:
                yield name, itertools.chain([first], items)


def _task_entries(db: sqlite3.Connection, ns: int) -> Iterator[Document]:
    """Scope by scope: a SELECT over all of them would sort the entries with their values."""
    for scope in each_row(db, _TASK_SCOPES, (ns,)):
        scope_id = scope.pop("scope_id")
        for entry in each_row(db, _TASK_ENTRIES, (scope_id,)):
            yield {**scope, **entry}


def _asset_entries(db: sqlite3.Connection, namespace: Namespace) -> Iterator[Document]:
    for entry in each_row(db, _ASSET_ENTRIES, (namespace.ns,)):
        former = entry.pop("former")
        entry["last_updated_by"] = _exported_writer(entry)
        if former is not None and namespace.rules.tells_attempts:
            entry["last_updated_by"]["task_instance_id"] = former
        if entry.pop("is_named"):
            del entry["asset_id"]
        yield entry


def _without(defaults: Document, always: tuple[str, ...], row: Document) -> Document:
    """A row without the members that have their default, except some."""
    return {
        name: value
        for name, value in row.items()
        if name in always or name not in defaults or value != defaults[name]
    }


_WITHOUT_DEFAULTS: dict[str, Callable[[Document], Document]] = {
    "dag_runs": partial(_without, dag_runs.NEW_RUN, ("logical_date", "run_after", "state")),
    "task_instances": partial(
        _without,
        {**NEW_ATTEMPT, "rendered_fields": None},
        ("state", "try_number", "max_tries"),
    ),
    "former_attempts": partial(
        _without, {**NEW_ATTEMPT, "retry_delay": None}, ("state", "try_number", "max_tries")
    ),
    "assets": partial(_without, NEW_ASSET, ()),
}


def _exported(row: Document) -> Document:
    """A row with members of a document in place of stored texts."""
    for name in _MOMENTS:
        if row.get(name) is not None:
            row[name] = to_wire(row[name])
    if row.get("region_id") == "":
        del row["region_id"]
    if "value" in row:
        row["value"] = values.loads(row["value"])
    for name in ("extra", "conf", "next_kwargs", "rendered_fields"):
        if row.get(name) is not None:
            row[name] = values.loads(row[name])
    if row.get("trigger") is not None:
        row["trigger"] = _exported(values.loads(row["trigger"]))
    for name in ("active", "never_ran"):
        if name in row:
            row[name] = bool(row[name])
    return row


def _exported_writer(entry: Document) -> Document:
    """The writer in the columns of an entry, which are removed."""
    kind = entry.pop("kind")
    coordinates = {
        name: entry.pop(f"w_{name}") for name in ("dag_id", "run_id", "task_id", "map_index")
    }
    if region_id := entry.pop("w_region_id"):
        coordinates["region_id"] = region_id
    if coordinates["dag_id"] is not None:
        return {"kind": kind, **coordinates}
    if kind == "task":  # the task instance was deleted
        kind = "api"
    return {"kind": kind}


_ATTEMPT = """SELECT t.id, r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
    t.state,
    t.try_number, t.max_tries, t.hostname, t.unixname, t.pid, t.start_date, t.end_date,
    t.next_method, t.next_kwargs, t.trigger, t.rendered_map_index, t.never_ran"""
_WITH_SCOPE = "task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)"
_EXPORTS = {
    "dag_runs": f"""SELECT dag_id, run_id, {dag_runs.COLUMNS} FROM dag_runs WHERE ns = ?
        ORDER BY 1, 2""",
    "task_instances": f"""{_ATTEMPT}, f.fields AS rendered_fields FROM {_WITH_SCOPE}
        LEFT JOIN rendered_fields f USING (scope_id)
        WHERE t.ns = ? AND t.superseded_at IS NULL ORDER BY 2, 3, 4, 5""",
    "assets": """SELECT id, name, uri, active, group_name AS "group", extra FROM assets WHERE ns = ?
        ORDER BY id""",
}
# the former attempts of a task instance in the order in which they were made
_FORMER_ATTEMPTS = f"""{_ATTEMPT}, t.superseded_at,
    max(-{LONGEST_SPAN}, min({LONGEST_SPAN}, t.retry_delay)) AS retry_delay FROM {_WITH_SCOPE}
    WHERE t.ns = ? AND t.superseded_at IS NOT NULL ORDER BY 2, 3, 4, 5, t.ti_pk"""
_XCOMS = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, x.key, x.value, x.timestamp,
    s.region AS region_id
    FROM xcoms x JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE r.ns = ? ORDER BY 1, 2, 3, 4, 5"""
_REGIONS = """SELECT d.id, r.dag_id, r.run_id, d.node_id
    FROM dynamic_regions d JOIN dag_runs r USING (run_pk) WHERE r.ns = ? ORDER BY 2, 3, 1"""
_TASK_SCOPES = """SELECT s.scope_id, r.dag_id, r.run_id, s.task_id, s.map_index,
    s.region AS region_id
    FROM dag_runs r JOIN scopes s USING (run_pk) WHERE r.ns = ? ORDER BY 2, 3, 4, 5"""
_TASK_ENTRIES = """SELECT key, value, expires_at, updated_at FROM entries WHERE scope_id = ?
    ORDER BY key"""
# the asset that a name stands for: the active one, else the one of the lowest id
_NAMED = """SELECT n.id FROM assets n WHERE n.ns = a.ns AND n.name = a.name
    ORDER BY n.active DESC, n.id LIMIT 1"""
# in the order of the indexes, so that nothing is sorted
_ASSET_ENTRIES = f"""SELECT a.name AS asset, a.id AS asset_id, e.key, e.value, e.updated_at,
    e.writer_kind AS kind, r.dag_id AS w_dag_id, r.run_id AS w_run_id,
    w.task_id AS w_task_id, w.map_index AS w_map_index, w.region AS w_region_id,
    CASE WHEN t.superseded_at IS NOT NULL THEN t.id END AS former, a.id = ({_NAMED}) AS is_named
    FROM assets a CROSS JOIN scopes s USING (asset_pk) CROSS JOIN entries e USING (scope_id)
    LEFT JOIN task_instances t ON t.ti_pk = e.writer_ti_pk
    LEFT JOIN scopes w ON w.scope_id = t.scope_id LEFT JOIN dag_runs r ON r.run_pk = w.run_pk
    WHERE a.ns = ? ORDER BY a.id, e.key"""


def counts(namespace: Namespace) -> dict[str, int]:
    """The numbers of dag runs, task instances, assets, keys, variables and connections, under these
    nouns.
    """
    sources = {
        "dag run": "dag_runs WHERE ns = ?",
        "task instance": "task_instances WHERE ns = ? AND superseded_at IS NULL",
        "asset": "assets WHERE ns = ?",
        "key": """entries JOIN scopes USING (scope_id) LEFT JOIN dag_runs r USING (run_pk)
            LEFT JOIN assets a USING (asset_pk) WHERE coalesce(r.ns, a.ns) = ?""",
        "variable": "variables WHERE ns = ?",
        "connection": "connections WHERE ns = ?",
    }
    with namespace.database.snapshot() as db:
        return {
            noun: db.execute(f"SELECT count(*) FROM {source}", (namespace.ns,)).fetchone()[0]
            for noun, source in sources.items()
        }


def is_empty(namespace: Namespace) -> bool:
    """Whether a namespace has no runs, assets, keys, variables or connections, and no
    configuration.
    """
    return not any(counts(namespace).values()) and not namespace.config
