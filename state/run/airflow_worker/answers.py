"""The answers of a job, and the records of the log among them."""

from __future__ import annotations

import json
import os
import threading
from typing import Any


class Answers:
    """A descriptor to which answers go, and the log, as to a binary file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def answer(self, kind: str, facts: dict[str, Any]) -> None:
        self.write(json.dumps([kind, facts], default=str).encode() + b"\n")

    def record(self, record: dict[str, Any]) -> None:
        """Send a record of the log."""
        self.write(json.dumps(record, default=str).encode() + b"\n")

    def write(self, data: bytes) -> int:
        """Write all of it: a signal may interrupt a write to a pipe that is full."""
        left = memoryview(data)
        with self._lock:
            while left:
                left = left[os.write(self._descriptor, left) :]
        return len(data)

    def flush(self) -> None:
        """Everything is written already."""

    def redirect(self, descriptor: int) -> None:
        """Write to another descriptor from now on; in a fork, with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._descriptor = descriptor


class Lines:
    """The whole lines of pieces of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def last(self) -> list[bytes]:
        """The line that nothing has ended, if any."""
        return [self._rest] if self._rest else []
