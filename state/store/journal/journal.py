"""The journal: the events of a namespace, in order.

The events of a write are written in its transaction. Reads and refusals are numbered at once and
written in batches, with the next write or within a tenth of a second; a kill may lose those. All
namespaces of a database share the numbers, which grow in the order of effects and are never reused.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import NamespaceDropped
from ...model.clock import Clock, to_text
from ...model.scopes import CONTROL, StoreScope, Writer
from ..database.connections import Database
from ..database.sql import in_range, rows
from . import retries
from .documents import EVENTS, document
from .scope_ids import scope_id_of
from .writer import COLUMNS, Log, Row

_LOOK = 0.5  # seconds between two looks whether a wait is abandoned


class Event(NamedTuple):
    """An event.

    :param op: ``get``, ``set``, ``delete``, ``clear``, ``list``, ``state``, ``create`` and others.
    :param status: the HTTP status of the answer.
    :param value: as JSON text.
    :param expires_by: by whose clock the expiry was counted: ``worker``, ``namespace`` or
        ``caller``.
    :param parent: the number of the event of which this one is an effect.
    :param saw: for reads, the number of the write whose value was read.
    :param note: a sentence for people; no code reads it.
    :param delay: seconds that a fault made the call wait.
    :param outcome: :data:`~state.model.events.UNCHANGED`, ``KEY_NOT_FOUND`` or ``CLOSED``; None for
        a call that took effect.
    :param state: the new state of a task instance.
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
    delay: float | None = None
    outcome: str | None = None
    state: str | None = None


class Journal:
    """The journal of one namespace.

    :ivar is_kept: whether events are written at all.
    :ivar flush: writes the pending batch of reads and refusals.
    """

    def __init__(self, database: Database, log: Log, ns: int, clock: Clock) -> None:
        self.is_kept = log.limit > 0
        self.flush = log.flush
        self._database = database
        self._log = log
        self._ns = ns
        self.date_by(clock)

    def date_by(self, clock: Clock) -> None:
        """Date events by another clock from now on; real time is noted with each of them anyway."""
        self._clock = None if clock.is_real else clock

    def drop(self, db: sqlite3.Connection) -> None:
        """Refuse further events of this namespace, which the caller's transaction deletes."""
        self._log.drop(db, self._ns)

    def keep(self) -> None:
        """Take events of this namespace again, because it could not be dropped."""
        self._log.keep(self._ns)

    def write(self, db: sqlite3.Connection, event: Event) -> int:
        """Write an event in the caller's transaction; returns its number."""
        return self._log.write(db, self._row(event))

    def add(self, db: sqlite3.Connection, row: Row) -> int:
        """Write an event of another journal in the caller's transaction; returns its number here.

        :param row: the columns of an event from ``at`` on.
        """
        return self._log.write(db, (self._ns, *row))

    def answered(self, db: sqlite3.Connection, seq: int, status: int) -> None:
        """Change the status of an event of the caller's transaction, to that of the answer."""
        db.execute("UPDATE journal SET status = ? WHERE seq = ?", (status, seq))

    def note(self, event: Event) -> int:
        """Write a read or a refusal with the next batch; returns its number."""
        return self._log.note(self._row(event))

    def _row(self, event: Event) -> Row:
        writer = event.writer
        at = None
        if self._clock is not None:
            at = to_text(self._clock.now())
        return (
            self._ns,
            at,
            time.time(),
            writer.kind.value,
            writer.ti_id,
            writer.api,
            event.op,
            *event[2:],
        )

    def removals(
        self, db: sqlite3.Connection, parent: int, writer: Writer, where: str, parameters: Any
    ) -> None:
        """Write an effect for each entry that the caller is about to delete.

        :param where: which entries, in SQL over ``e``.
        """
        self.effects(db, parent, "delete", f"FROM entries e WHERE {where}", parameters, writer)

    def effects(
        self,
        db: sqlite3.Connection,
        parent: int,
        op: str,
        source: str,
        parameters: Any,
        writer: Writer = CONTROL,
    ) -> None:
        """Write an effect of an event on each of many entries, in one statement; none on a full
        disk. The oldest are left out that the journal has no room for: they would be deleted next.

        :param op: ``set``, or ``delete``.
        :param source: a FROM clause in SQL, with the entries as ``e``.
        """
        if not self.is_kept or self._database.is_short:
            return
        event = Event(op, writer, parent=parent)
        size = "e.size" if op == "set" else "0"
        sizes = [size for (size,) in db.execute(f"SELECT {size} {source}", parameters)]
        first = self._log.reserve(self._ns, len(sizes))
        left_out = len(sizes) - self._log.kept(reversed(sizes))
        number = f"{first + left_out} - 1 + row_number() OVER ()"
        row = (number, *map(_quoted, self._row(event)))
        terms = dict(zip(COLUMNS, row, strict=True))
        columns = ["scope_id", "key"]
        if op == "set":
            columns += ["value", "kind", "expires_at", "expires_by"]
        terms |= {name: f"e.{name}" for name in columns}
        written = ", ".join(terms[name] for name in columns)
        db.execute(
            f"""INSERT INTO journal ({", ".join(terms)}) SELECT {", ".join(terms.values())}
            FROM (SELECT {written} {source} LIMIT -1 OFFSET {left_out}) e""",
            parameters,
        )

    def events(
        self,
        after: int = 0,
        limit: int = -1,
        *,
        scope: StoreScope | None = None,
        scope_ids: Callable[[], list[int]] | None = None,
        newest: bool = False,
        as_written: bool = False,
        **equal: Any,
    ) -> list[dict[str, Any]]:
        """The events after a number, in order.

        :param limit: most events; -1 for all.
        :param scope_ids: the rows of the scopes of which they are, instead of one scope.
        :param newest: return the last ones instead of the first.
        :param as_written: do not add to the notes which calls probably were retries.
        :param equal: required values of columns: ``op``, ``api``, ``key``, ``ti_id``,
            ``parent``, ``status``.
        """
        self.flush()
        conditions = ["j.ns = ?", "j.seq > ?", *(f"j.{name} = ?" for name in equal)]
        parameters = [self._ns, in_range("after", after), *equal.values()]
        if scope_ids is not None:
            conditions.append("j.scope_id IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps(scope_ids()))
        with self._database.reading() as db:
            if scope is not None:
                conditions.append("j.scope_id = ?")
                parameters.append(scope_id_of(db, self._ns, scope))
            order = "DESC" if newest else "ASC"
            sql = f"{EVENTS} WHERE {' AND '.join(conditions)} ORDER BY j.seq {order} LIMIT ?"
            events = [document(row) for row in rows(db, sql, (*parameters, limit))]
            if newest:
                events.reverse()
            if not as_written:
                retries.mark(db, self._ns, events)
        return events

    def wait(
        self,
        seconds: float,
        after: int,
        limit: int = -1,
        is_abandoned: Callable[[], bool] = lambda: False,
        **filters: Any,
    ) -> list[dict[str, Any]]:
        """Like :meth:`events`, but if there are none, wait for the first one; empty after the time.

        :param is_abandoned: whether nobody waits for the answer any more; asked twice a second.
        :raises NamespaceDropped: as soon as the namespace is dropped.
        """
        deadline = time.monotonic() + seconds
        while True:
            commits = self._log.commits()
            written = self._log.written
            events = self.events(after, limit, **filters)
            if self._log.is_dropped(self._ns):
                raise NamespaceDropped()
            if events or time.monotonic() >= deadline or self._log.is_closed:
                return events
            after = max(after, written)  # the filters refused all events up to here
            while self._log.commits() == commits and not self._log.is_closed:
                left = deadline - time.monotonic()
                if left <= 0 or is_abandoned():
                    return []
                self._log.wait(commits, min(left, _LOOK))

    def latest(self, op: str, scope_id: int | None, key: str | None) -> int | None:
        """The number of the last call of an operation on a key; None if there is none."""
        self.flush()
        with self._database.reading() as db:
            sql = """SELECT max(seq) FROM journal WHERE scope_id = ? AND key = ? AND op = ?
                AND parent IS NULL"""
            (seq,) = db.execute(sql, (scope_id, key, op)).fetchone()
        return None if seq is None else int(seq)

    def bounds(self) -> tuple[int, int]:
        """The numbers of the oldest and the newest event; 0 if there is none."""
        self.flush()
        with self._database.reading() as db:
            sql = "SELECT ifnull(min(seq), 0), ifnull(max(seq), 0) FROM journal WHERE ns = ?"
            oldest, newest = db.execute(sql, (self._ns,)).fetchone()
        return int(oldest), int(newest)


def _quoted(value: str | float | None) -> str:
    """A constant in SQL, for statements whose parameters are the caller's."""
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("'", "''") + "'"
