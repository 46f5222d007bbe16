"""The logs of attempts, which stand beside the journal: what a worker printed, as its supervisor
sent it.

Like the journal's events they outlive a reset and a restore, and the oldest are deleted above a
limit; they go with their namespace.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from ...errors import TaskInstanceNotFound
from ...model import values
from ...model.log_records import MOST, SIZE, Record, error_of, fitted, moment
from ..database.connections import Database

LIMIT = 16 * 2**20  # bytes of the logs of a namespace
_OF_ATTEMPT = "ns = :ns AND ti_id = :ti_id"
# the newest row that has more than :most bytes, or rows, from it to the end of the log
_BEYOND = """SELECT max(log_pk) FROM (SELECT log_pk, sum(size) OVER newest AS size,
    row_number() OVER newest AS number FROM task_logs WHERE {where}
    WINDOW newest AS (ORDER BY log_pk DESC)) WHERE size > :bytes OR number > :rows"""


class Log(NamedTuple):
    """The log of an attempt, or its end.

    :param records: in order, each with ``real_at``: when it was logged, in seconds since 1970.
    :param earlier: how many records before them are stored.
    :param left_out: how many were logged before those, and are not stored.
    """

    records: list[dict[str, Any]]
    earlier: int
    left_out: int


def add(
    database: Database, ns: int, ti_id: str, records: Iterable[Record], left_out: int = 0
) -> None:
    """Add records to the log of an attempt, current or former. A record that is too long is cut,
    and the oldest ones above the limits are deleted.

    :param left_out: the number of records before them that were not sent.
    :raises TaskInstanceNotFound: if there is no attempt of this id.
    """
    parameters: dict[str, Any] = {"ns": ns, "ti_id": ti_id}
    with database.transaction() as db:
        sql = "SELECT 1 FROM task_instances WHERE ns = :ns AND id = :ti_id"
        if not db.execute(sql, parameters).fetchone():
            raise TaskInstanceNotFound.by_id(ti_id)
        last = db.execute(
            f"SELECT seq, real_at FROM task_logs WHERE {_OF_ATTEMPT} ORDER BY seq DESC LIMIT 1",
            parameters,
        ).fetchone()
        seq, real_at = last or (0, 0.0)
        seq += left_out
        for record in records:
            seq += 1
            record, text = fitted(record)
            real_at = max(real_at, moment(record) or real_at)
            row = (ns, ti_id, seq, real_at, len(text), error_of(record), text)
            db.execute(
                """INSERT INTO task_logs (ns, ti_id, seq, real_at, size, error, record)
                VALUES (?, ?, ?, ?, ?, ?, ?)""",
                row,
            )
        _trim(db, _OF_ATTEMPT, {**parameters, "bytes": SIZE, "rows": MOST})
        _trim(db, "ns = :ns", {**parameters, "bytes": LIMIT, "rows": LIMIT})


def _trim(db: sqlite3.Connection, where: str, parameters: dict[str, Any]) -> None:
    sizes = f"SELECT count(*), ifnull(sum(size), 0) FROM task_logs WHERE {where}"
    rows, size = db.execute(sizes, parameters).fetchone()
    if rows <= parameters["rows"] and size <= parameters["bytes"]:
        return
    (last,) = db.execute(_BEYOND.format(where=where), parameters).fetchone()
    sql = f"DELETE FROM task_logs WHERE {where} AND log_pk <= :last"
    db.execute(sql, {**parameters, "last": last})


def log_of(database: Database, ns: int, ti_id: str, most: int = MOST) -> Log:
    """The log of an attempt; empty if nothing of it is stored.

    :param most: records, of which the last are taken.
    """
    parameters = {"ns": ns, "ti_id": ti_id, "most": most}
    with database.snapshot() as db:
        rows = db.execute(
            f"""SELECT seq, real_at, record FROM task_logs WHERE {_OF_ATTEMPT}
            ORDER BY seq DESC LIMIT :most""",
            parameters,
        ).fetchall()
        first, count = db.execute(
            f"SELECT ifnull(min(seq), 1), count(*) FROM task_logs WHERE {_OF_ATTEMPT}", parameters
        ).fetchone()
    records = [{**values.loads(text), "real_at": real_at} for _, real_at, text in reversed(rows)]
    return Log(records, count - len(rows), first - 1)


def summaries(database: Database, ns: int, ti_ids: list[str]) -> dict[str, str | None]:
    """Those of the attempts that have a log, each with the last error in it; None for no error.

    :param ti_ids: ids of attempts.
    """
    marks = ", ".join("?" * len(ti_ids))
    sql = f"""SELECT ti_id, (SELECT e.error FROM task_logs e WHERE e.ns = t.ns
        AND e.ti_id = t.ti_id AND e.error IS NOT NULL ORDER BY e.seq DESC LIMIT 1)
        FROM (SELECT DISTINCT ns, ti_id FROM task_logs WHERE ns = ? AND ti_id IN ({marks})) t"""
    with database.reading() as db:
        return dict(db.execute(sql, (ns, *ti_ids)).fetchall())
