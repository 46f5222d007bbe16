"""Snapshots: all that a namespace holds under a name, to be taken, restored and compared.

A snapshot is a copy of the rows under their own keys, so that journal, ledger and attempts still
fit after a restore. An entry whose number is the snapshot's is the same entry and is not touched.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ..errors import SnapshotNotFound
from ..model import values
from ..model.clock import Clock, to_text, to_wire
from ..model.scopes import CONTROL, StoreScope, scope_document, scope_from
from .database.sql import rows
from .journal.journal import Event
from .namespace import Namespace
from .tables import namespaces, scopes
from .tables.namespaces import check_name, write_clock

BEFORE_RESET = "before-reset"
_OF_RUNS = "run_pk IN (SELECT run_pk FROM dag_runs WHERE ns = :ns)"
_OF_ASSETS = "asset_pk IN (SELECT asset_pk FROM assets WHERE ns = :ns)"
SCOPE_IDS = f"""SELECT scope_id FROM scopes WHERE {_OF_RUNS} UNION ALL SELECT scope_id FROM scopes
    WHERE {_OF_ASSETS}"""
# table → its key, its other columns, and which of its rows are the namespace's; owners before what
# they own
_TABLES = {
    "dag_runs": ("run_pk", "ns, dag_id, run_id, logical_date, run_after, state", "ns = :ns"),
    "assets": ("asset_pk", "ns, id, name, uri, active, created_at, updated_at", "ns = :ns"),
    "scopes": (
        "scope_id",
        "run_pk, task_id, map_index, region, asset_pk",
        f"scope_id IN ({SCOPE_IDS})",
    ),
    "task_instances": (
        "ti_pk",
        "ns, id, scope_id, try_number, max_tries, state, superseded_at, retry_delay",
        "ns = :ns",
    ),
    "entries": (
        "entry_id",
        "scope_id, key, value, kind, size, updated_at, expires_at, expires_by, writer_kind, "
        "writer_ti_pk, ref_id, seq",
        f"scope_id IN ({SCOPE_IDS})",
    ),
}
_FIXED = {
    "entries": ("scope_id", "key")
}  # an entry's place never changes, so that its index need not
_TAKEN = "snapshot_pk = :snapshot"


def take(namespace: Namespace, name: str) -> dict[str, Any]:
    """Take a snapshot, in place of one of the same name; as :func:`listed` shows it.

    :raises InvalidName: for a name that cannot be.
    """
    check_name(name)
    with namespace.database.transaction() as db:
        take_within(db, namespace, name)
        namespace.journal.write(db, Event("snapshot", CONTROL, status=201, note=name))
    return next(row for row in listed(namespace) if row["name"] == name)


def take_within(db: sqlite3.Connection, namespace: Namespace, name: str) -> None:
    """Take a snapshot inside the caller's transaction."""
    own = {"ns": namespace.ns}
    db.execute("DELETE FROM snapshots WHERE ns = ? AND name = ?", (namespace.ns, name))
    row = (namespace.ns, name, to_text(namespace.clock.now()))
    cursor = db.execute(
        """INSERT INTO snapshots (ns, name, taken_at, config, clock, faults)
        SELECT ns, ?2, ?3, config, clock, (SELECT json_group_array(json_array(fault_id, fault,
        matched, fired))
            FROM faults f WHERE f.ns = ?1) FROM namespaces WHERE ns = ?1""",
        row,
    )
    for table, (key, columns, mine) in _TABLES.items():
        db.execute(
            f"""INSERT INTO snapshot_{table} (snapshot_pk, {key}, {columns})
            SELECT :snapshot, {key}, {columns} FROM {table} WHERE {mine}""",
            {**own, "snapshot": cursor.lastrowid},
        )
    db.execute(
        """UPDATE snapshots SET (keys, size) = (SELECT count(*), ifnull(sum(size), 0)
            FROM snapshot_entries e
        WHERE e.snapshot_pk = snapshots.snapshot_pk) WHERE snapshot_pk = ?""",
        (cursor.lastrowid,),
    )


def holds_something(db: sqlite3.Connection, namespace: Namespace) -> bool:
    """Whether there is anything in a namespace that a reset would lose."""
    sql = """SELECT EXISTS (SELECT 1 FROM dag_runs WHERE ns = ?1) OR EXISTS (SELECT 1 FROM assets
        WHERE ns = ?1)"""
    return bool(db.execute(sql, (namespace.ns,)).fetchone()[0])


def listed(namespace: Namespace) -> list[dict[str, Any]]:
    """The snapshots by name: ``name``, ``taken_at`` by the namespace's clock, ``keys``, ``size`` in
    bytes.
    """
    with namespace.database.reading() as db:
        rows = db.execute(
            "SELECT name, taken_at, keys, size FROM snapshots WHERE ns = ? ORDER BY name",
            (namespace.ns,),
        ).fetchall()
    return [
        {"name": row[0], "taken_at": to_wire(row[1]), "keys": row[2], "size": row[3]}
        for row in rows
    ]


def drop(namespace: Namespace, name: str) -> None:
    """Drop a snapshot.

    :raises SnapshotNotFound: if there is none of this name.
    """
    with namespace.database.transaction() as db:
        db.execute("DELETE FROM snapshots WHERE snapshot_pk = ?", (_find(db, namespace, name)[0],))


def _find(db: sqlite3.Connection, namespace: Namespace, name: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(
        "SELECT snapshot_pk, config, clock, faults FROM snapshots WHERE ns = ? AND name = ?",
        (namespace.ns, name),
    ).fetchone()
    if row is None:
        names = db.execute(
            "SELECT name FROM snapshots WHERE ns = ? ORDER BY name", (namespace.ns,)
        ).fetchall()
        raise SnapshotNotFound(name, [known for (known,) in names])
    return row


# ---------------------------------------------------------------- restore


def restore(namespace: Namespace, name: str) -> None:
    """Return to a snapshot, with clock, faults and configuration; the journal and the other
    snapshots stay.

    :raises SnapshotNotFound: if there is none of this name.
    """
    with namespace.database.lock:  # so that what is remembered changes in the order of the commits
        with namespace.database.transaction() as db:
            snapshot, config, clock, faults = _find(db, namespace, name)
            seq = namespace.journal.write(db, Event("restore", CONTROL, status=204, note=name))
            _restore_rows(db, namespace, snapshot, seq)
            namespaces.put_config(namespace, json.loads(config), db)
            write_clock(db, namespace, Clock.from_json(json.loads(clock)))
            _restore_faults(db, namespace, json.loads(faults))
        namespace.config = json.loads(config)
        namespace.clock = Clock.from_json(json.loads(clock))
        namespace.faults.reload()


def _restore_rows(db: sqlite3.Connection, namespace: Namespace, snapshot: int, seq: int) -> None:
    own = {"ns": namespace.ns, "snapshot": snapshot}
    scopes.remember_places(namespace, db)
    _drop_new_entries(db, namespace, own, seq)
    for table in ("dag_runs", "assets", "scopes", "task_instances"):
        key, _, mine = _TABLES[table]
        kept = f"SELECT {key} FROM snapshot_{table} WHERE {_TAKEN}"
        db.execute(f"DELETE FROM {table} WHERE {mine} AND {key} NOT IN ({kept})", own)
    # names and attempts may have changed places: nothing is active or current while the rows come
    # back
    changed = _changed("assets")
    db.execute(
        f"UPDATE assets SET active = 0 WHERE asset_pk IN (SELECT asset_pk FROM ({changed}))", own
    )
    changed = _changed("task_instances")
    db.execute(
        f"""UPDATE task_instances SET superseded_at = '' WHERE ti_pk IN (SELECT ti_pk
            FROM ({changed}))""",
        own,
    )
    for table, (key, columns, _) in _TABLES.items():
        changing = [column for column in columns.split(", ") if column not in _FIXED.get(table, ())]
        sets = ", ".join(f"{column} = excluded.{column}" for column in changing)
        db.execute(
            f"""INSERT INTO {table} ({key}, {columns}) SELECT * FROM ({_changed(table)}) WHERE true
            ON CONFLICT ({key}) DO UPDATE SET {sets}""",
            own,
        )
    _hold_references(db, own)


def _changed(table: str) -> str:
    """A SELECT of the
    snapshot's rows that are not in the table as they were; of entries their number tells."""
    key, columns, mine = _TABLES[table]
    if table == "entries":
        same = (
            "SELECT 1 FROM entries e WHERE e.entry_id = t.entry_id AND e.seq = t.seq AND t.seq > 0"
        )
        return f"""SELECT {key}, {columns} FROM snapshot_entries t WHERE {_TAKEN}
            AND NOT EXISTS ({same})"""
    now = f"SELECT {key}, {columns} FROM {table} WHERE {mine}"
    return f"SELECT {key}, {columns} FROM snapshot_{table} WHERE {_TAKEN} EXCEPT {now}"


def _drop_new_entries(
    db: sqlite3.Connection, namespace: Namespace, own: dict[str, int], seq: int
) -> None:
    """Delete the entries that the snapshot does not have, and write what the restore does to each
    key.
    """
    then = f"""SELECT 1 FROM snapshot_entries t WHERE {_TAKEN} AND t.scope_id = e.scope_id
        AND t.key = e.key"""
    gone = f"e.scope_id IN ({SCOPE_IDS}) AND NOT EXISTS ({then})"
    namespace.journal.effects(db, seq, "delete", f"FROM entries e WHERE {gone}", own)
    namespace.journal.effects(db, seq, "set", f"FROM ({_changed('entries')}) e", own)
    kept = f"SELECT entry_id FROM snapshot_entries WHERE {_TAKEN}"
    db.execute(
        f"DELETE FROM entries WHERE scope_id IN ({SCOPE_IDS}) AND entry_id NOT IN ({kept})", own
    )


def _hold_references(db: sqlite3.Connection, own: dict[str, int]) -> None:
    """Let the ledger know that rows point at these references again."""
    held = f"SELECT ref_id FROM entries WHERE ref_id IS NOT NULL AND scope_id IN ({SCOPE_IDS})"
    db.execute(
        f"""UPDATE refs SET released_at = NULL, ns = :ns WHERE released_at IS NOT NULL
            AND ref_id IN ({held})""",
        own,
    )
    scope = "SELECT scope_id FROM entries e WHERE e.ref_id = refs.ref_id"
    db.execute(
        f"""UPDATE OR IGNORE refs SET scope_id = ({scope}) WHERE scope_id IS NULL
            AND ref_id IN ({held})""",
        own,
    )


def _restore_faults(db: sqlite3.Connection, namespace: Namespace, faults: list[list[Any]]) -> None:
    namespace.faults.forget(db)
    rows = [
        (fault_id, namespace.ns, fault, matched, fired)
        for fault_id, fault, matched, fired in faults
    ]
    db.executemany(
        "INSERT INTO faults (fault_id, ns, fault, matched, fired) VALUES (?, ?, ?, ?, ?)", rows
    )


# ---------------------------------------------------------------- diff

_KEYS = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, a.name AS asset, e.key, e.value
    FROM {entries} e
    JOIN {scopes} s ON s.scope_id = e.scope_id {and_scope}
    LEFT JOIN {dag_runs} r ON r.run_pk = s.run_pk {and_run} LEFT
    JOIN {assets} a ON a.asset_pk = s.asset_pk {and_asset}
    WHERE {mine} ORDER BY 1, 2, 3, 4, 5, 6"""
_NOW = _KEYS.format(
    entries="entries",
    scopes="scopes",
    dag_runs="dag_runs",
    assets="assets",
    and_scope="",
    and_run="",
    and_asset="",
    mine="coalesce(r.ns, a.ns) = :ns",
)
_THEN = _KEYS.format(
    entries="snapshot_entries",
    scopes="snapshot_scopes",
    dag_runs="snapshot_dag_runs",
    assets="snapshot_assets",
    and_scope="AND s.snapshot_pk = e.snapshot_pk",
    and_run="AND r.snapshot_pk = e.snapshot_pk",
    and_asset="AND a.snapshot_pk = e.snapshot_pk",
    mine="e.snapshot_pk = :snapshot",
)


def diff(namespace: Namespace, a: str, b: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """What changed from one snapshot to another, or to now: keys ``added``, ``removed`` and
    ``changed``.

    :returns: items ``{scope, key, value}``, of changed ones ``{scope, key, before, after}``, by
        their place.
    :raises SnapshotNotFound: if there is none of a name.
    """
    with namespace.database.snapshot() as db:
        before = _texts(db, namespace, a)
        after = _texts(db, namespace, b)
    return {
        "added": [_item(key, value=after[key]) for key in after if key not in before],
        "removed": [_item(key, value=before[key]) for key in before if key not in after],
        "changed": [
            _item(key, before=before[key], after=after[key])
            for key in before
            if key in after and before[key] != after[key]
        ],
    }


def _texts(
    db: sqlite3.Connection, namespace: Namespace, name: str | None
) -> dict[tuple[StoreScope, str], str]:
    """The JSON text of each key, of a snapshot or of now."""
    if name is None:
        found = rows(db, _NOW, {"ns": namespace.ns})
    else:
        found = rows(db, _THEN, {"snapshot": _find(db, namespace, name)[0]})
    return {(scope_from(row), row["key"]): row["value"] for row in found}


def _item(scoped_key: tuple[StoreScope, str], **texts: str) -> dict[str, Any]:
    scope, key = scoped_key
    members = {name: values.loads(text) for name, text in texts.items()}
    return {"scope": scope_document(scope), "key": key, **members}
