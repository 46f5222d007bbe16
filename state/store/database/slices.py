"""Long writes in slices, between which other writers get their turn."""

from __future__ import annotations

import time
from collections.abc import Callable

_SHORT = 0.01  # seconds; a slice that takes less is followed by one of twice as many rows
_LONG = 0.03  # seconds; one that takes more, by one of half as many
_MOST = 10_000  # rows
_PAUSE = 0.001  # seconds: a lock goes to whom waits for it only if its last owner waits too


def in_slices(act: Callable[[int], int]) -> None:
    """Call a function until nothing is left for it to do.

    :param act: writes at most a number of rows, in a transaction of its own, and returns how many
        it wrote.
    """
    rows = 10
    while True:
        began = time.perf_counter()
        if act(rows) < rows:
            return
        took = time.perf_counter() - began
        if took < _SHORT:
            rows = min(2 * rows, _MOST)
        elif took > _LONG:
            rows = max(1, rows // 2)
        time.sleep(_PAUSE)
