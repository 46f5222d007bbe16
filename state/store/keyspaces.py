"""The keyspace of a task instance or an asset: ``get``, ``set``, ``delete``, ``clear``."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ..errors import AssetNotFound, KeyNotFound, TaskInstanceNotFound
from ..model import envelope, values
from ..model.clock import to_text
from ..model.events import KEY_NOT_FOUND, UNCHANGED
from ..model.reference_facts import Facts, Released
from ..model.scopes import (
    API_WRITER,
    AssetScope,
    TaskScope,
    Writer,
    asset_column,
    coordinates,
)
from .database.budget import spend
from .database.sql import in_range
from .journal.journal import Event
from .journal.scope_ids import task_parameters
from .namespace import Namespace
from .tables import entries, references
from .tables.entries import NewEntry, put_entry
from .tables.scopes import ASSET, CURRENT, PUBLIC_INDEX, TASK

_SKIPPED = 16  # bytes of a call's budget that take as long to read as a row takes to be skipped
_ATTEMPT = f"SELECT scope_id, ti_pk {CURRENT}"
_ATTEMPT_UNTIL_RETRY = """SELECT a.scope_id, a.ti_pk FROM task_instances a
    WHERE a.ns = ? AND a.id = ? AND (a.superseded_at IS NULL OR EXISTS (
        SELECT 1 FROM task_instances next WHERE next.scope_id = a.scope_id
        AND next.superseded_at IS NULL AND next.state = 'up_for_retry'
        AND next.try_number = a.try_number + {further}))"""
_OWN = "e.key, e.value, e.updated_at, e.expires_at, e.seq"
# the writer only of an asset's entry: Airflow shows none of a task's, and the joins take as long as
# the list itself
_ENTRIES = {
    "Task": f"SELECT {_OWN} FROM entries e WHERE e.scope_id = ?",
    "Asset": f"""SELECT {_OWN}, e.writer_kind, r.dag_id, r.run_id, w.task_id,
        {PUBLIC_INDEX.format(s="w")}, t.id, t.try_number, w.region, w.map_index
        FROM entries e
        LEFT JOIN task_instances t ON t.ti_pk = e.writer_ti_pk
        LEFT JOIN scopes w ON w.scope_id = t.scope_id
        LEFT JOIN dag_runs r ON r.run_pk = w.run_pk WHERE e.scope_id = ?""",
}
_ENTRY = {what: f"{sql} AND e.key = ?" for what, sql in _ENTRIES.items()}
_PAGE = {what: f"{sql} ORDER BY e.key LIMIT ? OFFSET ?" for what, sql in _ENTRIES.items()}


@lru_cache(maxsize=64)
def _stored_sql(lookup: str) -> str:
    return f"""WITH s AS ({lookup})
        SELECT e.value, e.ref_id, f.backend, f.size, f.sha256, f.vouched, s.scope_id, e.seq
        FROM s LEFT JOIN entries e ON e.scope_id = s.scope_id AND e.key = ?
        LEFT JOIN refs f ON f.ref_id = e.ref_id"""


class Entry(NamedTuple):
    """A stored entry: moments as text in UTC, the value as its JSON text.

    :param seq: the number of the write in the journal.
    :param writer_kind: for assets only, as what follows of the task instance that wrote it.
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
    task_instance_id: str | None = None
    try_number: int | None = None
    region_id: str | None = None
    region_index: int | None = None

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

    def find(self, db: sqlite3.Connection) -> Any:
        """The scope's row; None if there is none."""
        return db.execute(self.sql, self.parameters).fetchone()

    def row(self, db: sqlite3.Connection) -> Any:
        """The scope's row, or the error for no row."""
        row = db.execute(self.sql, self.parameters).fetchone()
        if row is None:
            raise self.missing()
        return row


def task_instance(namespace: Namespace, ti_id: str, writer: Writer = API_WRITER) -> Keyspace:
    """The keyspace of a task instance by its UUID, as workers name it; a superseded attempt's is
    unknown.
    """
    return _by_id(_ATTEMPT, namespace, ti_id, writer)


def readable_task_instance(
    namespace: Namespace, ti_id: str, is_open: bool, writer: Writer = API_WRITER
) -> Keyspace:
    """The same for a call that only reads.

    A task instance that is up for retry has a new id, which its last attempt does not know. Airflow
    answers 404 to the old one.

    :param is_open: whether no secret is set; then the last attempt's id is known until the next one
        is queued.
    """
    sql = _ATTEMPT
    if is_open:
        sql = _ATTEMPT_UNTIL_RETRY.format(further=int(namespace.rules.counts_retries))
    return _by_id(sql, namespace, ti_id, writer)


def _by_id(sql: str, namespace: Namespace, ti_id: str, writer: Writer) -> Keyspace:
    lookup = Lookup(sql, (namespace.ns, ti_id), lambda: TaskInstanceNotFound.by_id(ti_id), ti_id)
    return Keyspace(namespace, "Task", lookup, writer)


def task(namespace: Namespace, scope: TaskScope, writer: Writer = API_WRITER) -> Keyspace:
    """The keyspace of a task instance by its coordinates, as people name it."""
    lookup = Lookup(
        TASK,
        task_parameters(namespace.ns, scope),
        lambda: TaskInstanceNotFound.by_coordinates(**coordinates(scope)),
    )
    return Keyspace(namespace, "Task", lookup, writer)


def asset(
    namespace: Namespace,
    asset_id: int | None = None,
    *,
    name: str | None = None,
    uri: str | None = None,
    writer: Writer = API_WRITER,
) -> Keyspace:
    """The keyspace of an asset: by id also of an inactive one, by name or uri of the active one
    only.
    """
    column, value = asset_column(AssetScope(asset_id, name, uri))
    if asset_id is not None:
        row: tuple[Any, ...] = (namespace.ns, in_range("asset_id", asset_id))
        lookup = Lookup(ASSET + "a.id = ?", row, lambda: AssetNotFound.by_id(asset_id))
    else:
        lookup = Lookup(
            ASSET + f"a.{column} = ? AND a.active",
            (namespace.ns, value),
            lambda: AssetNotFound.by(column, str(value)),
        )
    return Keyspace(namespace, "Asset", lookup, writer)


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
            scope = self.lookup.find(db)
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
            scope = self.lookup.find(db)
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
        self._write(key, value, is_replacing=True)

    def _write(
        self,
        key: str,
        value: Any,
        expires_at: str | None = None,
        expires_by: str | None = None,
        is_replacing: bool = False,
        facts: Facts | None = None,
        vouched: bool = False,
    ) -> str | None:
        namespace = self.namespace
        writer = self.writer
        text = values.dumps(value)
        kind = envelope.kind(value)
        ref = envelope.unwrap(value)
        with namespace.database.transaction((ref,) if ref else ()) as db:
            scope = self.lookup.row(db)
            scope_id = scope[0]
            status = 204
            if is_replacing:
                sql = "SELECT expires_at, expires_by FROM entries WHERE scope_id = ? AND key = ?"
                expiry = db.execute(sql, (scope_id, key)).fetchone()
                if expiry is None:
                    raise KeyNotFound(self.what, key)
                expires_at, expires_by = expiry
                status = 200
            writer_pk = self._writer_pk(db, scope)
            event = Event(
                "set",
                writer,
                scope_id,
                key,
                status,
                value=text,
                kind=kind,
                expires_at=expires_at,
                expires_by=expires_by,
            )
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
                namespace.journal.write(db, event),
            )
            replaced = put_entry(db, namespace.ns, entry, ref, writer, facts, vouched)
        if ref is not None:
            namespace.database.identity.report(ref, namespace.realm)
        return replaced

    @contextlib.contextmanager
    def expecting(self, ref: str) -> Iterator[None]:
        """Keep the object of a reference, which a row is going to point at, from being removed."""
        with self.namespace.database.removals.expecting(ref):
            yield

    def delete(self, key: str, is_list_preferred: bool = False) -> Released:
        """Remove a key; an unknown key is no error, as in Airflow.

        :param is_list_preferred: whether the answer has a body with the references that this
            released, if they do not fit its headers.
        :returns: the references that this released.
        """

        def act(db: sqlite3.Connection) -> Released:
            scope_id = self._scope_id(db)
            held = references.held_by(db, scope_id, key)
            deleted = entries.remove(db, "e.scope_id = ? AND e.key = ?", (scope_id, key))
            event = Event("delete", self.writer, scope_id, key, 204)
            if not deleted:
                event = event._replace(note="key not found", outcome=UNCHANGED)
            seq = self.namespace.journal.write(db, event)
            released = references.released_by(db, held, scope_id, key)
            return self._answered(db, seq, released, is_list_preferred)

        return self.namespace.database.free(act)

    def clear(self, is_list_preferred: bool = False) -> Released:
        """Remove every key of the scope.

        :param is_list_preferred: as for :meth:`delete`.
        :returns: the references that this released.
        """

        def act(db: sqlite3.Connection) -> Released:
            scope_id = self._scope_id(db)
            held = references.held_by(db, scope_id)
            where = "e.scope_id = ?"
            seq = entries.clear(db, self.namespace, self.writer, scope_id, where, (scope_id,))
            released = references.released_by(db, held, scope_id)
            return self._answered(db, seq, released, is_list_preferred)

        return self.namespace.database.free(act)

    def _answered(
        self, db: sqlite3.Connection, seq: int, released: Released, is_list_preferred: bool
    ) -> Released:
        """What a deletion released, with the status of its answer in the journal."""
        if is_list_preferred and not released.fits_headers:
            self.namespace.journal.answered(db, seq, 200)
        return released

    def require(self) -> None:
        """Raise the error for an unknown scope, or do nothing."""
        with self.namespace.database.reading() as db:
            self._scope_id(db)

    def scope_id(self) -> int:
        """The scope's row; otherwise like :meth:`require`."""
        with self.namespace.database.reading() as db:
            return self._scope_id(db)

    def _scope_id(self, db: sqlite3.Connection) -> int:
        scope_id: int = self.lookup.row(db)[0]
        return scope_id

    def _writer_pk(self, db: sqlite3.Connection, scope: Any) -> int | None:
        if self.writer.ti_id is None:
            return None
        if self.writer.ti_id == self.lookup.ti_id:  # a task writes its own state
            own: int = scope[1]
            return own
        row = db.execute(
            f"SELECT ti_pk {CURRENT}", (self.namespace.ns, self.writer.ti_id)
        ).fetchone()
        if row is None:
            raise TaskInstanceNotFound.by_id(f"UUID({self.writer.ti_id!r})")
        pk: int = row[0]
        return pk
