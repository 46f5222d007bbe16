"""The open sockets: those that waitress's loop asks in every round, and those that sleep.

In every round waitress asks each connection whether it is to be read or written: beside 900 idle
ones a call takes seven times the processor time. An idle connection sleeps instead: the operating
system tells when something comes from its client.
"""

from __future__ import annotations

import selectors
from typing import Any

from waitress import wasyncore


class Sockets(dict[int, Any]):
    """waitress's map of open sockets, by their file numbers.

    Sockets are added, and sleep and wake, in the thread of the loop; one that is awake may be
    removed in any.

    :ivar awake: those that the loop asks, and one more that wakes the others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asleep: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self.awake: dict[int, Any] = {self._selector.fileno(): _Waker(self, self._selector)}

    def __setitem__(self, number: int, socket: Any) -> None:
        super().__setitem__(number, socket)
        self.awake[number] = socket

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        if number in self.asleep:
            self.wake(number)
        self.awake.pop(number, None)

    def sleep(self, number: int) -> None:
        """Ask a socket no more until it can be read."""
        self._selector.register(number, selectors.EVENT_READ)
        self.asleep.add(number)
        self.awake.pop(number)

    def wake(self, number: int) -> None:
        """Ask a socket again from the next round on."""
        self._selector.unregister(number)
        self.asleep.remove(number)
        if number in self:
            self.awake[number] = self[number]

    def close(self) -> None:
        """End the loop's use; the sockets are closed after it.

        A signal may have ended the loop in the middle of a change.
        """
        self.asleep.clear()
        self._selector.close()


class _Waker(wasyncore.dispatcher):  # type: ignore[misc]
    """Can be read when one of the sockets can be that sleep."""

    def __init__(self, sockets: Sockets, selector: selectors.BaseSelector) -> None:
        super().__init__(map=sockets)
        self._sockets = sockets
        self._selector = selector

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        for key, _ in self._selector.select(0):
            self._sockets.wake(key.fd)
