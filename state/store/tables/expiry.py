"""Removal of expired entries."""

from __future__ import annotations

from ...model.clock import to_text
from ...model.scopes import CONTROL
from ..journal.journal import Event
from ..namespace import Namespace
from .entries import remove_with_effects


def clean(namespace: Namespace, dry_run: bool, batch_size: int) -> int:
    """Remove the entries whose moment has passed; how many there were.

    :param batch_size: rows per transaction, 0 for all at once, so that writers get their turn.
    """
    expired = """FROM entries e JOIN scopes s USING (scope_id)
        LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk)
        WHERE coalesce(r.ns, a.ns) = ? AND e.expires_at < ?"""
    parameters = (namespace.ns, to_text(namespace.clock.now()))
    if dry_run:
        with namespace.database.reading() as db:
            (total,) = db.execute(f"SELECT count(*) {expired}", parameters).fetchone()
            return int(total)
    removed, seq = 0, None
    while True:
        with namespace.database.transaction() as db:
            batch = f"SELECT e.entry_id {expired} LIMIT {batch_size or -1}"
            if seq is None:
                (total,) = db.execute(f"SELECT count(*) {expired}", parameters).fetchone()
                seq = namespace.journal.write(
                    db, Event("clean", CONTROL, status=200, note=f"{total} expired")
                )
            count = remove_with_effects(
                db, namespace, CONTROL, seq, f"e.entry_id IN ({batch})", parameters
            )
        removed += count
        if not count or not batch_size:
            return removed
