"""Namespaces: made, listed and dropped; their clocks. All of them live in the one database."""

from __future__ import annotations

import difflib
import json
import sqlite3
from collections.abc import Callable
from typing import Any

from ...errors import NamespaceExists, NamespaceNotFound
from ...model.clock import Clock, to_text, to_wire
from ...model.names import check_name
from ...model.scopes import CONTROL
from ..database.connections import Database
from ..faults import FaultyNames
from ..journal.journal import Event
from ..journal.writer import Log
from ..namespace import Namespace
from . import assets, dag_runs, references, scopes

DEFAULT = "default"
_NEAR = 5  # names in a message


def load(database: Database, log: Log, faulty: FaultyNames, name: str) -> Namespace:
    """Read a namespace; raises as :meth:`Store.namespace`."""
    with database.reading() as db:
        row = db.execute(
            "SELECT ns, config, clock, fixture, created_at FROM namespaces WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            raise NamespaceNotFound(name, near(db, name))
    return Namespace(
        database,
        log,
        faulty,
        row[0],
        name,
        config=json.loads(row[1]),
        clock=Clock.from_json(json.loads(row[2])),
        fixture=json.loads(row[3]) if row[3] else None,
        created_at=row[4] or "",
    )


def near(db: sqlite3.Connection, name: str) -> list[str]:
    """The names that are spelt most alike, or some names if none is."""
    names = [
        row[0] for row in db.execute("SELECT name FROM namespaces ORDER BY ns DESC LIMIT 1000")
    ]
    folded = {known.lower(): known for known in names}
    alike = difflib.get_close_matches(name.lower()[:100], folded, _NEAR, 0.5)
    return [folded[known] for known in alike] or sorted(names)[:_NEAR]


def listed(database: Database) -> list[dict[str, Any]]:
    """Every namespace by name: when it was made, how many dag runs, task instances, assets and keys
    it holds.
    """
    with database.snapshot() as db:
        rows = db.execute(
            """SELECT n.name, n.created_at,
            (SELECT count(*) FROM dag_runs r WHERE r.ns = n.ns),
            (SELECT count(*) FROM task_instances t WHERE t.ns = n.ns AND t.superseded_at IS NULL),
            (SELECT count(*) FROM assets a WHERE a.ns = n.ns),
            (SELECT count(*) FROM dag_runs r JOIN scopes s USING (run_pk)
            JOIN entries e USING (scope_id)
             WHERE r.ns = n.ns)
            + (SELECT count(*) FROM assets a JOIN scopes s USING (asset_pk)
            JOIN entries e USING (scope_id)
             WHERE a.ns = n.ns)
            FROM namespaces n ORDER BY n.name"""
        ).fetchall()
    names = ("name", "created_at", "dag_runs", "task_instances", "assets", "keys")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [
        {**row, "created_at": row["created_at"] and to_wire(row["created_at"])} for row in found
    ]


def create(database: Database, name: str, fixture: dict[str, Any] | None = None) -> None:
    """Make an empty namespace; raises as :meth:`Store.create_namespace`."""
    check_name(name, "namespace name")
    text = None if fixture is None else json.dumps(fixture)
    with database.transaction() as db:
        if db.execute("SELECT 1 FROM namespaces WHERE name = ?", (name,)).fetchone():
            raise NamespaceExists(f"there is a namespace {name!r} already")
        row = (name, to_text(Clock().now()), text)
        db.execute("INSERT INTO namespaces (name, created_at, fixture) VALUES (?, ?, ?)", row)


def drop(namespace: Namespace) -> None:
    """Drop a namespace with all that it holds; raises as :meth:`Store.drop_namespace`.

    The ledger goes to ``default``, so that the objects behind its references can be found and
    removed as orphans.
    """
    if namespace.name == DEFAULT:
        raise NamespaceExists(
            "the namespace 'default' cannot be dropped; POST /_stateroom/reset empties it"
        )
    with namespace.database.transaction() as db:
        namespace.journal.drop(db)
        references.hand_over(db, namespace.ns, DEFAULT)
        db.execute("DELETE FROM namespaces WHERE ns = ?", (namespace.ns,))


def change_clock(namespace: Namespace, change: Callable[[Clock], Clock]) -> Clock:
    """Change a namespace's clock; no other write comes between.

    :param change: the new clock, from the current one.
    :raises OverflowError: if the new clock shows a moment outside the years 1 to 9999.
    """
    with namespace.database.lock:
        clock = change(namespace.clock)
        to_text(clock.now())
        set_clock(namespace, clock)
    return clock


def set_clock(namespace: Namespace, clock: Clock) -> None:
    """Give a namespace another clock, which it keeps over a restart."""
    with namespace.database.lock:
        with namespace.database.transaction() as db:
            write_clock(db, namespace, clock)
            note = f"{to_wire(to_text(clock.now()))}, " + (
                "frozen" if clock.frozen_at else "running"
            )
            namespace.journal.write(
                db, Event("clock", CONTROL, note=note if not clock.is_real else "real time")
            )
        namespace.set_clock(clock)


def write_clock(db: sqlite3.Connection, namespace: Namespace, clock: Clock) -> None:
    """Write the clock, inside the caller's transaction; the caller sets :attr:`Namespace.clock`
    after it.
    """
    db.execute(
        "UPDATE namespaces SET clock = ? WHERE ns = ?", (json.dumps(clock.to_json()), namespace.ns)
    )


def forget(namespace: Namespace, db: sqlite3.Connection) -> None:
    """Remove every run, asset and entry, inside the caller's transaction."""
    scopes.remember(db, namespace.ns)
    dag_runs.remove_all(db, namespace.ns)
    assets.remove_all(db, namespace.ns)


def put_config(namespace: Namespace, config: dict[str, Any], db: sqlite3.Connection) -> None:
    """Write the configuration, inside the caller's transaction; :attr:`config` is the caller's to
    set after it.
    """
    db.execute("UPDATE namespaces SET config = ? WHERE ns = ?", (json.dumps(config), namespace.ns))
