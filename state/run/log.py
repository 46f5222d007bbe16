"""Send the log of a task to the service, which shows it on the page of the task."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.log_records import MOST, SIZE, Record, fitted
from .register import Service


def send_log(service: Service, ti_id: str, records: Sequence[Record]) -> None:
    """Add records to the log of an attempt; of more than the service keeps, the last ones.

    May be called again with the next records.

    :param service: a client of the namespace, as an admin.
    :param ti_id: of the attempt that logged them, which may be a former one by now.
    :raises NotFound: if there is no such attempt.
    :raises ServiceError: if the service refuses them.
    :raises Unreachable: if the service does not respond.
    """
    last = _last(records)
    body = {"records": last, "left_out": len(records) - len(last)}
    service.call("POST", f"/_stateroom/task-instances/{ti_id}/log", json=body)


def _last(records: Sequence[Record]) -> list[Record]:
    """The last records that the service keeps, each at most as long as it keeps it."""
    last: list[Record] = []
    room = SIZE
    for record in reversed(records[-MOST:]):
        record, text = fitted(record)
        room -= len(text)
        if room < 0:
            break
        last.append(record)
    return last[::-1]
