"""XComs as other tasks read them: one, or the values of all map indices as a sequence."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, NamedTuple

from ... import words
from ...errors import XComNotFound
from ...model.scopes import TaskScope, Writer
from ..database.sql import in_range
from ..journal.journal import Event
from ..journal.scope_ids import scope_id_of
from ..namespace import Namespace

_MATCHING = """FROM xcoms x JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
    WHERE r.ns = :ns AND r.dag_id = :dag_id AND s.task_id = :task_id AND x.key = :key AND """
_OF_RUN = _MATCHING + "r.run_id = :run_id"
_OF_PRIOR_RUNS = f"""{_MATCHING} coalesce(r.logical_date, r.run_after) <= (
    SELECT coalesce(logical_date, run_after) FROM dag_runs
    WHERE ns = :ns AND dag_id = :dag_id AND run_id = :run_id)"""
_NO_LIMIT = -1
_LONGEST = 2**63 - 1  # what SQLite takes
_COLUMNS = "SELECT x.scope_id, x.value, x.seq"


class Row(NamedTuple):
    """An XCom.

    :param value: as JSON text.
    :param seq: the number of the event that wrote it.
    """

    scope_id: int
    value: str
    seq: int


@dataclass(frozen=True)
class Reader:
    """A key of a task's XComs in a dag run, and who reads them.

    :param prior: whether those of the runs before count too, by their logical dates.
    """

    namespace: Namespace
    writer: Writer
    dag_id: str
    run_id: str
    task_id: str
    key: str
    prior: bool = False

    def at(self, map_index: int) -> str:
        """The value at a map index, as JSON text; of several runs the latest has it.

        :raises XComNotFound: if there is none.
        :raises OutOfRange: for a map index that no row can hold; Airflow answers 500.
        """
        sql = "AND s.map_index = :map_index ORDER BY r.logical_date DESC, x.timestamp DESC LIMIT 1"
        in_range("map_index", map_index)
        with self.namespace.database.reading() as db:
            rows = self._rows(db, sql, map_index=map_index)
        return self._only(rows, f"map_index={map_index}")

    def item(self, offset: int) -> str:
        """The value at an offset in the sequence, as JSON text; from its end if negative.

        :raises XComNotFound: if the sequence is shorter.
        :raises OutOfRange: for an offset that is no 64-bit number; Airflow answers 500.
        """
        in_range("offset", offset)
        part = Window(False, offset, 1)
        if offset < 0:
            part = Window(True, -1 - offset, 1)
        with self.namespace.database.reading() as db:
            rows = self._sequence(db, part)
        return self._only(rows, f"offset={offset}")

    def slice(self, start: int | None, stop: int | None, step: int | None) -> list[str]:
        """The values of a slice of the sequence, each as JSON text; see :func:`window`.

        :raises OutOfRange: for a bound that is no 64-bit number; Airflow answers 500.
        """
        for name, bound in (("start", start), ("stop", stop)):
            in_range(name, bound or 0)
        with self.namespace.database.snapshot() as db:
            rows = self._sequence(db, window(start, stop, step, self._count(db)))
        if len(rows) == 1:  # what most pulls are
            self._note_pull(rows[0], "list_xcoms")
        else:
            self._note_length(words.count(len(rows), "value"))
        return [row.value for row in rows]

    def count(self) -> int:
        """The length of the sequence."""
        with self.namespace.database.reading() as db:
            count = self._count(db)
        self._note_length(words.count(count, "map index", "map indices"))
        return count

    def _only(self, rows: list[Row], place: str) -> str:
        if not rows:
            raise XComNotFound.at(self.key, place, self.dag_id, self.run_id, self.task_id)
        self._note_pull(rows[0], "get_xcom")
        return rows[0].value

    def _note_pull(self, row: Row, op: str) -> None:
        event = Event(op, self.writer, row.scope_id, self.key, status=200, saw=row.seq)
        self.namespace.journal.note(event)

    def _note_length(self, note: str) -> None:
        scope = TaskScope(self.dag_id, self.run_id, self.task_id, -1)
        with self.namespace.database.reading() as db:
            scope_id = scope_id_of(db, self.namespace.ns, scope)
        if scope_id is None:  # of all map indices, or of an unknown task
            note += f" of task {self.task_id!r} in DAG run {self.run_id!r} of {self.dag_id!r}"
        event = Event("list_xcoms", self.writer, scope_id, self.key, status=200, note=note)
        self.namespace.journal.note(event)

    def _sequence(self, db: sqlite3.Connection, part: Window) -> list[Row]:
        order = "DESC" if part.is_from_end else "ASC"
        # of several runs in the order of the index in which Airflow's SQLite finds them
        rows = self._rows(
            db,
            f"ORDER BY s.map_index {order}, r.run_id LIMIT :limit OFFSET :offset",
            limit=part.limit,
            offset=part.offset,
        )
        return rows[:: part.step]

    def _count(self, db: sqlite3.Connection) -> int:
        sql = f"SELECT count(*) {self._source()}"
        (count,) = db.execute(sql, self._parameters()).fetchone()
        return int(count)

    def _rows(self, db: sqlite3.Connection, rest: str, **parameters: int) -> list[Row]:
        sql = f"{_COLUMNS} {self._source()} {rest}"
        return [Row(*row) for row in db.execute(sql, {**self._parameters(), **parameters})]

    def _source(self) -> str:
        return _OF_PRIOR_RUNS if self.prior else _OF_RUN

    def _parameters(self) -> dict[str, Any]:
        return {
            "ns": self.namespace.ns,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task_id": self.task_id,
            "key": self.key,
        }


class Window(NamedTuple):
    """A part of a sequence, as SQL selects it, and the step in what was selected.

    :param limit: negative for no limit; SQLite takes it so, and a negative offset for 0.
    """

    is_from_end: bool
    offset: int
    limit: int
    step: int = 1


def window(start: int | None, stop: int | None, step: int | None, count: int) -> Window:
    """The window of a slice, as Airflow 3.3.2 selects it on SQLite.

    It is Python's slice, but where that is empty because ``stop`` lies before ``start``, or where
    a bound lies beyond the other end, there may be more values in it.

    :param count: the length of the sequence.
    """
    step = step or 1
    first_bound = next((bound for bound in (start, stop) if bound is not None), step)
    is_from_end = first_bound < 0
    if stop is not None and (stop < 0) != is_from_end:
        stop += -count if is_from_end else count
    if is_from_end:  # the same positions, counted from the other end
        start = _mirrored(start)
        stop = _mirrored(stop)
        step = -step
    if step < 0:  # from the position after stop up to start
        start, stop = _next(stop), _next(start)
    offset = start or 0
    limit = _NO_LIMIT
    if stop is not None:
        limit = stop - offset
    return Window(is_from_end, min(offset, _LONGEST), max(_NO_LIMIT, min(limit, _LONGEST)), step)


def _next(position: int | None) -> int | None:
    if position is None:
        return None
    return position + 1


def _mirrored(position: int | None) -> int | None:
    if position is None:
        return None
    return -1 - position
