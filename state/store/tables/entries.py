"""The table of entries, and the keyspace over it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ...errors import KeyNotFound, ReferenceTooLong, TaskInstanceNotFound
from ...model import envelope, plurals, values
from ...model.clock import to_text
from ...model.events import KEY_NOT_FOUND, UNCHANGED
from ...model.reference_facts import Facts, Released
from ...model.scopes import API_WRITER, TaskScope, Writer
from ..database.budget import spend
from ..database.sql import in_range
from ..journal.journal import Event
from ..namespace import Namespace
from . import references

# bytes of a call's budget that take as long to read as a row takes to be counted, or deleted
_SKIPPED = 16
_ROW = 200
_OWN = "e.key, e.value, e.updated_at, e.expires_at, e.seq"
# the writer only of an asset's entry: Airflow shows none of a task's, and the joins take as long as
# the list itself
_ENTRIES = {
    "Task": f"SELECT {_OWN} FROM entries e WHERE e.scope_id = ?",
    "Asset": f"""SELECT {_OWN}, e.writer_kind, r.dag_id, r.run_id, w.task_id, w.map_index
        FROM entries e
        LEFT JOIN task_instances t ON t.ti_pk = e.writer_ti_pk
        LEFT JOIN scopes w ON w.scope_id = t.scope_id
        LEFT JOIN dag_runs r ON r.run_pk = w.run_pk WHERE e.scope_id = ?""",
}
_ENTRY = {what: f"{sql} AND e.key = ?" for what, sql in _ENTRIES.items()}
_PAGE = {what: f"{sql} ORDER BY e.key LIMIT ? OFFSET ?" for what, sql in _ENTRIES.items()}

# constants, because SQLite's statement cache is keyed by the text
_REPLACE = """UPDATE entries SET value = :value, kind = :kind, size = :size,
    updated_at = :updated_at, writer_kind = :writer_kind, writer_ti_pk = :writer_ti_pk, seq = :seq
    WHERE scope_id = :scope_id AND key = :key RETURNING ref_id, expires_at, expires_by"""
_SET = _REPLACE.replace("SET", "SET expires_at = :expires_at, expires_by = :expires_by,")
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


class Written(NamedTuple):
    """What a write left: the expiry of the entry, and the reference that no row holds any more."""

    expires_at: str | None
    expires_by: str | None
    replaced: str | None


@lru_cache(maxsize=64)
def _stored_sql(lookup: str) -> str:
    return f"""WITH s AS ({lookup})
        SELECT e.value, e.ref_id, f.backend, f.size, f.sha256, f.vouched, s.scope_id, e.seq
        FROM s LEFT JOIN entries e ON e.scope_id = s.scope_id AND e.key = ?
        LEFT JOIN refs f ON f.ref_id = e.ref_id"""


class Entry(NamedTuple):
    """A stored entry: moments as text in UTC, the value as its JSON text.

    :param seq: the number of the write in the journal.
    :param writer_kind: for assets only, as the coordinates of the task instance that wrote it.
    """

    key: str
    text: str
    updated_at: str
    expires_at: str | None
    seq: int
    writer_kind: str | None = None
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None

    @property
    def value(self) -> Any:
        return values.loads(self.text)


class Stored(NamedTuple):
    """A key's JSON text, and the facts of the reference in it.

    :param scope_id: of the row of its scope.
    :param vouched_by: the backend with which this service made the reference, if it did.
    """

    text: str
    scope_id: int
    facts: Facts | None = None
    vouched_by: str | None = None


@dataclass(frozen=True)
class Lookup:
    """The query of a keyspace's scope: a SELECT of one ``scope_id``, and the error for no row.

    :param ti_id: the attempt that the SELECT finds; its ``ti_pk`` is the second column then.
    """

    sql: str
    parameters: tuple[Any, ...]
    missing: Callable[[], Exception]
    ti_id: str | None = None


class Keyspace:
    """The four verbs ``get``, ``set``, ``delete``, ``clear`` over the entries of one task instance
    or asset.

    The scope is looked up with each call, in the transaction of the write, so that a keyspace stays
    valid while runs and assets are created and deleted.

    :param what: ``Task`` or ``Asset``, for messages.
    :param writer: who is recorded as the writer.
    """

    def __init__(
        self, namespace: Namespace, what: str, lookup: Lookup, writer: Writer = API_WRITER
    ) -> None:
        self.namespace = namespace
        self.what = what
        self.lookup = lookup
        self.writer = writer

    def get(self, key: str) -> Any:
        """The value of a key, as JSON.

        :raises KeyNotFound: if the scope does not have it.
        :raises NotFound: another subclass, if the scope is unknown.
        """
        return values.loads(self.text(key))

    def fetch(self, key: str) -> tuple[Any, Facts | None]:
        """The value of a key, and the facts of the reference in it; otherwise like :meth:`get`."""
        stored = self.stored(key)
        return values.loads(stored.text), stored.facts

    def text(self, key: str) -> str:
        """The value of a key as the JSON text that is stored; otherwise like :meth:`get`."""
        return self.stored(key).text

    def stored(self, key: str) -> Stored:
        """A key's text and the facts of its reference, in one query; otherwise like :meth:`get`."""
        sql = _stored_sql(self.lookup.sql)
        with self.namespace.database.reading() as db:
            row = db.execute(sql, (*self.lookup.parameters, key)).fetchone()
        if row is None:
            raise self.lookup.missing()
        text, ref_id, backend, size, sha256, vouched, scope_id, seq = row
        spend(len(text or ""))
        self._note_read(scope_id, key, seq)
        if text is None:
            raise KeyNotFound(self.what, key, recorded=True)
        if ref_id is None:
            return Stored(text, scope_id)
        facts = None
        if sha256 is not None:
            facts = Facts(backend, size, sha256)
        return Stored(text, scope_id, facts, backend if vouched else None)

    def _note_read(self, scope_id: int, key: str, saw: int | None) -> None:
        event = Event("get", self.writer, scope_id, key, 200, saw=saw)
        if saw is None:
            event = event._replace(status=404, outcome=KEY_NOT_FOUND)
        self.namespace.journal.note(event)

    def entry(self, key: str) -> Entry:
        """An entry with its moments and writer, as Airflow's Core API shows it.

        :raises KeyNotFound: if there is none, also if the scope is unknown.
        """
        with self.namespace.database.snapshot() as db:
            scope = db.execute(self.lookup.sql, self.lookup.parameters).fetchone()
            row = scope and db.execute(_ENTRY[self.what], (scope[0], key)).fetchone()
        entry = Entry(*row) if row else None
        if entry is not None:
            spend(len(entry.text))
        if scope:
            self._note_read(scope[0], key, entry and entry.seq)
        if entry is None:
            raise KeyNotFound(self.what, key, recorded=bool(scope))
        return entry

    def list(self, limit: int = -1, offset: int = 0) -> tuple[list[Entry], int]:
        """A page of the entries by key in code point order, and the total; none for an unknown
        scope.
        """
        entries, total = self.page(limit, offset)
        return [*entries], total

    def page(self, limit: int = -1, offset: int = 0) -> tuple[Iterator[Entry], int]:
        """Like :meth:`list`, but each entry is read when it is asked for.

        The entries have to be asked for, or closed: they hold a connection of the database.
        """
        in_range("offset", offset)
        with contextlib.ExitStack() as stack:
            db = stack.enter_context(self.namespace.database.snapshot())
            scope = db.execute(self.lookup.sql, self.lookup.parameters).fetchone()
            if scope is None:
                return iter(()), 0
            (total,) = db.execute(
                "SELECT count(*) FROM entries WHERE scope_id = ?", (scope[0],)
            ).fetchone()
            spend((total + offset) * _SKIPPED)
            rows = db.execute(_PAGE[self.what], (scope[0], limit, offset))
            entries = self._entries(rows, scope[0], total, stack.pop_all())
            return entries, total

    def _entries(
        self, rows: sqlite3.Cursor, scope_id: int, total: int, stack: contextlib.ExitStack
    ) -> Iterator[Entry]:
        count = 0
        size = 0
        with stack:
            for row in rows:
                entry = Entry(*row)
                count += 1
                size += len(entry.text)
                spend(size)
                yield entry
        note = f"{count} of {total} keys"
        self.namespace.journal.note(Event("list", self.writer, scope_id, None, 200, note=note))

    def set(
        self,
        key: str,
        value: Any,
        expires_at: datetime | None = None,
        facts: Facts | None = None,
        *,
        vouched: bool = False,
        expires_by: str | None = None,
    ) -> str | None:
        """Create or overwrite a key; value, expiry, writer and ledger in one transaction.

        :param expires_at: an aware moment, or None for never.
        :param facts: of the reference, if the value is an envelope.
        :param vouched: whether the service's own backend made the reference.
        :param expires_by: by whose clock the expiry was counted: ``worker``, ``namespace`` or
            ``caller``.
        :returns: the replaced reference, if there was one and no other row points at it.
        :raises NotFound: a subclass, if the scope or the writing task instance is unknown.
        """
        if expires_at is None:
            return self._write(key, value, facts=facts, vouched=vouched)
        expiry = to_text(expires_at)
        return self._write(key, value, expiry, expires_by, facts=facts, vouched=vouched)

    def replace(self, key: str, value: Any) -> None:
        """Overwrite the value of an existing key and keep its expiry (the Core API's PATCH).

        :raises KeyNotFound: if the key does not exist.
        """
        self._write(key, value, must_exist=True)

    def _write(
        self,
        key: str,
        value: Any,
        expires_at: str | None = None,
        expires_by: str | None = None,
        must_exist: bool = False,
        facts: Facts | None = None,
        vouched: bool = False,
    ) -> str | None:
        namespace = self.namespace
        writer = self.writer
        text = values.dumps(value)
        kind = envelope.kind(value)
        ref = envelope.unwrap(value)
        with namespace.database.transaction((ref,) if ref else ()) as db:
            scope = self._scope(db)
            scope_id = scope[0]
            if must_exist:
                sql = "SELECT 1 FROM entries WHERE scope_id = ? AND key = ?"
                if db.execute(sql, (scope_id, key)).fetchone() is None:
                    raise KeyNotFound(self.what, key)
            writer_pk = self._writer_pk(db, scope)
            seq = namespace.journal.number()
            entry = NewEntry(
                scope_id,
                key,
                text,
                kind,
                len(text),
                to_text(namespace.clock.now()),
                expires_at,
                expires_by,
                writer.kind.value,
                writer_pk,
                seq,
            )
            written = put_entry(
                db, namespace.ns, entry, ref, writer, facts, vouched, keep_expiry=must_exist
            )
            event = Event(
                "set",
                writer,
                scope_id,
                key,
                status=200 if must_exist else 204,
                value=text,
                kind=kind,
                expires_at=written.expires_at,
                expires_by=written.expires_by,
            )
            namespace.journal.write(db, event, seq)
        if ref is not None:
            namespace.database.report_former_place(ref, namespace.realm)
        return written.replaced

    @contextlib.contextmanager
    def expecting(self, ref: str) -> Iterator[None]:
        """Keep the object of a reference, which a row is going to point at, from being removed."""
        with self.namespace.database.expecting(ref):
            yield

    def delete(self, key: str) -> Released:
        """Remove a key; an unknown key is no error, as in Airflow.

        :returns: the references that this released.
        """

        def act(db: sqlite3.Connection) -> Released:
            scope_id = self._scope_id(db)
            held = references.held_by(db, scope_id, key)
            deleted = db.execute(
                "DELETE FROM entries WHERE scope_id = ? AND key = ?", (scope_id, key)
            ).rowcount
            event = Event("delete", self.writer, scope_id, key, 204)
            if not deleted:
                event = event._replace(note="key not found", outcome=UNCHANGED)
            self.namespace.journal.write(db, event)
            return references.released_by(db, held, scope_id, key)

        return self.namespace.database.free(act)

    def clear(self) -> Released:
        """Remove every key of the scope.

        :returns: the references that this released.
        """

        def act(db: sqlite3.Connection) -> Released:
            scope_id = self._scope_id(db)
            held = references.held_by(db, scope_id)
            _clear(db, self.namespace, self.writer, scope_id, "e.scope_id = ?", (scope_id,))
            return references.released_by(db, held, scope_id)

        return self.namespace.database.free(act)

    def require(self) -> None:
        """Raise the error for an unknown scope, or do nothing."""
        with self.namespace.database.reading() as db:
            self._scope_id(db)

    def scope_id(self) -> int:
        """The scope's row; otherwise like :meth:`require`."""
        with self.namespace.database.reading() as db:
            return self._scope_id(db)

    def _scope_id(self, db: sqlite3.Connection) -> int:
        scope_id: int = self._scope(db)[0]
        return scope_id

    def _scope(self, db: sqlite3.Connection) -> Any:
        """The scope's row, as :attr:`lookup` selects it."""
        row = db.execute(self.lookup.sql, self.lookup.parameters).fetchone()
        if row is None:
            raise self.lookup.missing()
        return row

    def _writer_pk(self, db: sqlite3.Connection, scope: Any) -> int | None:
        if self.writer.ti_id is None:
            return None
        if self.writer.ti_id == self.lookup.ti_id:  # a task writes its own state
            own: int = scope[1]
            return own
        row = db.execute(
            "SELECT ti_pk FROM task_instances WHERE ns = ? AND id = ? AND superseded_at IS NULL",
            (self.namespace.ns, self.writer.ti_id),
        ).fetchone()
        if row is None:
            raise TaskInstanceNotFound.by_id(f"UUID({self.writer.ti_id!r})")
        pk: int = row[0]
        return pk


def put_entry(
    db: sqlite3.Connection,
    ns: int,
    entry: NewEntry,
    ref: str | None,
    writer: Writer,
    facts: Facts | None = None,
    vouched: bool = False,
    keep_expiry: bool = False,
) -> Written:
    """Create or overwrite an entry, and the ledger's row of its reference, inside the caller's
    transaction.

    :param ref: the reference in its value, if the value is an envelope.
    :param writer: who is recorded in the ledger.
    :param keep_expiry: leave the expiry of an existing entry as it is.
    :raises ReferenceTooLong: for one of more than :data:`envelope.LONGEST` characters.
    """
    if ref is not None and len(ref) > envelope.LONGEST:
        raise ReferenceTooLong(len(ref), envelope.LONGEST)
    sql = _REPLACE if keep_expiry else _SET
    columns = entry._asdict()
    row = db.execute(sql, columns).fetchone()
    if row is None:  # an upsert in one statement takes twice as long as an UPDATE
        db.execute(_INSERT, columns)
        row = (None, entry.expires_at, entry.expires_by)
    held, expires_at, expires_by = row
    if held is None and ref is None:
        return Written(expires_at, expires_by, None)
    ref_id = None
    if ref is not None:
        ref_id = references.enter(db, ns, entry.scope_id, entry.key, ref, facts, writer, vouched)
    db.execute(
        "UPDATE entries SET ref_id = ? WHERE scope_id = ? AND key = ?",
        (ref_id, entry.scope_id, entry.key),
    )
    replaced = None
    if held is not None and held != ref_id:
        replaced = references.unheld(db, held)
    return Written(expires_at, expires_by, replaced)


def _clear(
    db: sqlite3.Connection,
    namespace: Namespace,
    writer: Writer,
    scope_id: int | None,
    where: str,
    parameters: tuple[Any, ...],
) -> None:
    """Remove entries inside the caller's transaction, with an event for the call and one for each
    key.

    :param where: which entries, in SQL over ``e``.
    """
    note = plurals.count(count_to_remove(db, where, parameters), "key")
    seq = namespace.journal.write(db, Event("clear", writer, scope_id, None, 204, note=note))
    remove_with_effects(db, namespace, writer, seq, where, parameters)


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
    """Remove every key of a task in one run, of all its map indices.

    :raises TaskInstanceNotFound: if the task has no instance in this run.
    """
    where = "r.ns = ? AND r.dag_id = ? AND r.run_id = ? AND s.task_id = ?"
    scopes = f"SELECT s.scope_id FROM scopes s JOIN dag_runs r USING (run_pk) WHERE {where}"
    parameters = (namespace.ns, scope.dag_id, scope.run_id, scope.task_id)

    def act(db: sqlite3.Connection) -> None:
        first = db.execute(f"{scopes} ORDER BY s.map_index", parameters).fetchone()
        if first is None:
            raise TaskInstanceNotFound.by_coordinates(
                scope.dag_id, scope.run_id, scope.task_id, None
            )
        _clear(db, namespace, writer, first[0], f"e.scope_id IN ({scopes})", parameters)

    namespace.database.free(act)
