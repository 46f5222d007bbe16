"""The table of dag runs."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model.clock import to_text
from ..database.sql import row_as_dict
from ..namespace import Namespace


def put_run(db: sqlite3.Connection, namespace: Namespace, run: dict[str, Any]) -> int:
    """Create or update a dag run, and return its row; members that are not given keep their values,
    or get those of a manual run.
    """
    identity = (namespace.ns, run["dag_id"], run["run_id"])
    stored = row_as_dict(
        db,
        """SELECT logical_date, run_after, state FROM dag_runs WHERE ns = ? AND dag_id = ?
            AND run_id = ?""",
        identity,
    )
    row = {"logical_date": None, "run_after": None, "state": "running", **stored, **run}
    after = row["run_after"] or row["logical_date"] or to_text(namespace.clock.now())
    (pk,) = db.execute(
        """INSERT INTO dag_runs (ns, dag_id, run_id, logical_date, run_after, state)
            VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (ns, dag_id, run_id) DO UPDATE SET logical_date = excluded.logical_date,
        run_after = excluded.run_after, state = excluded.state RETURNING run_pk""",
        (*identity, row["logical_date"], after, row["state"]),
    ).fetchone()
    return int(pk)


def remove_all(db: sqlite3.Connection, ns: int) -> None:
    """Remove the dag runs of a namespace with all that they hold, inside the caller's
    transaction.
    """
    db.execute("DELETE FROM dag_runs WHERE ns = ?", (ns,))
