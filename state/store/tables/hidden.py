"""Scopes that nobody sees: what a restore prepares, and what a reset or a restore took away.

They are a dag run's in a namespace of their own, without a valid name. So the values of a long
call are written and deleted in slices, and its own transaction moves scopes only: readers see all
of it or nothing. A scope keeps its id, with which its values, the journal and the ledger name it.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model.names import HIDDEN
from ..database.connections import Database
from ..database.slices import in_slices, keys_of_slice

REGION = HIDDEN  # of such a scope
# the tables of values, which may be many and long, with their keys
VALUES = {"entries": "entry_id", "xcoms": "xcom_pk"}
# the run, for parameters with :owner from owner()
RUN = """SELECT run_pk FROM dag_runs JOIN namespaces n USING (ns) WHERE n.name = :owner"""
_NAMESPACE = "SELECT ns FROM namespaces WHERE name = :owner"


def owner(ns: int) -> str:
    """The name of the namespace that has the hidden scopes of another."""
    return f"{HIDDEN}{ns}"


def make_owner(db: sqlite3.Connection, ns: int) -> str:
    """Make the owner of the hidden scopes of a namespace, if there is none; returns its name."""
    parameters = {"owner": owner(ns)}
    db.execute("INSERT OR IGNORE INTO namespaces (name) VALUES (:owner)", parameters)
    db.execute(
        f"""INSERT OR IGNORE INTO dag_runs (ns, dag_id, run_id, run_after, state)
        VALUES (({_NAMESPACE}), '', '', '', '')""",
        parameters,
    )
    return parameters["owner"]


def hide(db: sqlite3.Connection, ns: int, scope_ids: str, parameters: dict[str, Any]) -> None:
    """Take scopes away, with their values and attempts, inside the caller's transaction.

    :param scope_ids: a SELECT of the scopes.
    """
    parameters = {**parameters, "owner": make_owner(db, ns)}
    db.execute(
        f"""UPDATE task_instances SET ns = ({_NAMESPACE}), id = ti_pk
        WHERE scope_id IN ({scope_ids})""",
        parameters,
    )
    db.execute(
        f"""UPDATE scopes SET run_pk = ({RUN}), task_id = scope_id, map_index = 0,
        asset_pk = NULL, region = '{REGION}' WHERE scope_id IN ({scope_ids})""",
        parameters,
    )


def make_way(db: sqlite3.Connection, scope_id: str, parameters: Any) -> None:
    """Delete a hidden scope, because one with its id is made, inside the caller's transaction.

    :param scope_id: a SELECT of its id.
    """
    db.execute(
        f"DELETE FROM scopes WHERE region = '{REGION}' AND scope_id = ({scope_id})", parameters
    )


def delete(database: Database, ns: int) -> None:
    """Delete the hidden scopes of a namespace in slices, also those that a killed process left."""
    parameters = {"owner": owner(ns)}
    with database.reading() as db:
        if db.execute(_NAMESPACE, parameters).fetchone() is None:
            return
    in_slices(lambda most: database.free(lambda db: _delete_some(db, parameters, most)))
    database.free(lambda db: db.execute("DELETE FROM namespaces WHERE name = :owner", parameters))


def _delete_some(db: sqlite3.Connection, parameters: dict[str, Any], most: int) -> int:
    for table, key in VALUES.items():
        rows = db.execute(
            f"""SELECT e.{key}, e.size FROM scopes s CROSS JOIN {table} e USING (scope_id)
            WHERE s.run_pk = ({RUN}) LIMIT :most""",
            {**parameters, "most": most},
        )
        keys = keys_of_slice(rows)
        db.executemany(f"DELETE FROM {table} WHERE {key} = ?", [(each,) for each in keys])
        if keys:
            return len(keys)
    return 0
