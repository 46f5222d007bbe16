"""Run calls that may hang on a bounded number of threads, each with a deadline.

Python cannot stop a thread. A call past its deadline is *abandoned*: its caller goes on, the thread
stays *stuck* until the call returns by itself, and it may not change a row any more.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from ..errors import BackendBusy

Result = TypeVar("Result")
MOST = 32  # concurrent calls, stuck ones included


class Abandoned(Exception):
    """Raised in a call that may not change a row any more, because its caller has given up."""


class Overdue(Exception):
    """A call did not end before its deadline.

    :param row_changed: whether it had changed a row by then.
    """

    def __init__(self, row_changed: bool) -> None:
        super().__init__("a call did not end before its deadline")
        self.row_changed = row_changed


class Call(Generic[Result]):
    """One call; it is the argument of the function that it runs."""

    def __init__(self, act: Callable[[Call[Result]], Result]) -> None:
        self._act = act
        self._lock = threading.Lock()
        self._context = contextvars.copy_context()
        self.done = threading.Event()
        self.row_changed = False
        self.abandoned = False
        self.stuck = False
        self.result: Result | None = None
        self.error: BaseException | None = None

    @contextlib.contextmanager
    def changing_row(self) -> Iterator[None]:
        """Surround the change of a row: it happens before the deadline or not at all.

        :raises Abandoned: if the deadline has passed.
        """
        with self._lock:
            if self.abandoned:
                raise Abandoned
            yield
            self.row_changed = True

    def run(self) -> None:
        process = os.getpid()
        try:
            self.result = self._context.run(self._act, self)
        except BaseException as error:  # even a backend's SystemExit must not end the thread
            self.error = error
        if os.getpid() != process:  # a child that the backend forked, and that came back from it
            os._exit(_exit_status(self.error))

    def abandon(self) -> bool:
        """Forbid changes of the row from now on; return whether it was changed before."""
        with self._lock:
            self.abandoned = True
            return self.row_changed


def _exit_status(error: BaseException | None) -> int:
    """The exit status of a forked child by what ended it."""
    if error is None:
        return 0
    cause = error.__cause__ or error
    if not isinstance(cause, SystemExit):
        return 1
    return cause.code if isinstance(cause.code, int) else int(cause.code is not None)


class Calls:
    """The threads that run calls, started on demand.

    They are daemons, so a stuck one does not keep the process alive.

    :param most: concurrent calls; more are refused instead of queued.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.running = 0
        self.stuck = 0
        self._lock = threading.Lock()
        self._threads = 0
        self._queue: queue.SimpleQueue[Call[Any]] = queue.SimpleQueue()

    def run(self, act: Callable[[Call[Result]], Result], timeout: float) -> Result:
        """Run a call and wait for it.

        :param timeout: seconds.
        :raises Overdue: if it takes longer.
        :raises BackendBusy: if all threads are taken.
        """
        call = Call(act)
        self._start(call)
        if not call.done.wait(timeout) and self._mark_stuck(call):
            raise Overdue(call.abandon())
        if call.error is not None:
            raise call.error
        return call.result  # type: ignore[return-value]  # set, since there was no error

    def counts(self) -> dict[str, int]:
        """The number of running calls, of stuck ones among them, and the limit."""
        with self._lock:
            return {"running": self.running, "stuck": self.stuck, "most": self.most}

    def _start(self, call: Call[Any]) -> None:
        with self._lock:
            if self.running >= self.most:
                raise BackendBusy(self.running, self.stuck)
            self.running += 1
            if self._threads < self.running:
                self._threads += 1
                name = f"stateroom-backend-{self._threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._queue.put(call)

    def _work(self) -> None:
        while True:
            call = self._queue.get()
            call.run()
            with self._lock:
                self.running -= 1
                self.stuck -= call.stuck
                call.done.set()
            del call  # its result may be large

    def _mark_stuck(self, call: Call[Any]) -> bool:
        """Count a call as stuck; return False if it has ended in the meantime."""
        with self._lock:
            call.stuck = not call.done.is_set()
            self.stuck += call.stuck
            return call.stuck
