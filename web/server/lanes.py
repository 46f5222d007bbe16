"""Lanes: which threads a call is handled by.

Each lane has threads of its own, and a view names its lane (``web/operation.py``). A call that may
take long goes to the slow lane, whose queue is bounded. A call of the state backend, and one that
waits on purpose (for the journal, or because of a fault), goes to a lane without a queue: where its
threads are busy, the call is refused. Short writes have a lane apart from short reads, because they
wait for each other and for the transaction of a long call. So long, stuck or waiting calls never
delay short ones, and no write delays a read. What is passed on to an Airflow, and what has to ask
one, has lanes of its own too: one for the calls of workers, whose heartbeats do not wait for the
streams that people have open.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from state.store.database.budget import BUDGET, OverBudget
from state.store.tables.namespaces import DEFAULT

from .. import faults
from ..operation import BACKEND, LEARNING, PASSED, REPORTING, SLOW, WAITING, LaneName, Operation
from ..proxy import routes
from ..service import PREFIX, service_of
from .app import App

log = logging.getLogger("stateroom")

READ_THREADS = 2
WRITE_THREADS = 2
SLOW_THREADS = 4
SLOW_QUEUE = 32
BACKEND_THREADS = 32
WAITING_THREADS = 64
PASSED_THREADS = 64
REPORTING_THREADS = 64
LEARNING_THREADS = 32
LONG_BODY = 256 * 1024  # bytes; a longer one goes to the slow lane
SHORT_VALUE = 256 * 1024  # bytes of values that a call may read where the sockets are read
LONG_CALL = 0.01  # seconds; calls of a path that took longer go to their lane for a while
_WHILE = 10.0  # seconds
_REMEMBERED = 1024  # paths
LaneOf = Callable[[str, str, str], LaneName | None]
IfFree = Callable[[], contextlib.AbstractContextManager[bool]]


def lane_of(app: App) -> LaneOf:
    """Name the lane of each call of an app, as its view says it.

    Where a namespace has faults, its calls on state and those of its backend may wait because of
    them, so that they take the lane of the calls that wait on purpose. In front of an Airflow,
    calls that are passed on have a lane, those of workers another one, and calls on state that must
    ask it a third.
    """
    front = app.front

    def lane(method: str, path: str, query: str) -> LaneName | None:
        if front is None:
            return own_lane(method, path, query)
        if not routes.is_own(path):
            if path.startswith("/execution/"):
                return REPORTING
            return PASSED
        path = routes.below_pages(path) or path
        name = own_lane(method, path, query)
        if name is None and front.must_ask(method, path, query):
            return LEARNING
        return name

    def own_lane(method: str, path: str, query: str) -> LaneName | None:
        namespace = DEFAULT
        if path.startswith(PREFIX):
            namespace, _, rest = path.removeprefix(PREFIX).partition("/")
            path = f"/{rest}"
        view = app.view_of(method, path)
        name: LaneName | None = getattr(view, "lane", None)
        operation: Operation | None = getattr(view, "operation", None)
        if operation is not None and operation.waits and f"&{operation.waits}=" in f"&{query}":
            return WAITING
        is_on_state = operation is not None and operation.state_op in faults.OPS
        if is_on_state or name == BACKEND:
            if namespace in service_of(app).store.faulty:
                return WAITING
        return name

    return lane


class Lane:
    """A queue of calls and the threads that take them from it, each started when it is first
    needed.

    :param bound: most calls that may wait beside those that run; None for any number.
    """

    def __init__(self, name: str, threads: int, bound: int | None = None) -> None:
        self.room = None
        if bound is not None:
            self.room = threads + bound
        self.busy = 0
        self._name = name
        self._most = threads
        self._queue: deque[Any] = deque()
        self._ready = threading.Condition(threading.Lock())
        self._open = True
        self._threads: list[threading.Thread] = []

    def add(self, call: Any) -> bool:
        """Queue a call; False if there is no room."""
        with self._ready:
            if self.room is not None and len(self._queue) + self.busy >= self.room:
                return False
            self._queue.append(call)
            if len(self._threads) < min(self._most, len(self._queue) + self.busy):
                name = f"stateroom-{self._name}-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
            self._ready.notify()
        return True

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._queue:
                    if not self._open:
                        return
                    self._ready.wait()
                call = self._queue.popleft()
                self.busy += 1
            try:
                call.service()
            except BaseException:
                log.exception("a connection failed")
            finally:
                with self._ready:
                    self.busy -= 1

    def stop(self) -> None:
        """Begin no more calls."""
        with self._ready:
            self._open = False
            self._queue.clear()
            self._ready.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for the calls that run, until a moment of the monotonic clock."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


@contextlib.contextmanager
def _never() -> Iterator[bool]:
    yield False


class Lanes:
    """waitress's dispatcher: sends each call to the lane it belongs to.

    A short call that nothing can keep waiting needs no other thread: handing it over would cost
    more than answering it. It is answered by the thread that read it from its socket.

    :param lane_of: names the lane of a method, path and query; None for a short call.
    :param full: makes the error with which a call is refused that has no room.
    :param if_free: whether nothing would keep a short call waiting; it stays so for the block.
    """

    def __init__(
        self, lane_of: LaneOf, full: Callable[[str], Exception], if_free: IfFree | None = None
    ) -> None:
        self._lane_of = lane_of
        self._full = full
        self._if_free = if_free or _never
        # by method and path, of short calls that took long: until when they go to their lane
        self._long: dict[tuple[str, str], float] = {}
        self.reads = Lane("read", READ_THREADS)
        self.writes = Lane("write", WRITE_THREADS)
        self.slow = Lane("slow", SLOW_THREADS, SLOW_QUEUE)
        self.backend = Lane("values", BACKEND_THREADS, 0)
        self.waiting = Lane("waiting", WAITING_THREADS, 0)
        self.passed = Lane("passed", PASSED_THREADS)
        self.reporting = Lane("reporting", REPORTING_THREADS)
        self.learning = Lane("learning", LEARNING_THREADS)
        self._named = {
            SLOW: self.slow,
            BACKEND: self.backend,
            WAITING: self.waiting,
            PASSED: self.passed,
            REPORTING: self.reporting,
            LEARNING: self.learning,
        }

    def add_task(self, channel: Any) -> None:
        request = channel.requests[0]
        lane = self._lane(request)
        channel.waits = lane is self.waiting
        is_short = request.error is None and lane in (self.reads, self.writes)
        if is_short and channel.take_now(lane):
            return
        if not lane.add(channel):
            request.error = self._full("too many long calls at once; try again in a second")
            self.reads.add(channel)

    def answer_now(self, channel: Any, lane: Lane) -> None:
        """Answer a short call in this thread, which reads the sockets; or in its lane, if it would
        have to wait.
        """
        request = channel.requests[0]
        call = (request.command, request.path)
        with self._if_free() as is_free:
            if is_free and not self._is_long(call) and self._is_answered(channel, call):
                return
        lane.add(channel)

    def _is_answered(self, channel: Any, call: tuple[str, str]) -> bool:
        """Answer a call here, unless it turns out to be long before it has had an effect."""
        start = time.perf_counter()
        budget = BUDGET.set(SHORT_VALUE)
        try:
            channel.service()
        except OverBudget:
            self._remember(call)
            return False
        finally:
            BUDGET.reset(budget)
        if time.perf_counter() - start > LONG_CALL:
            self._remember(call)
        return True

    def _remember(self, call: tuple[str, str]) -> None:
        if len(self._long) >= _REMEMBERED:
            self._long.clear()
        self._long[call] = time.monotonic() + _WHILE

    def _is_long(self, call: tuple[str, str]) -> bool:
        if call not in self._long:
            return False
        if time.monotonic() < self._long[call]:
            return True
        del self._long[call]
        return False

    def _lane(self, request: Any) -> Lane:
        if request.error is not None:
            return self.reads
        name = self._lane_of(request.command, request.path, request.query)
        if name is not None:
            return self._named[name]
        if request.body_bytes_received > LONG_BODY:
            return self.slow
        return self.reads if request.command in ("GET", "HEAD") else self.writes

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Let running calls end, for ``timeout`` seconds in all; drop the waiting ones."""
        lanes = (self.reads, self.writes, *self._named.values())
        for lane in lanes:
            lane.stop()
        deadline = time.monotonic() + timeout
        for lane in lanes:
            lane.join(deadline)
        return True
