"""The steps of a key in the journal, and in SQL which of them changed or read the key.

``CHANGED`` and ``LOOKED`` are conditions over the journal ``j``; they select the events for which
:attr:`Step.changed` and :attr:`Step.has_looked` are true.
"""

from __future__ import annotations

import json
import sqlite3

from ...model.events import Step

ALL = 2**53  # events; more than a journal can have
TOOK_EFFECT = "ifnull(j.status, 200) < 400 AND j.outcome IS NULL"
CHANGED = f"j.op IN ('set', 'delete') AND {TOOK_EFFECT}"
LOOKED = """j.op = 'get' AND j.ti_id IS NOT NULL
    AND (j.status = 200 OR j.outcome = 'key_not_found')"""
_STEPS = """SELECT j.seq, j.op, j.ti_id, j.actor, j.api, j.status, j.outcome, j.saw FROM journal j
    WHERE j.scope_id = :scope_id AND j.key = :key"""
_LATEST = f"{_STEPS} AND {CHANGED} AND j.seq <= :until ORDER BY j.seq DESC LIMIT :limit"
_OF_ATTEMPTS = "AND j.ti_id IN (SELECT value FROM json_each(:ti_ids))"
_KNOWLEDGE = f"""{_STEPS} {_OF_ATTEMPTS} AND j.seq < :last AND (j.seq > :first AND {LOOKED}
    OR j.seq IN (SELECT max(j.seq) FROM journal j
        WHERE j.scope_id = :scope_id AND j.key = :key {_OF_ATTEMPTS} AND j.seq < :first
        AND ({LOOKED} OR {CHANGED}) GROUP BY j.ti_id, j.op = 'get'))"""


def latest_steps(
    db: sqlite3.Connection, scope_id: int, key: str, limit: int = ALL, until: int = ALL
) -> list[Step]:
    """The steps that decide which of the latest changes of a key are lost updates, in order.

    Those are the changes, the one before them, and what their attempts knew of the key.

    :param limit: the number of changes.
    :param until: the number of an event; changes after it are left out.
    """
    of_key = {"scope_id": scope_id, "key": key}
    bounds = {"limit": limit + 1, "until": until}
    changes = [Step.of_row(row) for row in db.execute(_LATEST, {**of_key, **bounds})]
    latest = changes[:limit]
    if not latest:
        return []
    ti_ids = {step.ti_id for step in latest if step.ti_id is not None}
    window = {"first": latest[-1].seq, "last": latest[0].seq, "ti_ids": json.dumps(list(ti_ids))}
    knowledge = [Step.of_row(row) for row in db.execute(_KNOWLEDGE, {**of_key, **window})]
    steps = {step.seq: step for step in (*changes, *knowledge)}
    return [steps[seq] for seq in sorted(steps)]
