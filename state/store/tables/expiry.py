"""Expired entries: which those are, and their removal."""

from __future__ import annotations

import sqlite3

from ...model.clock import to_text
from ...model.scopes import CONTROL, Writer
from ..journal.journal import Event
from ..namespace import Namespace
from .entries import remove_with_effects

# the same rule as state.model.retention.has_expired
EXPIRED = "e.expires_at < :now"
_OF_NAMESPACE = f"""FROM entries e JOIN scopes s USING (scope_id)
    LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk)
    WHERE coalesce(r.ns, a.ns) = :ns AND {EXPIRED}"""
_COUNT = f"SELECT count(*) {_OF_NAMESPACE}"


def clean(namespace: Namespace, dry_run: bool, batch_size: int, writer: Writer = CONTROL) -> int:
    """Remove the expired entries, or only count them; how many there were.

    :param batch_size: rows per transaction, so that other writers get their turn; 0 for all at
        once.
    """
    parameters = {"ns": namespace.ns, "now": to_text(namespace.clock.now())}
    if dry_run:
        with namespace.database.reading() as db:
            (total,) = db.execute(_COUNT, parameters).fetchone()
            return int(total)
    removed = 0
    seq: int | None = None
    batch = f"e.entry_id IN (SELECT e.entry_id {_OF_NAMESPACE} LIMIT {batch_size or -1})"

    def act(db: sqlite3.Connection) -> tuple[int, int]:
        parent = seq
        if parent is None:
            (total,) = db.execute(_COUNT, parameters).fetchone()
            event = Event("clean", writer, status=200, note=f"{total} expired")
            parent = namespace.journal.write(db, event)
        return parent, remove_with_effects(db, namespace, writer, parent, batch, parameters)

    while True:
        seq, count = namespace.database.free(act)
        removed += count
        if not count or not batch_size:
            return removed
