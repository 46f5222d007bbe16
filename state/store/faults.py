"""The faults of a namespace: stored in the database, counted exactly.

A count is changed in a transaction: concurrent calls never share a number, and no fault fires again
after a restart. A namespace without faults costs no query.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from ..errors import NotFound
from ..model.faults import Call, Fault
from ..model.scopes import CONTROL, Writer
from .database.connections import Database
from .database.sql import in_range
from .journal.journal import Event, Journal


class Fired(NamedTuple):
    """A fault that fires on a call.

    :param delay: seconds that the call is to wait.
    """

    fault_id: int
    fault: Fault
    delay: float


class FaultyNames:
    """The names of the namespaces that have faults, known without loading a namespace."""

    def __init__(self, db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT DISTINCT name FROM faults JOIN namespaces USING (ns)")
        self.names = frozenset(row[0] for row in rows)

    def add(self, name: str) -> None:
        self.names |= {name}

    def remove(self, name: str) -> None:
        self.names -= {name}


class Faults:
    """The faults of one namespace, by their ids in ``rules``.

    They are tried in the order in which they were added, up to the first that fires and decides the
    answer: after one that only delays, the next is tried too.
    """

    def __init__(
        self, database: Database, journal: Journal, ns: int, name: str, faulty: FaultyNames
    ) -> None:
        self._database = database
        self._journal = journal
        self._ns = ns
        self._name = name
        self._faulty = faulty
        self.rules: dict[int, Fault] = {}
        if name in faulty.names:
            self.reload()

    @property
    def of_backend(self) -> bool:
        """Whether one of them is for calls of a state backend."""
        return any(fault.backend for fault in self.rules.values())

    def reload(self) -> None:
        """Use the faults that are in the database now."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT fault_id, fault FROM faults WHERE ns = ?", (self._ns,)
            ).fetchall()
        self._use({row[0]: Fault.from_json(json.loads(row[1])) for row in rows})

    def _use(self, faults: dict[int, Fault]) -> None:
        self.rules = dict(sorted(faults.items()))
        if faults:
            self._faulty.add(self._name)
        else:
            self._faulty.remove(self._name)

    def add(self, fault: Fault, writer: Writer = CONTROL) -> dict[str, Any]:
        """Add a fault; returns it as :meth:`listed` does."""
        with self._database.lock:
            with self._database.transaction() as db:
                row = (self._ns, json.dumps(fault.to_json()))
                (fault_id,) = db.execute(
                    "INSERT INTO faults (ns, fault) VALUES (?, ?) RETURNING fault_id", row
                ).fetchone()
                self._note(db, f"fault {fault_id} set: {fault}", writer)
            self._use({**self.rules, fault_id: fault})
        return {"id": fault_id, **fault.to_json(), "matched": 0, "fired": 0}

    def listed(self) -> list[dict[str, Any]]:
        """Each fault with its ``id``, the calls that it ``matched``, and how often it ``fired``."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT fault_id, fault, matched, fired FROM faults WHERE ns = ? ORDER BY fault_id",
                (self._ns,),
            ).fetchall()
        return [
            {"id": row[0], **json.loads(row[1]), "matched": row[2], "fired": row[3]} for row in rows
        ]

    def remove(self, fault_id: int, writer: Writer = CONTROL) -> None:
        """Remove a fault.

        :raises NotFound: if there is none of this id.
        :raises OutOfRange: for an id that no row can have.
        """
        with self._database.lock:
            with self._database.transaction() as db:
                where = (self._ns, in_range("id", fault_id))
                if not db.execute(
                    "DELETE FROM faults WHERE ns = ? AND fault_id = ?", where
                ).rowcount:
                    raise NotFound(f"there is no fault {fault_id}")
                self._note(db, f"fault {fault_id} removed", writer)
            faults = dict(self.rules)
            faults.pop(fault_id, None)
            self._use(faults)

    def clear(self, writer: Writer = CONTROL) -> None:
        """Remove all."""
        with self._database.lock:
            with self._database.transaction() as db:
                if self.delete_all(db):
                    self._note(db, "all faults removed", writer)
            self.reload()

    def delete_all(self, db: sqlite3.Connection) -> int:
        """Remove all inside the caller's transaction, and return their number; call :meth:`reload`
        after it.
        """
        return db.execute("DELETE FROM faults WHERE ns = ?", (self._ns,)).rowcount

    def replace(self, db: sqlite3.Connection, rows: list[list[Any]]) -> None:
        """Put other faults in their place inside the caller's transaction; call :meth:`reload`
        after it.

        :param rows: id, JSON text, number of calls that it matched, and how often it fired.
        """
        self.delete_all(db)
        db.executemany(
            "INSERT INTO faults (ns, fault_id, fault, matched, fired) VALUES (?, ?, ?, ?, ?)",
            [(self._ns, *row) for row in rows],
        )

    def take(self, call: Call, backend: bool = False) -> list[Fired]:
        """Count a call, and return the faults that fire on it: those that delay it, then the one
        that decides the answer, if any.

        :param backend: try the faults of state backends instead of those of the service.
        """
        matching = [
            (fault_id, fault)
            for fault_id, fault in self.rules.items()
            if bool(fault.backend) is backend and fault.matches(call)
        ]
        if not matching:
            return []
        fired: list[Fired] = []
        with self._database.transaction() as db:
            for fault_id, fault in matching:
                count = _count(db, fault_id)
                if count is None or not fault.fires(count):
                    continue
                db.execute("UPDATE faults SET fired = fired + 1 WHERE fault_id = ?", (fault_id,))
                fired.append(Fired(fault_id, fault, fault.delay(count)))
                if fault.answers:
                    break
        return fired

    def note(self, fired: Fired, effect: str, event: Event) -> None:
        """Write the effect of a fault into the journal.

        :param effect: a phrase.
        :param event: of op ``fault``; its parent is the number of the request's event, its status
            that of the answer.
        """
        note = f"fault {fired.fault_id}: {effect}"
        self._journal.note(event._replace(note=note, delay=fired.delay or None))

    def _note(self, db: sqlite3.Connection, note: str, writer: Writer) -> None:
        self._journal.write(db, Event("fault", writer, note=note))


def _count(db: sqlite3.Connection, fault_id: int) -> int | None:
    """Count a call that a fault matches; None if the fault was removed meanwhile."""
    row = db.execute(
        "UPDATE faults SET matched = matched + 1 WHERE fault_id = ? RETURNING matched", (fault_id,)
    ).fetchone()
    return None if row is None else int(row[0])
