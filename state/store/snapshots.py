"""Take, restore and compare snapshots of a namespace.

A snapshot has copies of the namespace's rows, its configuration, its clock and its faults.
"""

from __future__ import annotations

import itertools
import json
import logging
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from operator import itemgetter
from typing import Any

from ..errors import DatabaseFull, NamespaceNotFound, SnapshotNotFound, StoreError
from ..model import values
from ..model.clock import Clock, to_text, to_wire
from ..model.names import HIDDEN, check_name, name_before
from ..model.scopes import CONTROL, Writer, scope_document, scope_from
from . import copies
from .database.connections import Database
from .database.slices import BYTES, in_slices
from .database.sql import each_row, rows
from .journal.journal import Event
from .namespace import Namespace
from .store import Store
from .tables import hidden, namespaces, references, scopes
from .tables.namespaces import write_clock

log = logging.getLogger("stateroom")
BEFORE_RESET = "before-reset"
_FEW = 10_000  # entries and XComs
_HIDE = f"name = '{HIDDEN}' || snapshot_pk"  # of one that is unfinished or dropped


def take(namespace: Namespace, name: str, writer: Writer = CONTROL) -> dict[str, Any]:
    """Take a snapshot, replacing one of the same name; returns it as :func:`listed` does.

    It is of the moment at which it is there, as a whole. Other writers get their turn meanwhile.

    :raises InvalidName: for an invalid name.
    """
    check_name(name, "snapshot name")
    with unfinished(namespace) as snapshot:
        with namespace.database.transaction() as db:
            take_within(db, namespace, name, snapshot)
            namespace.journal.write(db, Event("snapshot", writer, status=201, note=name))
            return next(row for row in _listed(db, namespace) if row["name"] == name)


def take_before(namespace: Namespace, what: str, writer: Writer = CONTROL) -> str | None:
    """Take a snapshot before something is lost, to return to.

    :param what: is going to be done, such as ``clear``.
    :returns: its name; None if the disk is full, where what frees room must not fail.
    """
    name = name_before(what)
    try:
        take(namespace, name, writer)
    except DatabaseFull:
        log.warning("%s without the snapshot %s: the disk is full", what, name)
        return None
    return name


@contextmanager
def unfinished(namespace: Namespace) -> Iterator[int | None]:
    """A snapshot that nobody sees yet, with copies of most values, for :func:`take_within`.

    What the block leaves of it, or has replaced by it, is deleted afterwards.

    :returns: its row; None for few values, a database in memory, or without a journal, where the
        number of a value does not tell whether it has changed.
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
    sizes: list[int] = []
    with namespace.database.reading() as db:
        for table in hidden.VALUES:
            sql = f"SELECT size FROM {table} WHERE scope_id IN ({scopes.OF_NAMESPACE}) LIMIT :most"
            rows_of_table = db.execute(sql, {"ns": namespace.ns, "most": _FEW + 1})
            sizes += [size for (size,) in rows_of_table]
    return len(sizes) <= _FEW and sum(sizes) <= BYTES


def _small() -> str:
    """The condition for snapshots that are restored or deleted at once."""
    xcoms = "SELECT count(*) FROM snapshot_xcoms x WHERE x.snapshot_pk = snapshots.snapshot_pk"
    return f"keys + ({xcoms}) <= {_FEW} AND size <= {BYTES}"


def _insert(db: sqlite3.Connection, namespace: Namespace) -> int:
    """A snapshot without rows and without a name."""
    name = f"{HIDDEN}{secrets.token_hex(8)}"
    row = (namespace.ns, name, "", "{}", "{}", "[]")
    cursor = db.execute(
        """INSERT INTO snapshots (ns, name, taken_at, config, clock, faults)
        VALUES (?, ?, ?, ?, ?, ?)""",
        row,
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _delete_hidden(namespace: Namespace) -> None:
    """Delete the scopes that nobody sees, and the snapshots that are unfinished or were dropped."""
    database = namespace.database
    hidden.delete(database, namespace.ns)
    with database.reading() as db:
        sql = "SELECT snapshot_pk FROM snapshots WHERE ns = ? AND name LIKE ? || '%'"
        unseen = [pk for (pk,) in db.execute(sql, (namespace.ns, HIDDEN))]
    for snapshot in unseen:
        _delete(database, snapshot)


def _delete(database: Database, snapshot: int) -> None:
    def delete_some(most: int) -> int:
        return database.free(lambda db: copies.drop_some(db, snapshot, most))

    in_slices(delete_some)
    sql = "DELETE FROM snapshots WHERE snapshot_pk = ?"
    database.free(lambda db: db.execute(sql, (snapshot,)))


def delete_leftovers(store: Store, delay: float = 0.0) -> None:
    """Delete what killed processes left of snapshots, restores and resets, in every namespace, in
    slices.

    It ends when the store is closed, and raises nothing: what is left then is deleted by the next
    start, or by the namespace's next snapshot.

    :param delay: seconds to wait before.
    """
    if store.ending.wait(delay):
        return
    try:
        with store.reading() as db:
            sql = """SELECT n.name FROM namespaces n
                WHERE EXISTS (SELECT 1 FROM snapshots s WHERE s.ns = n.ns AND s.name LIKE :like)
                OR EXISTS (SELECT 1 FROM namespaces o WHERE o.name = :hidden || n.ns)"""
            parameters = {"like": f"{HIDDEN}%", "hidden": HIDDEN}
            names = [name for (name,) in db.execute(sql, parameters)]
        for name in names:
            with suppress(NamespaceNotFound):  # dropped meanwhile, with its snapshots
                namespace = store.namespace(name)
                with namespace.taking:
                    _delete_hidden(namespace)
    except StoreError as error:
        if not store.ending.is_set():
            log.warning(
                "what was left of an unfinished snapshot, restore or reset takes room until the "
                "next start or the next snapshot: %s",
                error,
            )


def take_within(
    db: sqlite3.Connection, namespace: Namespace, name: str, snapshot: int | None = None
) -> None:
    """Take a snapshot inside the caller's transaction.

    :param snapshot: from :func:`unfinished`, whose copies need not be made again.
    """
    replaced = (namespace.ns, name)
    db.execute(f"DELETE FROM snapshots WHERE ns = ? AND name = ? AND {_small()}", replaced)
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
        keys = (SELECT count(*) FROM snapshot_entries e
         WHERE e.snapshot_pk = snapshots.snapshot_pk),
        size = (SELECT ifnull(sum(size), 0) FROM
         (SELECT size FROM snapshot_entries e WHERE e.snapshot_pk = snapshots.snapshot_pk
          UNION ALL
          SELECT size FROM snapshot_xcoms x WHERE x.snapshot_pk = snapshots.snapshot_pk))
        WHERE snapshot_pk = :snapshot""",
        {"name": name, "now": to_text(namespace.clock.now()), "snapshot": snapshot},
    )


def listed(namespace: Namespace) -> list[dict[str, Any]]:
    """The snapshots by name: ``name``, ``taken_at`` by the namespace's clock, ``keys`` (their
    number) and ``size`` of keys and XComs in bytes.
    """
    with namespace.database.reading() as db:
        return _listed(db, namespace)


def _listed(db: sqlite3.Connection, namespace: Namespace) -> list[dict[str, Any]]:
    sql = "SELECT name, taken_at, keys, size FROM snapshots WHERE ns = ? ORDER BY name"
    return [
        {**row, "taken_at": to_wire(row["taken_at"])}
        for row in rows(db, sql, (namespace.ns,))
        if not row["name"].startswith(HIDDEN)
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
        names = [row[0] for row in db.execute(sql, (namespace.ns,)) if row[0][0] != HIDDEN]
        raise SnapshotNotFound(name, names)
    return row


# ---------------------------------------------------------------- restore


def restore(namespace: Namespace, name: str, writer: Writer = CONTROL) -> None:
    """Return to a snapshot, with its clock, faults and configuration; the journal and the other
    snapshots stay.

    :raises SnapshotNotFound: if there is none of this name.
    """
    with ExitStack() as stack:
        is_prepared = stack.enter_context(_prepared(namespace, name))
        # the namespace's attributes change in the order of the commits
        stack.enter_context(namespace.database.lock)
        with namespace.database.transaction() as db:
            snapshot, config, clock, faults = _find(db, namespace, name)
            seq = namespace.journal.write(db, Event("restore", writer, status=204, note=name))
            _restore_rows(db, namespace, snapshot, seq, is_prepared)
            namespaces.write_config(db, namespace, json.loads(config))
            write_clock(db, namespace, Clock.from_json(json.loads(clock)))
            namespace.faults.replace(db, json.loads(faults))
        namespace.config = json.loads(config)
        namespace.set_clock(Clock.from_json(json.loads(clock)))
        namespace.faults.reload()


@contextmanager
def _prepared(namespace: Namespace, name: str) -> Iterator[bool]:
    """Most values of a snapshot, in scopes that nobody sees yet, for :func:`restore`.

    What the block leaves of them, or has replaced by them, is deleted afterwards.

    :returns: whether scopes that the snapshot does not have are to be left for deletion too; not
        for few entries, a database in memory, or without a journal, where the number of an entry
        does not tell whether it has changed.
    """
    with namespace.database.reading() as db:
        _find(db, namespace, name)
    with namespace.taking:
        _delete_hidden(namespace)  # what a killed process left may not come back
        try:
            yield _prepare(namespace, name)
        finally:
            _delete_hidden(namespace)


def _prepare(namespace: Namespace, name: str) -> bool:
    database = namespace.database
    if not database.is_file or not namespace.journal.is_kept:
        return False
    with database.reading() as db:
        snapshot = _find(db, namespace, name)[0]
        sql = f"SELECT {_small()} FROM snapshots WHERE snapshot_pk = ?"
        (is_small,) = db.execute(sql, (snapshot,)).fetchone()
    if is_small and _is_small(namespace):
        return False
    with database.transaction() as db:
        if not copies.prepare(db, namespace.ns, snapshot):
            return True
    for table in hidden.VALUES:
        _prepare_values(namespace, snapshot, table)
    return True


def _prepare_values(namespace: Namespace, snapshot: int, table: str) -> None:
    after = 0

    def copy(most: int) -> int:
        nonlocal after
        with namespace.database.transaction() as db:
            last = copies.prepare_some(db, namespace.ns, snapshot, table, after, most)
        if last is None:
            return 0
        after = last
        return most

    in_slices(copy)


def _restore_rows(
    db: sqlite3.Connection, namespace: Namespace, snapshot: int, seq: int, is_prepared: bool
) -> None:
    scopes.remember(db, namespace.ns)
    parameters = {"ns": namespace.ns, "snapshot": snapshot}
    namespace.journal.effects(db, seq, "delete", copies.ADDED_KEYS, parameters)
    namespace.journal.effects(db, seq, "set", copies.CHANGED_ENTRIES, parameters)
    copies.restore(db, namespace.ns, snapshot, is_hiding=is_prepared)
    references.hold_again(db, namespace.ns, scopes.OF_NAMESPACE)


# ---------------------------------------------------------------- diff

_ROWS_NOW = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
    a.name AS asset, e.key,
    e.{pk} AS pk, e.seq, {is_new} AS is_new
    FROM {table} e JOIN scopes s USING (scope_id)
    LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk)
    WHERE coalesce(r.ns, a.ns) = :ns"""
_ROWS_THEN = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
    a.name AS asset, e.key,
    e.{pk} AS pk, e.seq, {is_new} AS is_new
    FROM snapshot_{table} e JOIN snapshot_scopes s USING (snapshot_pk, scope_id)
    LEFT JOIN snapshot_dag_runs r USING (snapshot_pk, run_pk)
    LEFT JOIN snapshot_assets a USING (snapshot_pk, asset_pk)
    WHERE e.snapshot_pk = :{snapshot}"""
_NONE: tuple[str, Iterator[dict[str, Any]]] = ("", iter(()))
# the key of several assets of one name is compared once; its entries are then more than two
_DIFF = """SELECT * FROM
    (SELECT CASE WHEN min(is_new) THEN 'added' WHEN NOT max(is_new) THEN 'removed'
        WHEN count(*) > 2 OR min(seq) = 0 OR min(seq) < max(seq) OR min(pk) < max(pk)
        THEN 'changed' END AS list, dag_id, run_id, task_id, map_index, region_id, asset, key,
        max(pk) FILTER (WHERE NOT is_new) AS old, max(pk) FILTER (WHERE is_new) AS new
     FROM ({old} UNION ALL {new}) GROUP BY 2, 3, 4, 5, 6, 7, 8)
    WHERE list IS NOT NULL
    ORDER BY list = 'changed', list = 'removed', 2, 3, 4, 5, 6, 7, 8"""
_ATTEMPTS_NOW = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
    {is_new} AS is_new,
    json_object('id', t.id, 'state', t.state, 'try_number', t.try_number) AS attempt
    FROM task_instances t JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE r.ns = :ns AND t.superseded_at IS NULL"""
_ATTEMPTS_THEN = """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
    {is_new} AS is_new,
    json_object('id', t.id, 'state', t.state, 'try_number', t.try_number) AS attempt
    FROM snapshot_task_instances t JOIN snapshot_scopes s USING (snapshot_pk, scope_id)
    JOIN snapshot_dag_runs r USING (snapshot_pk, run_pk)
    WHERE t.snapshot_pk = :{snapshot} AND t.superseded_at IS NULL"""
_DIFF_OF_ATTEMPTS = """SELECT dag_id, run_id, task_id, map_index, region_id,
    max(attempt) FILTER (WHERE NOT is_new) AS old, max(attempt) FILTER (WHERE is_new) AS new
    FROM ({old} UNION ALL {new}) GROUP BY 1, 2, 3, 4, 5 HAVING old IS NOT new
    ORDER BY 1, 2, 3, 4, 5"""
Items = Iterator[dict[str, Any]]


def diff(namespace: Namespace, a: str, b: str | None = None) -> Iterator[tuple[str, Items]]:
    """The keys ``added``, ``removed`` and ``changed`` from one snapshot to another, in turn; then,
    where there are any, the ``xcoms`` and the ``task_instances`` that differ.

    Each list is to be read before the next is asked for. The lists have to be asked for, or closed:
    they hold a connection of the database.

    :param b: a snapshot's name; None compares with the current rows.
    :returns: items ``{scope, key, value}``, or ``{scope, key, before, after}`` for changed ones, in
        the order of their scopes and keys. XComs have ``before``, ``after`` or both, and so have
        task instances: the ``id``, the ``state`` and the ``try_number`` of the current attempt.
    :raises SnapshotNotFound: if there is none of a name; when the first list is asked for.
    """
    with namespace.database.snapshot() as db:
        old = _find(db, namespace, a)[0]
        new = None
        if b is not None:
            new = _find(db, namespace, b)[0]
        lists = itertools.groupby(_changed_rows(db, namespace, "entries", old, new), _LIST)
        filled, keys = next(lists, _NONE)
        for name in ("added", "removed", "changed"):
            if name != filled:
                yield name, iter(())
                continue
            yield name, filter(None, (_item(db, key, old, new) for key in keys))
            filled, keys = next(lists, _NONE)
        further = {
            "xcoms": _xcoms(db, namespace, old, new),
            "task_instances": _attempts(db, namespace, old, new),
        }
        for name, items in further.items():
            first = next(items, None)
            if first is not None:
                yield name, itertools.chain([first], items)


_LIST = itemgetter("list")


def _changed_rows(
    db: sqlite3.Connection, namespace: Namespace, table: str, old: int, new: int | None
) -> Items:
    """The rows of a table of values that may differ, by their numbers."""
    return _compared(db, namespace, old, new, _DIFF, (_ROWS_NOW, _ROWS_THEN), table)


def _compared(
    db: sqlite3.Connection,
    namespace: Namespace,
    old: int,
    new: int | None,
    sql: str,
    sources: tuple[str, str],
    table: str = "",
) -> Items:
    """The rows of a comparison.

    :param sources: a SELECT of the current rows, and one of a snapshot's.
    """
    now, then = sources
    names = {"table": table, "pk": copies.TABLES[table][0] if table else ""}
    if new is not None:
        now = then
    sql = sql.format(
        old=then.format(snapshot="old", is_new=0, **names),
        new=now.format(snapshot="new", is_new=1, **names),
    )
    return each_row(db, sql, {"ns": namespace.ns, "old": old, "new": new})


def _item(
    db: sqlite3.Connection, key: dict[str, Any], old: int, new: int | None
) -> dict[str, Any] | None:
    """A key with the value that it has in only one of the two, or with both of its values; None if
    they are equal.
    """
    item = _difference(db, "entries", key, old, new)
    if item is None or {"before", "after"} <= item.keys():
        return item
    side = "after" if "after" in item else "before"
    return {"scope": item["scope"], "key": item["key"], "value": item[side]}


def _difference(
    db: sqlite3.Connection, table: str, key: dict[str, Any], old: int, new: int | None
) -> dict[str, Any] | None:
    """What has ``before`` and ``after`` of it, as far as it has been or is; None if they are
    equal.
    """
    item = {"scope": scope_document(scope_from(key)), "key": key["key"]}
    before = None
    if key["old"] is not None:
        before = _text(db, table, key["old"], old)
        item["before"] = values.loads(before)
    if key["new"] is not None:
        after = _text(db, table, key["new"], new)
        if after == before:
            return None
        item["after"] = values.loads(after)
    return item


def _text(db: sqlite3.Connection, table: str, pk: int, snapshot: int | None) -> str:
    """The JSON text of a value.

    :param snapshot: None for the current one.
    """
    name = copies.TABLES[table][0]
    sql = f"SELECT value FROM {table} WHERE {name} = :pk"
    if snapshot is not None:
        sql = f"SELECT value FROM snapshot_{table} WHERE {name} = :pk AND snapshot_pk = :snapshot"
    text: str = db.execute(sql, {"pk": pk, "snapshot": snapshot}).fetchone()[0]
    return text


def _xcoms(db: sqlite3.Connection, namespace: Namespace, old: int, new: int | None) -> Items:
    keys = _changed_rows(db, namespace, "xcoms", old, new)
    return filter(None, (_difference(db, "xcoms", key, old, new) for key in keys))


def _attempts(db: sqlite3.Connection, namespace: Namespace, old: int, new: int | None) -> Items:
    sources = (_ATTEMPTS_NOW, _ATTEMPTS_THEN)
    for row in _compared(db, namespace, old, new, _DIFF_OF_ATTEMPTS, sources):
        sides = {"before": row["old"], "after": row["new"]}
        yield {
            "scope": scope_document(scope_from({**row, "asset": None})),
            **{name: values.loads(text) for name, text in sides.items() if text is not None},
        }
