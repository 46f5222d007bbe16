"""Lanes: which threads a call is handled by.

Each lane has threads of its own. A call that may take long goes to the slow lane, whose queue is bounded. One that
calls the backend, and one that waits on purpose (for the journal, or because of a fault), goes to a lane where it waits
for nobody else. When those are full, the call is refused. Of the short calls, writes have a lane apart from reads,
since they wait for each other and for a long one's transaction. So long, stuck or waiting calls never keep short ones
waiting, and no write keeps a read waiting.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

log = logging.getLogger("stateroom")

READ_THREADS = 2
WRITE_THREADS = 2
SLOW_THREADS = 4
SLOW_QUEUE = 32
BACKEND_THREADS = 32
WAITING_THREADS = 64
LONG_BODY = 256 * 1024  # bytes; a longer one goes to the slow lane
_BACKEND = re.compile(r"/_stateroom/(values/|references/(check|orphans))")
_PAGE = re.compile(
    r"(?:/ns/[^/]*)?/(live|task|asset|key|key/raw|ask|references|references/orphans|bench)?"
)
_VALUES, _JOURNAL = "/_stateroom/values/", "/_stateroom/journal"
_WAIT = re.compile(r"(?:^|&)wait=")


class Lane:
    """A queue of calls and the threads that take them from it, each started when it is first needed.

    :param bound: most calls that may wait beside those that run; None for any number.
    """

    def __init__(self, name: str, threads: int, bound: int | None = None) -> None:
        self.room, self.busy = None if bound is None else threads + bound, 0
        self._name, self._most = name, threads
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


class Lanes:
    """waitress's dispatcher: sends each call to the lane it belongs to.

    :param waits: says of a path whether its call may wait on purpose.
    :param full: makes the error with which a call is refused that has no room.
    """

    def __init__(self, waits: Callable[[str], bool], full: Callable[[str], Exception]) -> None:
        self._waits, self._full = waits, full
        self.reads = Lane("read", READ_THREADS)
        self.writes = Lane("write", WRITE_THREADS)
        self.slow = Lane("slow", SLOW_THREADS, SLOW_QUEUE)
        self.backend = Lane("values", BACKEND_THREADS, 0)
        self.waiting = Lane("waiting", WAITING_THREADS, 0)

    def add_task(self, channel: Any) -> None:
        request = channel.requests[0]
        if not self._lane(request).add(channel):
            request.error = self._full("too many long calls at once; try again in a second")
            self.reads.add(channel)

    def _lane(self, request: Any) -> Lane:
        if request.error is not None:
            return self.reads
        if self._may_wait(request):
            return self.waiting
        if page := _PAGE.fullmatch(request.path):
            return self._page_lane(str(page[1]), request.command)
        if is_slow(request):
            return self.backend if _BACKEND.search(request.path) else self.slow
        return self.reads if request.command in ("GET", "HEAD") else self.writes

    def _page_lane(self, page: str, command: str) -> Lane:
        """A page counts and sorts; a form, and the list of orphans, ask the backend; ``live`` waits."""
        if page == "live":
            return self.waiting
        return self.backend if command == "POST" or page == "references/orphans" else self.slow

    def _may_wait(self, request: Any) -> bool:
        path: str = request.path
        if "/_stateroom/" not in path or _VALUES in path:
            return self._waits(path)
        return path.endswith(_JOURNAL) and _WAIT.search(request.query) is not None

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Let the calls that run end, for ``timeout`` seconds in all; the waiting ones are dropped."""
        lanes = (self.reads, self.writes, self.slow, self.backend, self.waiting)
        for lane in lanes:
            lane.stop()
        deadline = time.monotonic() + timeout
        for lane in lanes:
            lane.join(deadline)
        return True


def is_slow(request: Any) -> bool:
    """Whether a call may take long: a long body, or Stateroom's own API but for its health."""
    if request.body_bytes_received > LONG_BODY:
        return True
    path: str = request.path
    return "/_stateroom/" in path and not path.endswith("/_stateroom/health")
