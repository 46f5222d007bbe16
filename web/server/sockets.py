"""The open sockets, and what each of them waits for.

waitress's own loop asks every connection in every round whether it is to be read or written: beside
900 idle ones a call takes seven times the processor time.
"""

from __future__ import annotations

import select
import selectors
import threading
from typing import Any

from waitress import wasyncore

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Sockets(dict[int, Any]):
    """waitress's map of open sockets by their file numbers, and its loop.

    A socket that rests waits for the same until something has come: only then it is asked again,
    and whenever all are asked. The others are asked in every round.

    Sockets are added in the thread of the loop, and removed in any.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = selectors.DefaultSelector()
        self._events: dict[int, int] = {}  # that are waited for
        self._to_ask: set[int] = set()
        self._removing = threading.Lock()

    def __setitem__(self, number: int, socket: Any) -> None:
        super().__setitem__(number, socket)
        self._to_ask.add(number)

    def __delitem__(self, number: int) -> None:
        with self._removing:
            super().__delitem__(number)
            if number in self._events:
                self._wait_for(number, 0, None)
            self._to_ask.discard(number)

    def ask_all(self) -> None:
        """Ask each socket in the next round."""
        self._to_ask.update(self)

    def round(self, timeout: float) -> None:
        """Wait until a socket can be read or written, at most for some seconds, and let it."""
        for number in list(self._to_ask):
            self._ask(number)
        for key, events in self._selector.select(timeout):
            socket = self.get(key.fd)
            if socket is key.data:  # else it was closed in this round
                self._to_ask.add(key.fd)
                wasyncore.readwrite(socket, _FLAGS[events])

    def _ask(self, number: int) -> None:
        socket = self.get(number)
        if socket is None:  # it was removed while it was let read or write
            self._to_ask.discard(number)
            return
        rests = getattr(socket, "rests", False)  # asked first: a thread may end its work meanwhile
        events = 0
        if socket.readable():
            events |= READ
        if socket.writable() and not socket.accepting:
            events |= WRITE
        if events != self._events.get(number, 0):
            with self._removing:
                if number in self:
                    self._wait_for(number, events, socket)
        if rests:
            self._to_ask.discard(number)

    def _wait_for(self, number: int, events: int, socket: Any) -> None:
        """Wait for other events than before, or for none; called with the lock."""
        if number not in self._events:
            self._selector.register(number, events, socket)
            self._events[number] = events
        elif events:
            self._selector.modify(number, events, socket)
            self._events[number] = events
        else:
            self._selector.unregister(number)
            del self._events[number]

    def close(self) -> None:
        """Wait for no socket any more."""
        self._selector.close()


_FLAGS = {READ: select.POLLIN, WRITE: select.POLLOUT, READ | WRITE: select.POLLIN | select.POLLOUT}
