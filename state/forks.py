"""What a forked child must not keep: locks, ports and connections.

A backend may fork. The child would hold the parent's lock and port after the parent's end, and the
next service could not start.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol


class Closable(Protocol):
    """Something that a forked child closes."""

    def close_in_child(self) -> None:
        """Close this process's copies of files and sockets; the parent keeps its own."""


_closables: weakref.WeakSet[Any] = weakref.WeakSet()


def close_in_children(closable: Closable) -> None:
    """Close this in every child that is forked from now on, as long as it is alive."""
    _closables.add(closable)


def _close_all() -> None:
    for closable in list(_closables):
        closable.close_in_child()


os.register_at_fork(after_in_child=_close_all)
