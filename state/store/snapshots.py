"""Take, restore and compare snapshots of a namespace.

A snapshot has copies of the namespace's rows, its configuration, its clock and its faults.
"""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import NamespaceNotFound, SnapshotNotFound, StoreError
from ..model import values
from ..model.clock import Clock, to_text, to_wire
from ..model.names import check_name
from ..model.scopes import CONTROL, scope_document, scope_from
from .database.connections import Database
from .database.slices import BYTES, in_slices
from .database.sql import rows
from .journal.journal import Event
from .namespace import Namespace
from .store import Store
from .tables import copies, namespaces, references, scopes
from .tables.namespaces import write_clock

log = logging.getLogger("stateroom")
BEFORE_RESET = "before-reset"
_FEW = 10_000  # entries
_HIDDEN = "~"  # begins the name of a snapshot that is unfinished or dropped; no valid one
_HIDE = f"name = '{_HIDDEN}' || snapshot_pk"


def take(namespace: Namespace, name: str) -> dict[str, Any]:
    """Take a snapshot, replacing one of the same name; returns it as :func:`listed` does.

    It is of the moment at which it is there, as a whole. Other writers get their turn meanwhile.

    :raises InvalidName: for an invalid name.
    """
    check_name(name, "snapshot name")
    with unfinished(namespace) as snapshot:
        with namespace.database.transaction() as db:
            take_within(db, namespace, name, snapshot)
            namespace.journal.write(db, Event("snapshot", CONTROL, status=201, note=name))
            return next(row for row in _listed(db, namespace) if row["name"] == name)


@contextmanager
def unfinished(namespace: Namespace) -> Iterator[int | None]:
    """A snapshot that nobody sees yet, with copies of most entries, for :func:`take_within`.

    What the block leaves of it, or has replaced by it, is deleted afterwards.

    :returns: its row; None for few entries, a database in memory, or without a journal, where the
        number of an entry does not tell whether it has changed.
    """
    with namespace.taking:
        try:
            yield _copied(namespace)
        finally:
            _delete_hidden(namespace)


def _copied(namespace: Namespace) -> int | None:
    database = namespace.database
    if not database.is_file or not namespace.journal.is_kept or _is_small(namespace):
        return None
    with database.transaction() as db:
        snapshot = _insert(db, namespace)

    def copy(most: int) -> int:
        with database.transaction() as db:
            return copies.take_some(db, namespace.ns, snapshot, most)

    in_slices(copy)
    return snapshot


def _is_small(namespace: Namespace) -> bool:
    """Whether a namespace is copied at once in less time than a slice takes."""
    sql = f"SELECT size FROM entries WHERE scope_id IN ({scopes.OF_NAMESPACE}) LIMIT :most"
    with namespace.database.reading() as db:
        sizes = [size for (size,) in db.execute(sql, {"ns": namespace.ns, "most": _FEW + 1})]
    return len(sizes) <= _FEW and sum(sizes) <= BYTES


def _insert(db: sqlite3.Connection, namespace: Namespace) -> int:
    """A snapshot without rows and without a name."""
    name = f"{_HIDDEN}{secrets.token_hex(8)}"
    row = (namespace.ns, name, "", "{}", "{}", "[]")
    cursor = db.execute(
        """INSERT INTO snapshots (ns, name, taken_at, config, clock, faults)
        VALUES (?, ?, ?, ?, ?, ?)""",
        row,
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _delete_hidden(namespace: Namespace) -> None:
    """Delete the snapshots that are unfinished or were dropped."""
    database = namespace.database
    with database.reading() as db:
        sql = "SELECT snapshot_pk FROM snapshots WHERE ns = ? AND name LIKE ? || '%'"
        hidden = [pk for (pk,) in db.execute(sql, (namespace.ns, _HIDDEN))]
    for snapshot in hidden:
        _delete(database, snapshot)


def _delete(database: Database, snapshot: int) -> None:
    def delete_some(most: int) -> int:
        return database.free(lambda db: copies.drop_some(db, snapshot, most))

    in_slices(delete_some)
    sql = "DELETE FROM snapshots WHERE snapshot_pk = ?"
    database.free(lambda db: db.execute(sql, (snapshot,)))


def delete_leftovers(store: Store, delay: float = 0.0) -> None:
    """Delete what killed processes left of snapshots, in every namespace, in slices.

    It ends when the store is closed, and raises nothing: what is left then is deleted by the next
    start, or by the namespace's next snapshot.

    :param delay: seconds to wait before.
    """
    if store.ending.wait(delay):
        return
    try:
        with store.reading() as db:
            sql = """SELECT DISTINCT n.name FROM snapshots s JOIN namespaces n USING (ns)
                WHERE s.name LIKE ? || '%'"""
            names = [name for (name,) in db.execute(sql, (_HIDDEN,))]
        for name in names:
            with suppress(NamespaceNotFound):  # dropped meanwhile, with its snapshots
                namespace = store.namespace(name)
                with namespace.taking:
                    _delete_hidden(namespace)
    except StoreError as error:
        if not store.ending.is_set():
            log.warning(
                "what was left of an unfinished snapshot takes room until the next start or the "
                "next snapshot: %s",
                error,
            )


def take_within(
    db: sqlite3.Connection, namespace: Namespace, name: str, snapshot: int | None = None
) -> None:
    """Take a snapshot inside the caller's transaction.

    :param snapshot: from :func:`unfinished`, whose copies need not be made again.
    """
    replaced = (namespace.ns, name)
    small = f"keys <= {_FEW} AND size <= {BYTES}"
    db.execute(f"DELETE FROM snapshots WHERE ns = ? AND name = ? AND {small}", replaced)
    db.execute(f"UPDATE snapshots SET {_HIDE} WHERE ns = ? AND name = ?", replaced)
    if snapshot is None:
        snapshot = _insert(db, namespace)
    copies.take(db, namespace.ns, snapshot)
    db.execute(
        """UPDATE snapshots SET name = :name, taken_at = :now, (config, clock, faults) =
        (SELECT config, clock,
            (SELECT json_group_array(json_array(fault_id, fault, matched, fired))
             FROM faults f WHERE f.ns = n.ns)
         FROM namespaces n WHERE n.ns = snapshots.ns),
        (keys, size) = (SELECT count(*), ifnull(sum(size), 0) FROM snapshot_entries e
         WHERE e.snapshot_pk = snapshots.snapshot_pk)
        WHERE snapshot_pk = :snapshot""",
        {"name": name, "now": to_text(namespace.clock.now()), "snapshot": snapshot},
    )


def listed(namespace: Namespace) -> list[dict[str, Any]]:
    """The snapshots by name: ``name``, ``taken_at`` by the namespace's clock, ``keys`` (their
    number) and ``size`` in bytes.
    """
    with namespace.database.reading() as db:
        return _listed(db, namespace)


def _listed(db: sqlite3.Connection, namespace: Namespace) -> list[dict[str, Any]]:
    sql = "SELECT name, taken_at, keys, size FROM snapshots WHERE ns = ? ORDER BY name"
    return [
        {**row, "taken_at": to_wire(row["taken_at"])}
        for row in rows(db, sql, (namespace.ns,))
        if not row["name"].startswith(_HIDDEN)
    ]


def drop(namespace: Namespace, name: str) -> None:
    """Drop a snapshot.

    :raises SnapshotNotFound: if there is none of this name.
    """

    def act(db: sqlite3.Connection) -> None:
        snapshot = _find(db, namespace, name)[0]
        db.execute(f"UPDATE snapshots SET {_HIDE} WHERE snapshot_pk = ?", (snapshot,))

    with namespace.taking:
        namespace.database.free(act)
        _delete_hidden(namespace)


def _find(db: sqlite3.Connection, namespace: Namespace, name: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(
        "SELECT snapshot_pk, config, clock, faults FROM snapshots WHERE ns = ? AND name = ?",
        (namespace.ns, name),
    ).fetchone()
    if row is None:
        sql = "SELECT name FROM snapshots WHERE ns = ? ORDER BY name"
        names = [row[0] for row in db.execute(sql, (namespace.ns,)) if row[0][0] != _HIDDEN]
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

_Key = tuple[Any, ...]  # the coordinates of its scope, and its name

_KEYS = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, a.name AS asset, e.key,
    e.entry_id, e.seq
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
        old = _Keys(db, namespace, a)
        new = _Keys(db, namespace, b)
        added = [key for key in new.versions if key not in old.versions]
        removed = [key for key in old.versions if key not in new.versions]
        kept = [key for key in old.versions if key in new.versions]
        changed = [key for key in kept if old.differs(new, key)]
        return {
            "added": [_item(key, value=new.text(key)) for key in added],
            "removed": [_item(key, value=old.text(key)) for key in removed],
            "changed": [_item(key, before=old.text(key), after=new.text(key)) for key in changed],
        }


class _Keys:
    """The keys of a snapshot or of now, in their order.

    :ivar versions: entry and number of the write of each, by its coordinates and its name.
    """

    def __init__(self, db: sqlite3.Connection, namespace: Namespace, name: str | None) -> None:
        self._db = db
        self._snapshot: int | None = None
        sql = _NOW
        if name is not None:
            self._snapshot = _find(db, namespace, name)[0]
            sql = _THEN
        keys = db.execute(sql, {"ns": namespace.ns, "snapshot": self._snapshot})
        self.versions = {tuple(key): (entry, seq) for *key, entry, seq in keys}

    def text(self, key: _Key) -> str:
        """The JSON text of a key."""
        sql = "SELECT value FROM entries WHERE entry_id = :entry"
        if self._snapshot is not None:
            sql = "SELECT value FROM snapshot_entries WHERE entry_id = :entry AND snapshot_pk = :pk"
        entry, _ = self.versions[key]
        parameters = {"entry": entry, "pk": self._snapshot}
        text: str = self._db.execute(sql, parameters).fetchone()[0]
        return text

    def differs(self, other: _Keys, key: _Key) -> bool:
        """Whether the value of a key is another than there."""
        version = self.versions[key]
        is_same_write = version == other.versions[key] and version[1] > 0
        return not is_same_write and self.text(key) != other.text(key)


def _item(key: _Key, **texts: str) -> dict[str, Any]:
    row = dict(zip(("dag_id", "run_id", "task_id", "map_index", "asset"), key, strict=False))
    members = {name: values.loads(text) for name, text in texts.items()}
    return {"scope": scope_document(scope_from(row)), "key": key[-1], **members}
