"""Take, restore and compare snapshots of a namespace.

A snapshot has copies of the namespace's rows, its configuration, its clock and its faults.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ..errors import SnapshotNotFound
from ..model import values
from ..model.clock import Clock, to_text, to_wire
from ..model.names import check_name
from ..model.scopes import CONTROL, StoreScope, scope_document, scope_from
from .database.sql import rows
from .journal.journal import Event
from .namespace import Namespace
from .tables import copies, namespaces, references, scopes
from .tables.namespaces import write_clock

BEFORE_RESET = "before-reset"


def take(namespace: Namespace, name: str) -> dict[str, Any]:
    """Take a snapshot, replacing one of the same name; returns it as :func:`listed` does.

    :raises InvalidName: for an invalid name.
    """
    check_name(name, "snapshot name")
    with namespace.database.transaction() as db:
        take_within(db, namespace, name)
        namespace.journal.write(db, Event("snapshot", CONTROL, status=201, note=name))
    return next(row for row in listed(namespace) if row["name"] == name)


def take_within(db: sqlite3.Connection, namespace: Namespace, name: str) -> None:
    """Take a snapshot inside the caller's transaction."""
    db.execute("DELETE FROM snapshots WHERE ns = ? AND name = ?", (namespace.ns, name))
    row = (namespace.ns, name, to_text(namespace.clock.now()))
    cursor = db.execute(
        """INSERT INTO snapshots (ns, name, taken_at, config, clock, faults)
        SELECT ns, ?2, ?3, config, clock,
            (SELECT json_group_array(json_array(fault_id, fault, matched, fired))
             FROM faults f WHERE f.ns = ?1)
        FROM namespaces WHERE ns = ?1""",
        row,
    )
    assert cursor.lastrowid is not None
    copies.take(db, namespace.ns, cursor.lastrowid)
    db.execute(
        """UPDATE snapshots SET (keys, size) = (SELECT count(*), ifnull(sum(size), 0)
            FROM snapshot_entries e
        WHERE e.snapshot_pk = snapshots.snapshot_pk) WHERE snapshot_pk = ?""",
        (cursor.lastrowid,),
    )


def is_needed(db: sqlite3.Connection, namespace: Namespace) -> bool:
    """Whether a reset would delete anything of a namespace."""
    sql = """SELECT EXISTS (SELECT 1 FROM dag_runs WHERE ns = ?1) OR EXISTS (SELECT 1 FROM assets
        WHERE ns = ?1)"""
    return bool(db.execute(sql, (namespace.ns,)).fetchone()[0])


def listed(namespace: Namespace) -> list[dict[str, Any]]:
    """The snapshots by name: ``name``, ``taken_at`` by the namespace's clock, ``keys`` (their
    number) and ``size`` in bytes.
    """
    sql = "SELECT name, taken_at, keys, size FROM snapshots WHERE ns = ? ORDER BY name"
    with namespace.database.reading() as db:
        snapshots = rows(db, sql, (namespace.ns,))
    return [{**row, "taken_at": to_wire(row["taken_at"])} for row in snapshots]


def drop(namespace: Namespace, name: str) -> None:
    """Drop a snapshot.

    :raises SnapshotNotFound: if there is none of this name.
    """

    def act(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM snapshots WHERE snapshot_pk = ?", (_find(db, namespace, name)[0],))

    namespace.database.free(act)


def _find(db: sqlite3.Connection, namespace: Namespace, name: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(
        "SELECT snapshot_pk, config, clock, faults FROM snapshots WHERE ns = ? AND name = ?",
        (namespace.ns, name),
    ).fetchone()
    if row is None:
        sql = "SELECT name FROM snapshots WHERE ns = ? ORDER BY name"
        names = [row[0] for row in db.execute(sql, (namespace.ns,))]
        raise SnapshotNotFound(name, names)
    return row


# ---------------------------------------------------------------- restore


def restore(namespace: Namespace, name: str) -> None:
    """Return to a snapshot, with its clock, faults and configuration; the journal and the other
    snapshots stay.

    :raises SnapshotNotFound: if there is none of this name.
    """
    with namespace.database.lock:  # the namespace's attributes change in the order of the commits
        with namespace.database.transaction() as db:
            snapshot, config, clock, faults = _find(db, namespace, name)
            seq = namespace.journal.write(db, Event("restore", CONTROL, status=204, note=name))
            _restore_rows(db, namespace, snapshot, seq)
            namespaces.write_config(db, namespace, json.loads(config))
            write_clock(db, namespace, Clock.from_json(json.loads(clock)))
            namespace.faults.replace(db, json.loads(faults))
        namespace.config = json.loads(config)
        namespace.set_clock(Clock.from_json(json.loads(clock)))
        namespace.faults.reload()


def _restore_rows(db: sqlite3.Connection, namespace: Namespace, snapshot: int, seq: int) -> None:
    scopes.remember(db, namespace.ns)
    parameters = {"ns": namespace.ns, "snapshot": snapshot}
    namespace.journal.effects(db, seq, "delete", copies.ADDED_KEYS, parameters)
    namespace.journal.effects(db, seq, "set", copies.CHANGED_ENTRIES, parameters)
    copies.restore(db, namespace.ns, snapshot)
    references.hold_again(db, namespace.ns, scopes.OF_NAMESPACE)


# ---------------------------------------------------------------- diff

_KEYS = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, a.name AS asset, e.key, e.value
    FROM {entries} e
    JOIN {scopes} s ON s.scope_id = e.scope_id {and_scope}
    LEFT JOIN {dag_runs} r ON r.run_pk = s.run_pk {and_run}
    LEFT JOIN {assets} a ON a.asset_pk = s.asset_pk {and_asset}
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
    """The keys ``added``, ``removed`` and ``changed`` from one snapshot to another.

    :param b: a snapshot's name; None compares with the current keys.
    :returns: items ``{scope, key, value}``, or ``{scope, key, before, after}`` for changed ones, in
        the order of their scopes and keys.
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
        entries = rows(db, _NOW, {"ns": namespace.ns})
    else:
        entries = rows(db, _THEN, {"snapshot": _find(db, namespace, name)[0]})
    return {(scope_from(row), row["key"]): row["value"] for row in entries}


def _item(scoped_key: tuple[StoreScope, str], **texts: str) -> dict[str, Any]:
    scope, key = scoped_key
    members = {name: values.loads(text) for name, text in texts.items()}
    return {"scope": scope_document(scope), "key": key, **members}
