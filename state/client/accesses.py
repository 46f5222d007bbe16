"""What a running attempt reads and writes, told between the lines of its log."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ..model.clock import from_text, to_text
from ..model.events import CALLS, DELETE_VARIABLE, SET_VARIABLE, XCOM_CALLS
from ..model.scopes import TaskScope, label
from ..terminal import printable
from .events import Event
from .journal import Journal
from .timeline import EventFormatter, operation

Record = dict[str, Any]
LEVEL = "state"  # in the place of a log level
_OPS = (*CALLS, *XCOM_CALLS, SET_VARIABLE, DELETE_VARIABLE)
_PAUSE = 0.1  # seconds between two looks into the journal
_DELAY = 0.1  # seconds that a line of the log may need to arrive here


class Accesses:
    """The accesses of one attempt: its calls on keys and XComs, and its changes of variables.

    :param after: the number of the event after which they are looked for.
    """

    def __init__(self, journal: Journal, after: int) -> None:
        self._journal = journal
        self._last = after
        self._writes: dict[int, Event] = {}
        self._scope: TaskScope | None = None
        self._ti_id = ""
        self.events: list[Event] = []

    def begin(self, scope: TaskScope, ti_id: str) -> None:
        """Look for those of this attempt from now on."""
        self._scope = scope
        self._ti_id = ti_id

    def more(self) -> list[Event]:
        """Those since the last call."""
        new: list[Event] = []
        if not self._ti_id:
            return new
        while page := self._journal.wait(self._last, 0, ti_id=self._ti_id):
            self._last = page[-1].seq
            self._writes.update((event.seq, event) for event in page)
            new += [event for event in page if event.parent is None and event.op in _OPS]
        self.events += new
        return new

    def text(self, event: Event) -> str:
        """An access in a line: ``get job_id -> "job-1"``, ``asset orders: set watermark 7``."""
        seen = self._seen(event)
        outcome = EventFormatter([*seen, event]).outcome(event)
        parts = [operation(event), printable(event.key or ""), outcome]
        if event.scope not in (None, self._scope):
            parts.insert(0, f"{printable(label(event.scope))}:")
        return " ".join(part for part in parts if part)

    def _seen(self, event: Event) -> list[Event]:
        """The write whose value was read; empty if it is no longer in the journal."""
        if event.saw is None:
            return []
        if event.saw not in self._writes:
            write = self._journal.event(event.saw)
            if write is None:
                return []
            self._writes[event.saw] = write
        return [self._writes[event.saw]]


class Stream:
    """Shows records of the log with the accesses between them by their times, a moment late.

    The log keeps its own order, which its times do not always follow: what a task prints has the
    time at which the supervisor read it. A thread looks into the journal from time to time, so that
    the task never waits for it.

    :param show: called with each record; an access is a record of the level :data:`LEVEL`.
    """

    def __init__(self, accesses: Accesses, show: Callable[[Record], None]) -> None:
        self._accesses = accesses
        self._show = show
        self._lock = threading.Lock()
        self._numbers = itertools.count()  # of two records of one time the first comes first
        self._waiting: list[tuple[float, int, Record]] = []
        self._latest = 0.0  # time in the log so far
        self._end = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def add(self, record: Record) -> None:
        """Take a record of the log.

        :raises BaseException: an interrupt that ``show`` has raised meanwhile, such as
            ``KeyboardInterrupt``; an error of its is raised at the end.
        """
        if self._error is not None and not isinstance(self._error, Exception):
            raise self._error
        self._latest = max(self._latest, _seconds(record))
        self._add(self._latest, record)

    def _add(self, moment: float, record: Record) -> None:
        with self._lock:
            heapq.heappush(self._waiting, (moment, next(self._numbers), record))

    def _follow(self) -> None:
        try:
            while not self._end.wait(_PAUSE):
                self._show_until(time.time() - _DELAY)
        except BaseException as error:  # raised again by the thread of the run
            self._error = error

    def _show_until(self, moment: float) -> None:
        for event in self._accesses.more():
            self._add(event.real_at, self._record(event))
        while record := self._next(moment):
            self._show(record)

    def _next(self, moment: float) -> Record | None:
        with self._lock:
            if self._waiting and self._waiting[0][0] <= moment:
                return heapq.heappop(self._waiting)[2]
        return None

    def _record(self, event: Event) -> Record:
        moment = datetime.fromtimestamp(event.real_at, timezone.utc)
        return {
            "timestamp": to_text(moment),
            "level": LEVEL,
            "logger": "stateroom",
            "event": self._accesses.text(event),
        }

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        self._show_until(float("inf"))


def _seconds(record: Record) -> float:
    """The time of a record in Unix seconds; now for one without."""
    try:
        return from_text(record["timestamp"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return time.time()
