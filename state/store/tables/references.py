"""The table ``refs``, the ledger of references: who made them, and whether rows point at them.

A row is one reference under one key of one scope, and stays after them. ``vouched`` is true if the
service's own backend made the reference; a header is no evidence. Moments are real time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ...model.clock import Clock, from_text, to_text
from ...model.names import HIDDEN
from ...model.reference_facts import Facts, Released
from ...model.scopes import Writer
from ..database.connections import Database
from ..database.sql import in_range, row_as_dict, rows
from ..namespace import Namespace

_POINTED = """(EXISTS (SELECT 1 FROM entries e WHERE e.ref_id = {row}.ref_id)
    OR EXISTS (SELECT 1 FROM snapshot_entries e WHERE e.ref_id = {row}.ref_id))"""
_HELD = f"EXISTS (SELECT 1 FROM refs h WHERE h.ref = {{ref}} AND {_POINTED.format(row='h')})"
_HELD_REF = _HELD.format(ref="f.ref")
_FORGET = f"""DELETE FROM refs WHERE ref = ? AND released_at IS NOT NULL
    AND NOT {_POINTED.format(row="refs")}"""
_HEALTH = f"CASE WHEN f.released_at IS NULL OR {_HELD_REF} THEN f.health ELSE 'orphan' END"
_ROWS = f"""SELECT f.ref_id, f.backend, f.ref, f.key, f.size, f.sha256, f.vouched, f.written_at,
    f.writer_kind, f.writer_ti_id, {_HEALTH} AS health, f.checked_at, f.released_at,
    f.scope_id, r.dag_id, r.run_id, s.task_id, s.map_index, s.region AS region_id,
    a.name AS asset, a.id AS asset_id
    FROM refs f LEFT JOIN scopes s ON s.scope_id = f.scope_id AND s.region <> '{HIDDEN}'
    LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk) WHERE f.ns = ?"""
_ENTER = """INSERT INTO refs (ns, scope_id, key, ref, backend, size, sha256, vouched, written_at,
    writer_kind, writer_ti_id, released_at)
    VALUES (:ns, :scope_id, :key, :ref, :backend, :size, :sha256, :vouched, :written_at,
    :writer_kind, :writer_ti_id, :released_at)
    ON CONFLICT (scope_id, key, ref) DO UPDATE SET backend = coalesce(excluded.backend, backend),
    size = excluded.size, sha256 = excluded.sha256,
    vouched = excluded.vouched OR vouched AND backend IS coalesce(excluded.backend, backend),
    written_at = excluded.written_at, writer_kind = excluded.writer_kind,
    writer_ti_id = excluded.writer_ti_id,
    health = 'unchecked', checked_at = NULL, released_at = excluded.released_at
    RETURNING ref_id"""


def real_time() -> str:
    """The current moment, whatever a namespace's clock shows."""
    return to_text(Clock().now())


def enter(
    db: sqlite3.Connection,
    ns: int,
    scope_id: int | None,
    key: str,
    ref: str,
    facts: Facts | None,
    writer: Writer,
    vouched: bool,
    released_at: str | None = None,
) -> int:
    """Add a reference under a key, or update it; inside the caller's transaction.

    :param released_at: real time, for a reference that no row will point at.
    :returns: the id of its row.
    """
    row = {
        "ns": ns,
        "scope_id": scope_id,
        "key": key,
        "ref": ref,
        "backend": None,
        "size": None,
        "sha256": None,
        "vouched": vouched,
        "written_at": real_time(),
        "writer_kind": writer.kind.value,
        "writer_ti_id": writer.ti_id,
        "released_at": released_at,
    }
    if facts is not None:
        row |= {"backend": facts.backend, "size": facts.size, "sha256": facts.sha256}
    (ref_id,) = db.execute(_ENTER, row).fetchone()
    return int(ref_id)


def unheld(db: sqlite3.Connection, ref_id: int) -> str | None:
    """The reference of a row if nothing points at it any more; None if something does."""
    (ref,) = db.execute("SELECT ref FROM refs WHERE ref_id = ?", (ref_id,)).fetchone()
    return None if is_held(db, ref) else str(ref)


def record_orphan(
    namespace: Namespace,
    scope_id: int | None,
    key: str,
    ref: str,
    facts: Facts,
    writer: Writer,
) -> None:
    """Add a reference that the service's backend made and no row will point at; one that the key
    holds stays held.
    """
    with namespace.database.transaction() as db:
        entry = db.execute(
            """SELECT 1 FROM entries e JOIN refs f USING (ref_id) WHERE e.scope_id = ? AND e.key = ?
                AND f.ref = ?""",
            (scope_id, key, ref),
        ).fetchone()
        if entry is None:
            enter(
                db,
                namespace.ns,
                scope_id,
                key,
                ref,
                facts,
                writer,
                vouched=True,
                released_at=real_time(),
            )


def is_held(db: sqlite3.Connection, ref: str) -> bool:
    """Whether a row in any namespace, or in a snapshot, points at a reference."""
    (is_held,) = db.execute(f"SELECT {_HELD.format(ref='?')}", (ref,)).fetchone()
    return bool(is_held)


def is_vouched_elsewhere(database: Database, ref: str, scope_id: int) -> bool:
    """Whether this service made a reference for another scope than this one."""
    with database.reading() as db:
        (found,) = db.execute(
            "SELECT EXISTS (SELECT 1 FROM refs WHERE ref = ? AND vouched AND scope_id IS NOT ?)",
            (ref, scope_id),
        ).fetchone()
    return bool(found)


class Provenance(NamedTuple):
    """The origin of a reference by the ledger, in all namespaces together.

    :param backends: the names of the backends that made it by the writers' word; None among them
        for a writer that gave none.
    :param vouched_by: the names of the backends with which this service made it.
    :param written_at: of the last write; None if the ledger does not have the reference.
    """

    backends: set[str | None]
    vouched_by: set[str]
    written_at: datetime | None


def provenance(db: sqlite3.Connection, ref: str) -> Provenance:
    """Look up a reference."""
    sql = "SELECT backend, vouched, written_at FROM refs WHERE ref = ?"
    writes = db.execute(sql, (ref,)).fetchall()
    backends = {backend for backend, _, _ in writes}
    vouched_by = {backend for backend, vouched, _ in writes if vouched}
    written_at = max((from_text(moment) for _, _, moment in writes), default=None)
    return Provenance(backends, vouched_by, written_at)


def page(
    namespace: Namespace, health: str | None, backend: str | None, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """A page of the references of a namespace, oldest first, and the total.

    :param health: one of :data:`state.model.reference_facts.HEALTH`, or None for any.
    :param backend: a backend's name, or None for any.
    """
    columns = {"health": health, "backend": backend}
    conditions = {name: value for name, value in columns.items() if value is not None}
    where = " AND ".join(f"{name} = ?" for name in conditions) or "1"
    sql = f"SELECT * FROM ({_ROWS}) WHERE {where}"
    parameters = [namespace.ns, *conditions.values()]
    with namespace.database.snapshot() as db:
        (total,) = db.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchone()
        page = rows(
            db,
            f"{sql} ORDER BY ref_id LIMIT ? OFFSET ?",
            [*parameters, limit, in_range("offset", offset)],
        )
    return page, total


def after(namespace: Namespace, ref_id: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """A page of the references after an id, in the order of ids, and the total after it."""
    with namespace.database.snapshot() as db:
        (total,) = db.execute(
            "SELECT count(*) FROM refs WHERE ns = ? AND ref_id > ?", (namespace.ns, ref_id)
        ).fetchone()
        page = rows(
            db, f"{_ROWS} AND f.ref_id > ? ORDER BY f.ref_id LIMIT ?", (namespace.ns, ref_id, limit)
        )
    return page, total


def released(namespace: Namespace) -> list[dict[str, Any]]:
    """The references of a namespace that no row in any namespace points at."""
    with namespace.database.reading() as db:
        return rows(
            db, f"SELECT * FROM ({_ROWS}) WHERE health = 'orphan' ORDER BY ref_id", (namespace.ns,)
        )


def held_by(db: sqlite3.Connection, scope_id: int, key: str | None = None) -> list[str]:
    """The references of a key, or of all keys of a scope, in the order of their writes."""
    where, parameters = _of(scope_id, key)
    # by kind, so that SQLite reads the index of references and not the values before the column
    sql = f"""SELECT DISTINCT f.ref FROM entries e JOIN refs f USING (ref_id)
        WHERE e.scope_id = :scope_id AND e.kind <> 'value' {where.format(row="e")}
        ORDER BY e.ref_id"""
    return [ref for (ref,) in db.execute(sql, parameters)]


def released_by(
    db: sqlite3.Connection, held: Iterable[str], scope_id: int, key: str | None = None
) -> Released:
    """The references that the deletion of a key, or of all keys of a scope, has released; asked in
    the same transaction.

    Those that were released before are not among them: their objects are removed, or orphans.

    :param held: what :func:`held_by` returned before the deletion.
    """
    where, parameters = _of(scope_id, key)
    (is_kept,) = db.execute(
        f"""SELECT EXISTS (SELECT 1 FROM refs f WHERE f.scope_id = :scope_id
            {where.format(row="f")} AND {_HELD_REF})""",
        parameters,
    ).fetchone()
    return Released(tuple(ref for ref in held if not is_held(db, ref)), bool(is_kept))


def released_of(namespace: Namespace, scope_id: int, key: str | None = None) -> list[str]:
    """The references of a key, or of all keys of a scope, that no row points at any more."""
    where, parameters = _of(scope_id, key)
    sql = f"""SELECT DISTINCT f.ref FROM refs f WHERE f.scope_id = :scope_id
        {where.format(row="f")} AND NOT {_HELD_REF}"""
    with namespace.database.reading() as db:
        return [ref for (ref,) in db.execute(sql, parameters)]


def _of(scope_id: int, key: str | None) -> tuple[str, dict[str, Any]]:
    """A condition in SQL with ``{row}``, beside that for the scope, and its parameters."""
    if key is None:
        return "", {"scope_id": scope_id}
    return "AND {row}.key = :key", {"scope_id": scope_id, "key": key}


def of_key(namespace: Namespace, scope_id: int, key: str, ref: str) -> dict[str, Any] | None:
    """A reference that a key holds or held; None if the ledger does not have it."""
    with namespace.database.reading() as db:
        sql = f"{_ROWS} AND f.scope_id = ? AND f.key = ? AND f.ref = ?"
        return row_as_dict(db, sql, (namespace.ns, scope_id, key, ref)) or None


def set_health(database: Database, ref_id: int, health: str) -> None:
    """Store the result of a check."""
    with database.transaction() as db:
        db.execute(
            "UPDATE refs SET health = ?, checked_at = ? WHERE ref_id = ?",
            (health, real_time(), ref_id),
        )


def forget(database: Database, ref: str) -> None:
    """Delete the released rows of a reference whose object does not exist any more."""
    database.free(lambda db: db.execute(_FORGET, (ref,)))


def to_check(
    namespace: Namespace, after: int, released: timedelta, checked: timedelta, limit: int
) -> list[dict[str, Any]]:
    """References that no row points at any more and whose objects were not looked for lately.

    :param after: the last ``ref_id`` of the page before, 0 for the first.
    :param released: the shortest time since their release.
    :param checked: the shortest time since their last check after it.
    """
    now = Clock().now()
    parameters = {
        "ns": namespace.ns,
        "after": after,
        "released": to_text(now - released),
        "checked": to_text(now - checked),
        "limit": limit,
    }
    sql = f"""SELECT f.ref_id, f.ref, f.backend, f.vouched FROM refs f WHERE f.ns = :ns
        AND f.ref_id > :after AND f.released_at < :released
        AND (f.checked_at IS NULL OR f.checked_at < max(f.released_at, :checked))
        AND NOT {_HELD_REF} ORDER BY f.ref_id LIMIT :limit"""
    with namespace.database.reading() as db:
        return rows(db, sql, parameters)


def checked(database: Database, ref_ids: list[int], missing: list[str]) -> None:
    """Store that the objects of some references were looked for, and forget the missing ones."""
    parameters = [(real_time(), ref_id) for ref_id in ref_ids]

    def act(db: sqlite3.Connection) -> None:
        db.executemany(_FORGET, [(ref,) for ref in missing])
        db.executemany("UPDATE refs SET checked_at = ? WHERE ref_id = ?", parameters)

    database.free(act)


def remove(
    database: Database,
    ref: str,
    may: Callable[[sqlite3.Connection], bool],
    act: Callable[[str], None],
) -> bool:
    """Remove the object behind a reference that no row points at; returns whether it was removed.

    The look-up and the decision are one transaction. A write of the same reference waits until the
    object is removed, so that its accessor notices that and writes the object again.

    :param may: a further condition, checked in the same transaction.
    :param act: removes the object; its exceptions are raised, and the ledger keeps the reference.
    """

    def is_free(db: sqlite3.Connection) -> bool:
        return not is_held(db, ref) and not database.removals.is_expected(ref) and may(db)

    with database.lock:  # nothing is written between the look and the beginning
        if not database.free(is_free):
            return False
        database.removals.begin(ref)
    try:
        act(ref)
        forget(database, ref)
    finally:
        database.removals.end(ref)
    return True


def hold_again(db: sqlite3.Connection, ns: int, scope_ids: str) -> None:
    """Mark the references of entries that came back as held, inside the caller's transaction.

    :param scope_ids: a SELECT of the entries' scopes, in SQL with ``:ns``.
    """
    # + so that SQLite reads the index of references, and not all entries of these scopes
    ref_ids = f"SELECT ref_id FROM entries WHERE ref_id IS NOT NULL AND +scope_id IN ({scope_ids})"
    db.execute(
        f"""UPDATE refs SET released_at = NULL, ns = :ns WHERE released_at IS NOT NULL
            AND ref_id IN ({ref_ids})""",
        {"ns": ns},
    )
    scope_id = "SELECT scope_id FROM entries e WHERE e.ref_id = refs.ref_id"
    db.execute(
        f"""UPDATE OR IGNORE refs SET scope_id = ({scope_id}) WHERE scope_id IS NULL
            AND ref_id IN ({ref_ids})""",
        {"ns": ns},
    )


def hand_over(db: sqlite3.Connection, ns: int, heir: str) -> None:
    """Move the references of a namespace to another one, inside the caller's transaction.

    :param heir: the other namespace's name.
    """
    db.execute(
        "UPDATE refs SET ns = (SELECT ns FROM namespaces WHERE name = ?) WHERE ns = ?", (heir, ns)
    )


def healths(namespace: Namespace) -> dict[str, int]:
    """The number of references of each health."""
    with namespace.database.reading() as db:
        sql = f"SELECT health, count(*) FROM ({_ROWS}) GROUP BY health"
        return dict(db.execute(sql, (namespace.ns,)).fetchall())
