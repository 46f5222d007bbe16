"""The journal: what happened, in order.

A write's events go in its own transaction. Reads and refusals take their number at once and are written in batches:
with the next write, or within a tenth of a second; a kill may lose those. Numbers are the database's, so that those of
one namespace have gaps; they grow in the order of effects and never start again.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import values
from ..clock import to_text, to_wire
from ..errors import masked
from ..scopes import CONTROL, AssetScope, StoreScope, TaskScope, Writer
from . import retries
from .ranges import in_range

if TYPE_CHECKING:
    from . import Store
    from .registry import Namespace

# where the numbers go of the events that this thread's request makes, if somebody wants them
NUMBERS: ContextVar[list[int] | None] = ContextVar("numbers", default=None)
BATCH = 0.1  # seconds that a read waits for its batch
_DROPPED = "journal_seq"  # the last number when a namespace was dropped, in the table meta
_PAUSE = 0.02  # seconds between two looks of a waiting reader
_OVERHEAD = 200  # bytes of an event beside its texts, indexes included
_UNKNOWN = -1  # how much a namespace holds that was not looked at yet
_KEPT = 0.9  # of the limit, after the oldest were dropped
_COLUMNS = """seq, ns, at, real_at, actor, ti_id, api, op, scope_id, key, status, value, kind, expires_at, expires_by,
    parent, saw, note"""
_INSERT = f"INSERT INTO journal ({_COLUMNS}) VALUES ({', '.join('?' * 18)})"
_TEXTS = (9, 11, 17)  # where key, value and note stand in a row
_SIZE = f"({_OVERHEAD} + ifnull(length(value), 0) + ifnull(length(key), 0) + ifnull(length(note), 0))"
Row = tuple[Any, ...]


class Event(NamedTuple):
    """One thing that happened.

    :param op: ``get``, ``set``, ``delete``, ``clear``, ``list``, ``state``, ``create`` and others.
    :param status: the HTTP status that was answered.
    :param value: as JSON text.
    :param expires_by: by whose clock the expiry was counted.
    :param parent: the number of the event of which this one is an effect.
    :param saw: for reads, the number of the write whose value was read.
    """

    op: str
    writer: Writer
    scope_id: int | None = None
    key: str | None = None
    status: int | None = None
    value: str | None = None
    kind: str | None = None
    expires_at: str | None = None
    expires_by: str | None = None
    parent: int | None = None
    saw: int | None = None
    note: str | None = None


class Log:
    """The numbers and the batch of one database; a namespace's own journal is :class:`Journal`.

    :param limit: bytes that each namespace may fill, the oldest events go first; 0 keeps no journal at all.
    """

    def __init__(self, store: Store, limit: int) -> None:
        self._store, self.limit = store, limit
        self._lock = threading.Lock()
        self._last = self._reached = self.written = 0  # numbers: given out, in this transaction, in the database
        self._pending: list[Row] = []
        self._sizes: dict[int, int] = {}
        self._dropped: set[int] = set()
        self._changed = threading.Condition()
        self._commits = self._waiting = 0
        self._work, self._closing = threading.Event(), threading.Event()
        self._keeper: threading.Thread | None = None

    def begin(self, db: sqlite3.Connection) -> None:
        """Go on with the numbers where an earlier process stopped."""
        sql = "SELECT max(seq) FROM journal UNION ALL SELECT cast(value AS INTEGER) FROM meta WHERE name = ?"
        self._last = self.written = max(row[0] or 0 for row in db.execute(sql, (_DROPPED,)))

    def number(self) -> int:
        """The next number, for an event that is written in the transaction that runs now."""
        if not self.limit:
            return 0
        with self._lock:
            self._last += 1
            number = self._last
        _tell(number)
        return number

    def write(self, db: sqlite3.Connection, row: Row) -> None:
        """Write an event in the caller's transaction."""
        if self.limit:
            db.execute(_INSERT, row)
            self._count(row)

    def reserve(self, ns: int, count: int) -> int:
        """The first of many numbers in a row, for events that are written in the transaction that runs now."""
        with self._lock:
            first = self._last + 1
            self._last += count
            self._sizes[ns] = _UNKNOWN
        self._wake()
        return first

    def note(self, row: Row) -> int:
        """Number an event now, and write it with the next batch."""
        if not self.limit:
            return 0
        with self._lock:
            self._last += 1
            number = self._last
            if row[0] not in self._dropped:
                self._pending.append((number, *row))
        _tell(number)
        self._wake()
        return number

    def write_pending(self, db: sqlite3.Connection) -> list[Row]:
        """Write the batch, at the end of the caller's transaction; the rows, for :meth:`put_back`."""
        with self._lock:
            rows, self._pending = self._pending, []
            self._reached = self._last
        if rows:
            db.executemany(_INSERT, rows)
        return rows

    def put_back(self, rows: list[Row]) -> None:
        """Take a batch back whose transaction failed."""
        with self._lock:
            self._pending[:0] = rows

    def committed(self, rows: list[Row]) -> None:
        """Count a batch that was written, and tell those who wait."""
        for row in rows:
            self._count(row)
        self.written = self._reached
        self._commits += 1
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def commits(self) -> int:
        """How many transactions there have been; ask it before a look after which :meth:`wait` is called."""
        return self._commits

    def wait(self, seen: int, seconds: float) -> None:
        """Wait for a transaction after those that were seen.

        Looks of one waiter are apart, so that many of them cost busy writers little.
        """
        self._closing.wait(min(_PAUSE, seconds))
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._commits != seen or self._closing.is_set(), seconds)
            finally:
                self._waiting -= 1

    @property
    def is_closed(self) -> bool:
        return self._closing.is_set()

    def flush(self) -> None:
        """Write the batch now."""
        if self._pending:
            with self._store.transaction():
                pass  # it is written at the end of every transaction

    def drop(self, db: sqlite3.Connection, ns: int) -> None:
        """Take no more events of a namespace that goes in the caller's transaction, perhaps with the newest of all.

        They would find no row to belong to.
        """
        with self._lock:
            db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (_DROPPED, self._last))
            self._dropped.add(ns)
            self._pending = [row for row in self._pending if row[1] != ns]
            self._sizes.pop(ns, None)

    def release(self) -> None:
        """End the waits, and the thread; from then on batches are written with writes, and by :meth:`close`."""
        self._closing.set()
        self._work.set()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self.release()
        if self._keeper is not None:
            self._keeper.join()
        self.flush()

    def _count(self, row: Row) -> None:
        size = self._sizes.get(row[1], _UNKNOWN)
        if size != _UNKNOWN:
            size += _OVERHEAD + sum(len(row[place] or "") for place in _TEXTS)
        self._sizes[row[1]] = size
        if size == _UNKNOWN or size > self.limit:
            self._wake()

    def _wake(self) -> None:
        if self._work.is_set():
            return
        self._work.set()
        if self._keeper is None:
            with self._lock:
                if self._keeper is None and not self._closing.is_set():
                    self._keeper = threading.Thread(target=self._keep, name="stateroom-journal", daemon=True)
                    self._keeper.start()

    def _keep(self) -> None:
        """Write batches and drop the oldest events, as long as there is something to do."""
        while not self._closing.is_set():
            self._work.wait()
            self._closing.wait(BATCH)
            self._work.clear()
            try:
                self.flush()
                self._trim()
            except Exception:  # a full disk, say: the batch is put back, and the next one tries again
                self._closing.wait(1)

    def _trim(self) -> None:
        for ns, size in list(self._sizes.items()):
            if size == _UNKNOWN or size > self.limit:
                with self._store.transaction() as db:
                    self._sizes[ns] = self._trimmed(db, ns)

    def _trimmed(self, db: sqlite3.Connection, ns: int) -> int:
        """Drop the oldest events of a namespace if they are too many; how many bytes are left."""
        (size,) = db.execute(f"SELECT ifnull(sum({_SIZE}), 0) FROM journal WHERE ns = ?", (ns,)).fetchone()
        if size <= self.limit:
            return int(size)
        for seq, own in db.execute(f"SELECT seq, {_SIZE} FROM journal WHERE ns = ? ORDER BY seq", (ns,)).fetchall():
            size -= own
            if size <= self.limit * _KEPT:
                db.execute("DELETE FROM journal WHERE ns = ? AND seq <= ?", (ns, seq))
                break
        return int(size)


def _tell(number: int) -> None:
    if (numbers := NUMBERS.get()) is not None:
        numbers.append(number)


class Journal:
    """What happened in one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace, self._log = namespace, namespace.store.log

    @property
    def is_kept(self) -> bool:
        return self._log.limit > 0

    def number(self) -> int:
        """The number of an event that will be written in the transaction that runs now."""
        return self._log.number()

    def write(self, db: sqlite3.Connection, event: Event, seq: int | None = None) -> int:
        """Write an event in the caller's transaction; its number.

        :param seq: its number, if the caller has taken it before with :meth:`number`.
        """
        number = self._log.number() if seq is None else seq
        self._log.write(db, (number, *self._row(event)))
        return number

    def note(self, event: Event) -> int:
        """Note a read or a refusal; its number."""
        return self._log.note(self._row(event))

    def _row(self, event: Event) -> Row:
        clock, writer = self._namespace.clock, event.writer
        at = None if clock.is_real else to_text(clock.now())
        return self._namespace.ns, at, time.time(), writer.kind.value, writer.ti_id, writer.api, event.op, *event[2:]

    def removals(self, db: sqlite3.Connection, parent: int, writer: Writer, where: str, parameters: Any) -> None:
        """Write an effect for each entry that the caller is about to delete.

        :param where: which entries, in SQL over ``e``.
        """
        self.effects(db, parent, "delete", f"FROM entries e WHERE {where}", parameters, writer)

    def effects(
        self, db: sqlite3.Connection, parent: int, op: str, source: str, parameters: Any, writer: Writer = CONTROL
    ) -> None:
        """Write an effect of an event on each of many entries, in one statement.

        :param op: ``set``, or ``delete``.
        :param source: a FROM clause in SQL, with the entries as ``e``.
        """
        if not self.is_kept:
            return
        at, real_at, *rest = self._row(Event(op, writer, parent=parent))[1:]
        facts = "e.value, e.kind, e.expires_at, e.expires_by" if op == "set" else "NULL, NULL, NULL, NULL"
        (count,) = db.execute(f"SELECT count(*) {source}", parameters).fetchone()
        first = self._log.reserve(self._namespace.ns, count)
        said = [self._namespace.ns, at, real_at, *rest[:4]]
        constants = ", ".join("NULL" if one is None else _quoted(one) for one in said)
        db.execute(
            f"""INSERT INTO journal ({_COLUMNS}) SELECT {first} - 1 + row_number() OVER (), {constants},
            e.scope_id, e.key, NULL, {facts}, {parent}, NULL, NULL {source}""",
            parameters,
        )

    def events(
        self, after: int = 0, limit: int = -1, *, scope: StoreScope | None = None, newest: bool = False, **equal: Any
    ) -> list[dict[str, Any]]:
        """Events with numbers above one, in their order.

        :param limit: most events; -1 for all.
        :param newest: the last ones instead of the first.
        :param equal: columns that have to have a value: ``op``, ``api``, ``key``, ``ti_id``, ``parent``, ``status``.
        """
        self._log.flush()
        with self._namespace.store.reading() as db:
            conditions = ["j.ns = ?", "j.seq > ?", *(f"j.{name} = ?" for name in equal)]
            parameters = [self._namespace.ns, in_range("after", after), *equal.values()]
            if scope is not None:
                conditions.append("j.scope_id = ?")
                parameters.append(scope_id_of(db, self._namespace.ns, scope))
            order = "DESC" if newest else "ASC"
            sql = f"{_EVENTS} WHERE {' AND '.join(conditions)} ORDER BY j.seq {order} LIMIT ?"
            rows = db.execute(sql, (*parameters, limit)).fetchall()
            found = [_document(row) for row in (reversed(rows) if newest else rows)]
            retries.mark(db, self._namespace.ns, found)
        return found

    def wait(self, seconds: float, after: int, limit: int = -1, **filters: Any) -> list[dict[str, Any]]:
        """Like :meth:`events`, but if there are none, wait for the first one; none if the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            seen, written = self._log.commits(), self._log.written
            found = self.events(after, limit, **filters)
            left = deadline - time.monotonic()
            if found or left <= 0 or self._log.is_closed:
                return found
            after = max(after, written)  # what is there was looked at
            self._log.wait(seen, left)

    def latest(self, op: str, scope_id: int | None, key: str | None) -> int | None:
        """The number of the last call of a kind on a key, or None if there is none."""
        self._log.flush()
        with self._namespace.store.reading() as db:
            sql = "SELECT max(seq) FROM journal WHERE scope_id = ? AND key = ? AND op = ? AND parent IS NULL"
            found: int | None = db.execute(sql, (scope_id, key, op)).fetchone()[0]
        return found

    def bounds(self) -> tuple[int, int]:
        """The numbers of the oldest and of the newest event that are kept; 0 where there is none."""
        self._log.flush()
        with self._namespace.store.reading() as db:
            sql = "SELECT ifnull(min(seq), 0), ifnull(max(seq), 0) FROM journal WHERE ns = ?"
            oldest, newest = db.execute(sql, (self._namespace.ns,)).fetchone()
        return int(oldest), int(newest)


_EVENTS = """SELECT j.seq, j.at, j.real_at, j.actor, j.ti_id, t.try_number, j.api, j.op, j.key, j.status, j.value,
    j.kind, j.expires_at, j.expires_by, j.parent, j.saw, j.note,
    coalesce(r.dag_id, f.dag_id), coalesce(r.run_id, f.run_id), coalesce(s.task_id, f.task_id),
    coalesce(s.map_index, f.map_index), coalesce(a.name, f.asset)
    FROM journal j LEFT JOIN task_instances t ON t.ns = j.ns AND t.id = j.ti_id
    LEFT JOIN scopes s ON s.scope_id = j.scope_id LEFT JOIN dag_runs r ON r.run_pk = s.run_pk
    LEFT JOIN assets a ON a.asset_pk = s.asset_pk
    LEFT JOIN former_scopes f ON f.scope_id = j.scope_id AND s.scope_id IS NULL"""


def _document(row: Sequence[Any]) -> dict[str, Any]:
    """An event as it is sent; ``value`` is absent where there is none."""
    (seq, at, real_at, actor, ti_id, try_number, api, op, key, status, value, kind, expires_at, expires_by, parent,
     saw, note, *place) = row  # fmt: skip
    shown = value if kind in (None, "value") else masked(value)
    known = {"value": values.loads(shown)} if value is not None else {}
    return {
        "seq": seq, "at": to_wire(at) if at else to_text(_moment(real_at)), "real_at": real_at,
        "actor": {"kind": _actor(actor, api), "ti_id": ti_id, "try_number": try_number}, "api": api, "op": op,
        "scope": place_of(*place), "key": key, "status": status, **known, "kind": kind,
        "expires_at": to_wire(expires_at) if expires_at else None, "expires_by": expires_by,
        "parent": parent, "saw": saw, "note": note,
    }  # fmt: skip


def _quoted(value: str | float) -> str:
    """A constant in SQL; positions and names of parameters are the caller's."""
    return repr(value) if isinstance(value, int | float) else "'" + value.replace("'", "''") + "'"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _actor(kind: str, api: str) -> str:
    """Who it was, in one word: what comes without a token through the gateway is the gateway's."""
    if kind != "api":
        return kind
    return {"gateway": "gateway", "control": "stateroom"}.get(api, "api")


def place_of(dag_id: str | None, run_id: str, task_id: str, map_index: int, asset: str | None) -> dict[str, Any] | None:
    """A scope as it is sent; None for one that nobody knows any more."""
    if asset is not None:
        return {"asset": asset}
    if dag_id is None:
        return None
    return {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}


def scope_id_of(db: sqlite3.Connection, ns: int, scope: StoreScope) -> int | None:
    """The row of a scope that is there or that was there before a reset; None if it never was.

    :raises OutOfRange: for a map index that no row can hold.
    """
    if isinstance(scope, TaskScope):
        row = (ns, scope.dag_id, scope.run_id, scope.task_id, in_range("map_index", scope.map_index))
        now = """SELECT s.scope_id, 0 FROM scopes s JOIN dag_runs r USING (run_pk)
            WHERE r.ns = ?1 AND r.dag_id = ?2 AND r.run_id = ?3 AND s.task_id = ?4 AND s.map_index = ?5"""
        then = """SELECT scope_id, 1 FROM former_scopes
            WHERE ns = ?1 AND dag_id = ?2 AND run_id = ?3 AND task_id = ?4 AND map_index = ?5"""
    else:
        assert isinstance(scope, AssetScope)
        row = (ns, scope.name)  # type: ignore[assignment]
        now = """SELECT s.scope_id, 1 - a.active FROM scopes s JOIN assets a USING (asset_pk)
            WHERE a.ns = ?1 AND a.name = ?2"""
        then = "SELECT scope_id, 2 FROM former_scopes WHERE ns = ?1 AND asset = ?2"
    found = db.execute(f"{now} UNION ALL {then} ORDER BY 2 LIMIT 1", row).fetchone()
    return None if found is None else int(found[0])
