"""The table of entries."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from ... import words
from ...errors import ReferenceTooLong, TaskInstanceNotFound
from ...model import envelope
from ...model.reference_facts import Facts
from ...model.scopes import API_WRITER, TaskScope, Writer
from ..database.budget import spend
from ..journal.journal import Event
from ..namespace import Namespace
from . import references

_ROW = 200  # bytes of a call's budget that take as long to read as a row takes to be deleted
# constants, because SQLite's statement cache is keyed by the text
_UPDATE = """UPDATE entries SET value = :value, kind = :kind, size = :size,
    updated_at = :updated_at, expires_at = :expires_at, expires_by = :expires_by,
    writer_kind = :writer_kind, writer_ti_pk = :writer_ti_pk, seq = :seq
    WHERE scope_id = :scope_id AND key = :key RETURNING ref_id"""
_INSERT = """INSERT INTO entries
    (scope_id, key, value, kind, size, updated_at, expires_at, expires_by, writer_kind,
    writer_ti_pk, seq)
    VALUES (:scope_id, :key, :value, :kind, :size, :updated_at, :expires_at, :expires_by,
    :writer_kind, :writer_ti_pk, :seq)"""


class NewEntry(NamedTuple):
    """A row as :func:`put_entry` takes it: moments as text in UTC, the value as JSON text.

    :param expires_by: by whose clock the expiry was counted; None without an expiry.
    :param seq: the number of the write in the journal.
    """

    scope_id: int
    key: str
    value: str
    kind: str
    size: int
    updated_at: str
    expires_at: str | None
    expires_by: str | None
    writer_kind: str
    writer_ti_pk: int | None
    seq: int


def put_entry(
    db: sqlite3.Connection,
    ns: int,
    entry: NewEntry,
    ref: str | None,
    writer: Writer,
    facts: Facts | None = None,
    vouched: bool = False,
) -> str | None:
    """Create or overwrite an entry, and the ledger's row of its reference, inside the caller's
    transaction.

    :param ref: the reference in its value, if the value is an envelope. One that is a long JSON
        text names no object, and has no row in the ledger.
    :param writer: who is recorded in the ledger.
    :returns: the replaced reference, if there was one and no other row points at it.
    :raises ReferenceTooLong: for one of more than :data:`envelope.LONGEST` characters.
    """
    if ref is not None and len(ref) > envelope.LONGEST:
        if not envelope.is_text(ref):
            raise ReferenceTooLong(len(ref), envelope.LONGEST)
        ref = None
    columns = entry._asdict()
    row = db.execute(_UPDATE, columns).fetchone()
    held = None
    if row is not None:
        (held,) = row
    else:  # an upsert in one statement takes twice as long as an UPDATE
        db.execute(_INSERT, columns)
    if held is None and ref is None:
        return None
    ref_id = None
    if ref is not None:
        ref_id = references.enter(db, ns, entry.scope_id, entry.key, ref, facts, writer, vouched)
    db.execute(
        "UPDATE entries SET ref_id = ? WHERE scope_id = ? AND key = ?",
        (ref_id, entry.scope_id, entry.key),
    )
    if held is None or held == ref_id:
        return None
    return references.unheld(db, held)


def clear(
    db: sqlite3.Connection,
    namespace: Namespace,
    writer: Writer,
    scope_id: int | None,
    where: str,
    parameters: tuple[Any, ...],
) -> int:
    """Remove entries inside the caller's transaction, with an event for the call and one for each
    key; returns the number of the call's.

    :param where: which entries, in SQL over ``e``.
    """
    note = words.count(count_to_remove(db, where, parameters), "key")
    seq = namespace.journal.write(db, Event("clear", writer, scope_id, None, 204, note=note))
    remove_with_effects(db, namespace, writer, seq, where, parameters)
    return seq


def count_to_remove(db: sqlite3.Connection, where: str, parameters: Any) -> int:
    """The number of entries that a call is about to remove, which its budget has to allow.

    :param where: which entries, in SQL over ``e``.
    """
    (count,) = db.execute(f"SELECT count(*) FROM entries e WHERE {where}", parameters).fetchone()
    spend(count * _ROW)
    return int(count)


def remove_with_effects(
    db: sqlite3.Connection,
    namespace: Namespace,
    writer: Writer,
    parent: int,
    where: str,
    parameters: Any,
) -> int:
    """Remove entries inside the caller's transaction, with an event for each; returns their number.

    :param parent: the number of the event of which these are effects.
    :param where: which entries, in SQL over ``e``.
    """
    namespace.journal.removals(db, parent, writer, where, parameters)
    return remove(db, where, parameters)


def remove(db: sqlite3.Connection, where: str, parameters: Any) -> int:
    """Remove entries inside the caller's transaction; returns their number.

    :param where: which entries, in SQL over ``e``.
    """
    return db.execute(f"DELETE FROM entries AS e WHERE {where}", parameters).rowcount


def clear_all_map_indices(
    namespace: Namespace, scope: TaskScope, writer: Writer = API_WRITER
) -> None:
    """Remove every key of a task in one run, or in one region of it, of all its map indices.

    :raises TaskInstanceNotFound: if the task has no instance in this run.
    """
    where = "r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND s.task_id = ? AND s.region = ?"
    scopes = f"SELECT s.scope_id FROM scopes s JOIN dag_runs r USING (run_pk) WHERE {where}"
    parameters = (namespace.ns, scope.dag_id, scope.run_id, scope.task_id, scope.region)

    def act(db: sqlite3.Connection) -> None:
        first = db.execute(f"{scopes} ORDER BY s.map_index", parameters).fetchone()
        if first is None:
            raise TaskInstanceNotFound.by_coordinates(
                scope.dag_id, scope.run_id, scope.task_id, None
            )
        clear(db, namespace, writer, first[0], f"e.scope_id IN ({scopes})", parameters)

    namespace.database.free(act)
