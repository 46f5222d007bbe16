"""The table of namespaces, with their clocks and configurations."""

from __future__ import annotations

import difflib
import json
import sqlite3
from collections.abc import Callable
from typing import Any

from ...errors import NamespaceExists, NamespaceNotFound, StoreError
from ...model.clock import Clock, to_text, to_wire
from ...model.compat import Rules
from ...model.names import HIDDEN, check_name
from ...model.scopes import CONTROL, Writer
from ..database import meta
from ..database.connections import Database
from ..database.sql import rows
from ..faults import FaultyNames
from ..journal.journal import Event
from ..journal.writer import Log
from ..namespace import Namespace
from . import (
    asset_events,
    assets,
    connections,
    dag_runs,
    dags,
    hidden,
    references,
    scopes,
    variables,
)

DEFAULT = "default"
_NEAR = 5  # names in a message
_SEEN = f"name NOT LIKE '{HIDDEN}%'"
_DROPPED = "dropped:"  # before a namespace's name, in the table meta: how often it was dropped


def load(database: Database, log: Log, faulty: FaultyNames, name: str, rules: Rules) -> Namespace:
    """Read a namespace; raises as :meth:`Store.namespace`."""
    with database.reading() as db:
        row = db.execute(
            f"""SELECT ns, config, clock, fixture, created_at, realm FROM namespaces
            WHERE name = ? AND {_SEEN}""",
            (name,),
        ).fetchone()
        if row is None:
            raise NamespaceNotFound(name, similar_names(db, name))
    ns, config, clock, fixture, created_at, realm = row
    return Namespace(
        database,
        log,
        faulty,
        ns,
        name,
        config=json.loads(config),
        clock=Clock.from_json(json.loads(clock)),
        fixture=json.loads(fixture or "null"),
        created_at=created_at or "",
        realm=realm,
        rules=rules,
    )


def is_empty(db: sqlite3.Connection, ns: int) -> bool:
    """Whether a namespace has no dag runs and no assets, and so no keys; nor Dags, aliases,
    variables and connections.
    """
    tables = ("dag_runs", "assets", "dags", "asset_aliases", "variables", "connections")
    exist = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE ns = :ns)" for table in tables)
    return not db.execute(f"SELECT {exist}", {"ns": ns}).fetchone()[0]


def similar_names(db: sqlite3.Connection, name: str) -> list[str]:
    """Existing names with a similar spelling, or some names if there is none."""
    sql = f"SELECT name FROM namespaces WHERE {_SEEN} ORDER BY ns DESC LIMIT 1000"
    names = [row[0] for row in db.execute(sql)]
    names_by_lower = {existing.lower(): existing for existing in names}
    similar = difflib.get_close_matches(name.lower()[:100], names_by_lower, _NEAR, 0.5)
    return [names_by_lower[spelling] for spelling in similar] or sorted(names)[:_NEAR]


def listed(database: Database) -> list[dict[str, Any]]:
    """Every namespace by name, with ``created_at`` and the numbers of its ``dag_runs``,
    ``task_instances``, ``assets`` and ``keys``.
    """
    with database.snapshot() as db:
        namespaces = rows(
            db,
            f"""SELECT n.name, n.created_at,
            (SELECT count(*) FROM dag_runs r WHERE r.ns = n.ns) AS dag_runs,
            (SELECT count(*) FROM task_instances t WHERE t.ns = n.ns AND t.superseded_at IS NULL)
            AS task_instances,
            (SELECT count(*) FROM assets a WHERE a.ns = n.ns) AS assets,
            (SELECT count(*) FROM dag_runs r JOIN scopes s USING (run_pk)
            JOIN entries e USING (scope_id)
             WHERE r.ns = n.ns)
            + (SELECT count(*) FROM assets a JOIN scopes s USING (asset_pk)
            JOIN entries e USING (scope_id)
             WHERE a.ns = n.ns) AS keys
            FROM namespaces n WHERE {_SEEN} ORDER BY n.name""",
            (),
        )
    for namespace in namespaces:
        namespace["created_at"] = namespace["created_at"] and to_wire(namespace["created_at"])
    return namespaces


def names(database: Database) -> list[str]:
    """The names of all namespaces."""
    with database.reading() as db:
        return [name for (name,) in db.execute(f"SELECT name FROM namespaces WHERE {_SEEN}")]


def create(database: Database, name: str, fixture: dict[str, Any] | None = None) -> None:
    """Create an empty namespace; raises as :meth:`Store.create_namespace`."""
    check_name(name, "namespace name")
    text = None if fixture is None else json.dumps(fixture)
    with database.transaction() as db:
        if db.execute("SELECT 1 FROM namespaces WHERE name = ?", (name,)).fetchone():
            raise NamespaceExists(f"namespace {name!r} already exists")
        row = (name, to_text(Clock().now()), text, _new_realm(db, name))
        db.execute(
            "INSERT INTO namespaces (name, created_at, fixture, realm) VALUES (?, ?, ?, ?)", row
        )


def _new_realm(db: sqlite3.Connection, name: str) -> str:
    """The name, or for one that was dropped before another: its objects may still be there."""
    dropped = meta.number(db, _DROPPED + name)
    if not dropped:
        return name
    return f"{name}~{dropped}"


def realms(database: Database) -> set[str]:
    """The realms of all namespaces."""
    sql = f"SELECT realm FROM namespaces WHERE {_SEEN}"
    with database.reading() as db:
        return {realm for (realm,) in db.execute(sql)}


def drop(namespace: Namespace) -> None:
    """Drop a namespace and its contents; raises as :meth:`Store.drop_namespace`.

    Its references move to ``default``, so that their objects can be found and removed as orphans.
    """
    if namespace.name == DEFAULT:
        raise NamespaceExists(
            "the namespace 'default' cannot be dropped; `stateroom reset --empty` empties it"
        )

    def act(db: sqlite3.Connection) -> None:
        namespace.journal.drop(db)
        references.hand_over(db, namespace.ns, DEFAULT)
        owner = hidden.owner(namespace.ns)
        db.execute("DELETE FROM namespaces WHERE ns = ? OR name = ?", (namespace.ns, owner))
        counter = _DROPPED + namespace.name
        meta.write(db, counter, str(meta.number(db, counter) + 1))

    try:
        namespace.database.free(act)
    except StoreError:
        namespace.journal.keep()
        raise


def change_clock(
    namespace: Namespace, change: Callable[[Clock], Clock], writer: Writer = CONTROL
) -> Clock:
    """Change a namespace's clock; no other write happens in between.

    :param change: the new clock, from the current one.
    :raises OverflowError: if the new clock shows a moment outside the years 1 to 9999.
    """
    with namespace.database.lock:
        clock = change(namespace.clock)
        to_text(clock.now())
        set_clock(namespace, clock, writer)
    return clock


def set_clock(namespace: Namespace, clock: Clock, writer: Writer = CONTROL) -> None:
    """Set a namespace's clock, and store it."""
    note = "real time"
    if not clock.is_real:
        motion = "frozen" if clock.frozen_at else "running"
        note = f"{to_wire(to_text(clock.now()))}, {motion}"
    with namespace.database.lock:
        with namespace.database.transaction() as db:
            write_clock(db, namespace, clock)
            namespace.journal.write(db, Event("clock", writer, note=note))
        namespace.set_clock(clock)


def write_clock(db: sqlite3.Connection, namespace: Namespace, clock: Clock) -> None:
    """Write a clock inside the caller's transaction; the caller sets ``namespace.clock`` after
    it.
    """
    db.execute(
        "UPDATE namespaces SET clock = ? WHERE ns = ?", (json.dumps(clock.to_json()), namespace.ns)
    )


def empty(db: sqlite3.Connection, namespace: Namespace, is_hiding: bool = False) -> None:
    """Remove every Dag, run, asset, alias, entry, variable and connection, inside the caller's
    transaction.

    :param is_hiding: leave the deletion of the entries to :func:`hidden.delete`.
    """
    scopes.remember(db, namespace.ns)
    if is_hiding:
        hidden.hide(db, namespace.ns, scopes.OF_NAMESPACE, {"ns": namespace.ns})
    dag_runs.remove_all(db, namespace.ns)
    assets.remove_all(db, namespace.ns)
    asset_events.remove_all(db, namespace.ns)
    dags.remove_all(db, namespace.ns)
    variables.remove_all(db, namespace.ns)
    connections.remove_all(db, namespace.ns)


def write_config(db: sqlite3.Connection, namespace: Namespace, config: dict[str, Any]) -> None:
    """Write a configuration inside the caller's transaction; the caller sets ``namespace.config``
    after it.
    """
    db.execute("UPDATE namespaces SET config = ? WHERE ns = ?", (json.dumps(config), namespace.ns))
