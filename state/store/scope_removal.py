"""Remove a task instance or an asset with all that it holds; the journal keeps what happened."""

from __future__ import annotations

import sqlite3

from .. import words
from ..errors import AssetNotFound, TaskInstanceNotFound
from ..model.scopes import CONTROL, TaskScope
from .journal.journal import Event
from .journal.scope_ids import task_parameters
from .namespace import Namespace
from .tables.entries import count_to_remove, remove_with_effects
from .tables.scopes import ASSET, TASK, remember_one


def remove_task_instance(namespace: Namespace, scope: TaskScope) -> dict[str, int]:
    """Remove a task instance with its attempts, keys and XComs; its run stays.

    :returns: the numbers of ``attempts`` and ``keys``.
    :raises TaskInstanceNotFound: if there is none.
    """

    def act(db: sqlite3.Connection) -> dict[str, int]:
        row = db.execute(TASK, task_parameters(namespace.ns, scope)).fetchone()
        if row is None:
            raise TaskInstanceNotFound.by_coordinates(
                scope.dag_id, scope.run_id, scope.task_id, scope.map_index
            )
        (attempts,) = db.execute(
            "SELECT count(*) FROM task_instances WHERE scope_id = ?", row
        ).fetchone()
        keys = _remove_keys(db, namespace, row[0], f"{words.count(attempts, 'attempt')}, ")
        db.execute("DELETE FROM scopes WHERE scope_id = ?", row)
        return {"attempts": attempts, "keys": keys}

    return namespace.database.free(act)


def remove_asset(namespace: Namespace, name: str) -> dict[str, int]:
    """Remove an active asset with its keys and events.

    :returns: the number of ``keys``.
    :raises AssetNotFound: if there is none.
    """

    def act(db: sqlite3.Connection) -> dict[str, int]:
        row = db.execute(f"{ASSET}a.name = ? AND a.active", (namespace.ns, name)).fetchone()
        if row is None:
            raise AssetNotFound.by("name", name)
        keys = _remove_keys(db, namespace, row[0])
        db.execute(
            """DELETE FROM assets WHERE asset_pk =
                (SELECT asset_pk FROM scopes WHERE scope_id = ?)""",
            row,
        )
        return {"keys": keys}

    return namespace.database.free(act)


def _remove_keys(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, beside: str = ""
) -> int:
    """Remove the keys of a scope that is about to go, with an event of that; returns their number.

    :param beside: what else goes, for the note of the event.
    """
    where = "e.scope_id = ?"
    parameters = (scope_id,)
    keys = count_to_remove(db, where, parameters)
    note = beside + words.count(keys, "key")
    seq = namespace.journal.write(db, Event("remove", CONTROL, scope_id, status=200, note=note))
    remove_with_effects(db, namespace, CONTROL, seq, where, parameters)
    remember_one(db, scope_id)
    return keys
