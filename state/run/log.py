"""Send the log of a task to the service, which shows it on the page of the task."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from ..errors import StateError
from ..model.log_records import MOST, SIZE, Record, fitted
from .register import Service

PAUSE = 1.0  # seconds from a record to the batch that sends it


class Log:
    """The log of an attempt, which is sent in batches while it runs, and at the end of the context
    whatever is left, however that ends.

    :param service: a client of the namespace, as an admin.
    :param ti_id: of the attempt.
    :ivar records: all of them.
    """

    def __init__(self, service: Service, ti_id: str) -> None:
        self.records: list[dict[str, Any]] = []
        self._service = service
        self._ti_id = ti_id
        self._sent = 0  # number of the records that the service has
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def add(self, record: dict[str, Any]) -> None:
        """Take a record; the next batch has it."""
        with self._lock:
            self.records.append(record)
            if self._timer is None:
                self._timer = threading.Timer(PAUSE, self._send_batch)
                self._timer.daemon = True
                self._timer.start()

    def _send_batch(self) -> None:
        with self._lock:
            self._timer = None
            try:
                self._send()
            except StateError:
                pass  # the next batch has its records too, and the last one raises its error

    def _send(self) -> None:
        records = self.records[self._sent :]
        if records:
            send_log(self._service, self._ti_id, records)
            self._sent += len(records)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        """Send what is left.

        :raises StateError: as :func:`send_log` does.
        """
        timer = self._timer
        if timer is not None:
            timer.cancel()
            timer.join()
        with self._lock:
            self._send()


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
