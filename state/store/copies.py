"""Copy the rows of a namespace into a snapshot and back: SQL over several tables at once.

Rows keep their own keys, so that journal, ledger and attempts still fit after a restore.
"""

from __future__ import annotations

import sqlite3

from .database.slices import end_of_slice
from .tables import entries, hidden
from .tables.scopes import OF_NAMESPACE

_OF_NAMESPACE = "ns = :ns"
_OF_SCOPES = f"scope_id IN ({OF_NAMESPACE})"
_OF_RUNS = "run_pk IN (SELECT run_pk FROM dag_runs WHERE ns = :ns)"
_OF_ATTEMPTS = "ti_pk IN (SELECT ti_pk FROM task_instances WHERE ns = :ns)"
_OF_ALIASES = "alias_pk IN (SELECT alias_pk FROM asset_aliases WHERE ns = :ns)"
_OF_EVENTS = "event_pk IN (SELECT event_pk FROM asset_events WHERE ns = :ns)"

# table → its key, its other columns, and which of its rows are the namespace's; owners before what
# they own
TABLES = {
    "dags": ("dag_pk", "ns, dag_id, facts", _OF_NAMESPACE),
    "dag_runs": (
        "run_pk",
        "ns, dag_id, run_id, logical_date, run_after, state, run_type, data_interval_start, "
        "data_interval_end, start_date, end_date, queued_at, conf, note, triggering_user_name, "
        "triggered_by, partition_key, clear_number",
        _OF_NAMESPACE,
    ),
    "dynamic_regions": ("region_pk", "run_pk, id, node_id", _OF_RUNS),
    "assets": (
        "asset_pk",
        "ns, id, name, uri, active, group_name, extra, created_at, updated_at",
        _OF_NAMESPACE,
    ),
    "scopes": ("scope_id", "run_pk, task_id, map_index, region, asset_pk", _OF_SCOPES),
    "task_instances": (
        "ti_pk",
        "ns, id, scope_id, try_number, max_tries, state, superseded_at, retry_delay, hostname, "
        "unixname, pid, start_date, end_date, heartbeat_at, next_method, next_kwargs, "
        "rendered_map_index, trigger, never_ran",
        _OF_NAMESPACE,
    ),
    "rendered_fields": ("scope_id", "fields", _OF_SCOPES),
    "task_reschedules": (
        "reschedule_pk",
        "ti_pk, start_date, end_date, reschedule_date",
        _OF_ATTEMPTS,
    ),
    "entries": (
        "entry_id",
        "scope_id, key, value, kind, size, updated_at, expires_at, expires_by, writer_kind, "
        "writer_ti_pk, ref_id, seq",
        _OF_SCOPES,
    ),
    "xcoms": ("xcom_pk", "scope_id, key, value, timestamp, seq, size", _OF_SCOPES),
    "variables": ("variable_pk", "ns, key, value, description", _OF_NAMESPACE),
    "connections": (
        "connection_pk",
        "ns, conn_id, conn_type, host, schema, login, password, port, extra, description",
        _OF_NAMESPACE,
    ),
    "asset_aliases": ("alias_pk", "ns, id, name, group_name", _OF_NAMESPACE),
    "asset_alias_assets": ("link_pk", "alias_pk, asset_pk", _OF_ALIASES),
    "asset_events": (
        "event_pk",
        "ns, id, asset_pk, timestamp, extra, source_dag_id, source_task_id, source_run_id, "
        "source_map_index, partition_key",
        _OF_NAMESPACE,
    ),
    "asset_event_aliases": ("link_pk", "event_pk, alias_pk", _OF_EVENTS),
    "asset_event_runs": ("link_pk", "event_pk, run_pk", _OF_EVENTS),
}
_FIXED = {"entries": ("scope_id", "key")}  # an entry never changes its key, so its index need not
_TAKEN = "snapshot_pk = :snapshot"

# the tables of hidden.VALUES are copied in slices, and their rows are compared by their numbers, by
# which they are the same (a replaced XCom has another key)
_SAME = {
    "entries": "e.seq = t.seq AND t.seq > 0 AND e.writer_ti_pk IS t.writer_ti_pk",
    "xcoms": "e.seq = t.seq",
}
# of the copies, which of them may be restored before the restore itself
_PREPARED = {
    "entries": """t.seq > 0 AND (writer_ti_pk IS NULL
        OR EXISTS (SELECT 1 FROM task_instances w WHERE w.ti_pk = t.writer_ti_pk))""",
    "xcoms": "true",
}


def _changed(table: str) -> str:
    """A SELECT of the snapshot's rows that differ from the table's; entries and XComs are compared
    by their numbers, and differ while they are hidden.
    """
    key, columns, mine = TABLES[table]
    if table in _SAME:
        same = f"SELECT 1 FROM {table} e WHERE e.{key} = t.{key} AND {_SAME[table]}"
        return f"""SELECT {key}, {columns} FROM snapshot_{table} t WHERE {_TAKEN}
            AND (NOT {mine} OR NOT EXISTS ({same}))"""
    now = f"SELECT {key}, {columns} FROM {table} WHERE {mine}"
    return f"SELECT {key}, {columns} FROM snapshot_{table} WHERE {_TAKEN} EXCEPT {now}"


# FROM clauses of the entries that a restore deletes and sets
ADDED_KEYS = f"""FROM entries e WHERE e.scope_id IN ({OF_NAMESPACE}) AND NOT EXISTS
    (SELECT 1 FROM snapshot_entries t
     WHERE {_TAKEN} AND t.scope_id = e.scope_id AND t.key = e.key)"""
CHANGED_ENTRIES = f"FROM ({_changed('entries')}) e"


def take(db: sqlite3.Connection, ns: int, snapshot: int) -> None:
    """Copy the rows of a namespace into a snapshot, inside the caller's transaction.

    Values that :func:`take_some` has copied stay, unless they have changed since, or the writer of
    an entry was deleted.
    """
    parameters = {"ns": ns, "snapshot": snapshot}
    same = {**_SAME, "entries": "e.seq = t.seq AND e.writer_ti_pk IS t.writer_ti_pk"}
    for table in hidden.VALUES:
        key = TABLES[table][0]
        db.execute(
            f"""DELETE FROM snapshot_{table} AS t WHERE {_TAKEN} AND NOT EXISTS
            (SELECT 1 FROM {table} e WHERE e.{key} = t.{key} AND {same[table]})""",
            parameters,
        )
    for table, (key, columns, mine) in TABLES.items():
        taken = f"SELECT 1 FROM snapshot_{table} t WHERE {_TAKEN} AND t.{key} = {table}.{key}"
        db.execute(
            f"""INSERT INTO snapshot_{table} (snapshot_pk, {key}, {columns})
            SELECT :snapshot, {key}, {columns} FROM {table}
            WHERE {mine} AND NOT EXISTS ({taken})""",
            parameters,
        )


def take_some(db: sqlite3.Connection, ns: int, snapshot: int, most: int) -> int:
    """Copy the next values of a namespace, inside the caller's transaction; returns how many.

    Only for those that the journal numbers: by their number :func:`take` knows changed ones.
    """
    for table in hidden.VALUES:
        count = _take_some(db, table, {"ns": ns, "snapshot": snapshot, "most": most})
        if count:
            return count
    return 0


def _take_some(db: sqlite3.Connection, table: str, parameters: dict[str, int]) -> int:
    key, columns, mine = TABLES[table]
    sql = f"SELECT ifnull(max({key}), 0) FROM snapshot_{table} WHERE {_TAKEN}"
    (after,) = db.execute(sql, parameters).fetchone()
    parameters = {**parameters, "after": after}
    source = f"FROM {table} WHERE {key} > :after AND +{mine}"  # in the order of the table
    last = end_of_slice(
        db.execute(f"SELECT {key}, size {source} ORDER BY {key} LIMIT :most", parameters)
    )
    return db.execute(
        f"""INSERT INTO snapshot_{table} (snapshot_pk, {key}, {columns})
        SELECT :snapshot, {key}, {columns} {source} AND {key} <= :last""",
        {**parameters, "last": last},
    ).rowcount


def drop_some(db: sqlite3.Connection, snapshot: int, most: int) -> int:
    """Delete values of a snapshot, inside the caller's transaction; returns how many."""
    for table in hidden.VALUES:
        key = TABLES[table][0]
        parameters = {"snapshot": snapshot, "most": most}
        sql = f"SELECT {key}, size FROM snapshot_{table} WHERE {_TAKEN} ORDER BY 1 LIMIT :most"
        last = end_of_slice(db.execute(sql, parameters))
        sql = f"DELETE FROM snapshot_{table} WHERE {_TAKEN} AND {key} <= :last"
        count = db.execute(sql, {**parameters, "last": last}).rowcount
        if count:
            return count
    return 0


def prepare(db: sqlite3.Connection, ns: int, snapshot: int) -> int:
    """Make hidden scopes for those of a snapshot that do not exist, with their attempts, inside the
    caller's transaction; returns how many.
    """
    parameters = {"owner": hidden.make_owner(db, ns), "snapshot": snapshot}
    count = db.execute(
        f"""INSERT INTO scopes (scope_id, run_pk, task_id, map_index, region)
        SELECT scope_id, ({hidden.RUN}), scope_id, 0, '{hidden.REGION}' FROM snapshot_scopes t
        WHERE {_TAKEN} AND NOT EXISTS (SELECT 1 FROM scopes s WHERE s.scope_id = t.scope_id)""",
        parameters,
    ).rowcount
    db.execute(
        f"""INSERT INTO task_instances
        (ti_pk, ns, id, scope_id, try_number, max_tries, superseded_at)
        SELECT t.ti_pk, r.ns, t.ti_pk, t.scope_id, t.try_number, t.max_tries, ''
        FROM snapshot_task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
        WHERE {_TAKEN} AND run_pk = ({hidden.RUN})
        AND NOT EXISTS (SELECT 1 FROM task_instances o WHERE o.ti_pk = t.ti_pk)""",
        parameters,
    )
    return count


def prepare_some(
    db: sqlite3.Connection, ns: int, snapshot: int, table: str, after: int, most: int
) -> int | None:
    """Copy values of a snapshot into hidden scopes, inside the caller's transaction.

    Entries without a number, which :func:`restore` would copy again, are left to it; and those
    whose writer is unknown.

    :param table: one of :data:`hidden.VALUES`.
    :param after: the row after which to begin.
    :param most: rows to look at.
    :returns: the last row; None if there is none.
    """
    key, columns, _ = TABLES[table]
    parameters = {
        "owner": hidden.owner(ns),
        "snapshot": snapshot,
        "after": after,
        "most": most,
    }
    source = f"FROM snapshot_{table} t WHERE {_TAKEN} AND {key} > :after"
    last = end_of_slice(
        db.execute(f"SELECT {key}, size {source} ORDER BY {key} LIMIT :most", parameters)
    )
    db.execute(
        f"""INSERT INTO {table} ({key}, {columns}) SELECT {key}, {columns} {source}
        AND {key} <= :last AND {_PREPARED[table]}
        AND scope_id IN (SELECT scope_id FROM scopes WHERE run_pk = ({hidden.RUN}))""",
        {**parameters, "last": last},
    )
    return last


def restore(db: sqlite3.Connection, ns: int, snapshot: int, is_hiding: bool = False) -> None:
    """Make the rows of a namespace those of a snapshot, inside the caller's transaction.

    A value whose number is the snapshot's is the same value and is not touched.

    :param is_hiding: leave the deletion of the values of scopes that the snapshot does not have to
        :func:`hidden.delete`.
    """
    parameters = {"ns": ns, "snapshot": snapshot}
    if is_hiding:
        removed = f"""SELECT scope_id FROM ({OF_NAMESPACE}) WHERE scope_id NOT IN
            (SELECT scope_id FROM snapshot_scopes WHERE {_TAKEN})"""
        hidden.hide(db, ns, removed, parameters)
    entry_ids = f"SELECT entry_id FROM snapshot_entries WHERE {_TAKEN}"
    entries.remove(
        db, f"e.scope_id IN ({OF_NAMESPACE}) AND e.entry_id NOT IN ({entry_ids})", parameters
    )
    for table, (key, _, mine) in TABLES.items():
        if table == "entries":
            continue
        keys = f"SELECT {key} FROM snapshot_{table} WHERE {_TAKEN}"
        db.execute(f"DELETE FROM {table} WHERE {mine} AND {key} NOT IN ({keys})", parameters)
    # two assets may have swapped names, or two attempts may be current: none is active or current
    # while the rows are restored
    changed = f"SELECT asset_pk FROM ({_changed('assets')})"
    db.execute(f"UPDATE assets SET active = 0 WHERE asset_pk IN ({changed})", parameters)
    changed = f"SELECT ti_pk FROM ({_changed('task_instances')})"
    db.execute(
        f"UPDATE task_instances SET superseded_at = '' WHERE ti_pk IN ({changed})", parameters
    )
    for table, (key, columns, _) in TABLES.items():
        fixed = _FIXED.get(table, ())
        changing = [column for column in columns.split(", ") if column not in fixed]
        sets = ", ".join(f"{column} = excluded.{column}" for column in changing)
        db.execute(
            f"""INSERT INTO {table} ({key}, {columns}) SELECT * FROM ({_changed(table)}) WHERE true
            ON CONFLICT ({key}) DO UPDATE SET {sets}""",
            parameters,
        )
