"""The faults of a namespace: kept over a restart, counted exactly.

Each count is a row's, changed in a transaction: concurrent calls never share a number, and neither
a restart nor a reset makes a fault fire again that has fired. Where there are no faults nothing is
asked.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from ..errors import NotFound
from ..model.faults import Call, Fault
from ..model.scopes import CONTROL
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
    """The names of the namespaces that have faults: asked for each call, before its namespace is
    looked up.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT DISTINCT name FROM faults JOIN namespaces USING (ns)")
        self.names = frozenset(row[0] for row in rows)

    def add(self, name: str) -> None:
        self.names |= {name}

    def remove(self, name: str) -> None:
        self.names -= {name}


class Faults:
    """The faults of one namespace, by their ids in ``rules``.

    They are asked in the order they were made. A delay lets the next one be asked too; the first
    that decides the answer is the last that is asked, so that two of them in a row make a sequence.
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
        """Whether one of them is for a state backend."""
        return any(fault.backend for fault in self.rules.values())

    def reload(self) -> None:
        """Ask those that are in the database now."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT fault_id, fault FROM faults WHERE ns = ?", (self._ns,)
            ).fetchall()
        self._show({row[0]: Fault.from_json(json.loads(row[1])) for row in rows})

    def _show(self, faults: dict[int, Fault]) -> None:
        self.rules = dict(sorted(faults.items()))
        if faults:
            self._faulty.add(self._name)
        else:
            self._faulty.remove(self._name)

    def add(self, fault: Fault) -> dict[str, Any]:
        """Set a fault; as :meth:`listed` shows it."""
        with self._database.lock:
            with self._database.transaction() as db:
                row = (self._ns, json.dumps(fault.to_json()))
                (fault_id,) = db.execute(
                    "INSERT INTO faults (ns, fault) VALUES (?, ?) RETURNING fault_id", row
                ).fetchone()
                self._note(db, f"fault {fault_id} set: {fault}")
            self._show({**self.rules, fault_id: fault})
        return {"id": fault_id, **fault.to_json(), "matched": 0, "fired": 0}

    def listed(self) -> list[dict[str, Any]]:
        """Each fault with its ``id``, how many calls it matched, and how often it fired."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT fault_id, fault, matched, fired FROM faults WHERE ns = ? ORDER BY fault_id",
                (self._ns,),
            ).fetchall()
        return [
            {"id": row[0], **json.loads(row[1]), "matched": row[2], "fired": row[3]} for row in rows
        ]

    def remove(self, fault_id: int) -> None:
        """Remove one.

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
                self._note(db, f"fault {fault_id} removed")
            self._show({one: fault for one, fault in self.rules.items() if one != fault_id})

    def clear(self) -> None:
        """Remove all."""
        with self._database.lock:
            with self._database.transaction() as db:
                if self.forget(db):
                    self._note(db, "all faults removed")
            self.forgotten()

    def forget(self, db: sqlite3.Connection) -> int:
        """Remove all inside the caller's transaction; call :meth:`forgotten` after it. How many
        there were.
        """
        return db.execute("DELETE FROM faults WHERE ns = ?", (self._ns,)).rowcount

    def replace(self, db: sqlite3.Connection, rows: list[list[Any]]) -> None:
        """Put other faults in their place inside the caller's transaction; call :meth:`reload`
        after it.

        :param rows: id, JSON text, number of calls that it matched, and how often it fired.
        """
        self.forget(db)
        db.executemany(
            "INSERT INTO faults (ns, fault_id, fault, matched, fired) VALUES (?, ?, ?, ?, ?)",
            [(self._ns, *row) for row in rows],
        )

    def forgotten(self) -> None:
        """Ask none of them any more."""
        self._show({})

    def take(self, call: Call, backend: bool = False) -> list[Fired]:
        """Count a call, and say what fires on it: delays, and at last what decides the answer, if
        anything does.

        :param backend: ask the faults of state backends instead of those of the service.
        """
        mine = [(one, fault) for one, fault in self.rules.items() if bool(fault.backend) is backend]
        fitting = [(one, fault) for one, fault in mine if fault.matches(call)]
        fired: list[Fired] = []
        if fitting:
            with self._database.transaction() as db:
                for fault_id, fault in fitting:
                    found = _count(db, fault_id, fault)
                    if found is not None:
                        fired.append(found)
                        if fault.answers:
                            break
        return fired

    def note(self, fired: Fired, what: str, event: Event) -> None:
        """Write into the journal what a fault did.

        :param what: in words.
        :param event: of op ``fault``; its parent is the number of the request's event, its status
            what was answered.
        """
        note = f"fault {fired.fault_id}: {what}"
        self._journal.note(event._replace(note=note, delay=fired.delay or None))

    def _note(self, db: sqlite3.Connection, note: str) -> None:
        self._journal.write(db, Event("fault", CONTROL, note=note))


def _count(db: sqlite3.Connection, fault_id: int, fault: Fault) -> Fired | None:
    """Give a call its number with one fault; what fires, or None. One that was removed meanwhile
    does not.
    """
    row = db.execute(
        "UPDATE faults SET matched = matched + 1 WHERE fault_id = ? RETURNING matched", (fault_id,)
    ).fetchone()
    if row is None or not fault.fires(row[0]):
        return None
    db.execute("UPDATE faults SET fired = fired + 1 WHERE fault_id = ?", (fault_id,))
    return Fired(fault_id, fault, fault.delay(row[0]))
