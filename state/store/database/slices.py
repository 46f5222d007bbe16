"""Long writes in slices, between which other writers get their turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

_SHORT = 0.01  # seconds; a slice that takes less is followed by one of twice as many rows
_LONG = 0.03  # seconds; one that takes more, by one of half as many
_MOST = 10_000  # rows
BYTES = 2 * 2**20  # of values; a slice ends with the row that exceeds it
_PAUSE = 0.001  # seconds: a lock goes to whom waits for it only if its last owner waits too


def keys_of_slice(rows: Iterable[tuple[int, int]]) -> list[int]:
    """The keys of the rows of a slice.

    :param rows: keys and sizes.
    """
    keys = []
    size = 0
    for key, bytes_of_row in rows:
        keys.append(key)
        size += bytes_of_row
        if size > BYTES:
            break
    return keys


def end_of_slice(rows: Iterable[tuple[int, int]]) -> int | None:
    """The key of the last row of a slice; None if there is no row.

    :param rows: keys and sizes, in the order of the keys.
    """
    return next(reversed(keys_of_slice(rows)), None)


def in_slices(act: Callable[[int], int]) -> None:
    """Call a function until nothing is left for it to do.

    :param act: writes at most a number of rows, in a transaction of its own, and returns how many
        it wrote; fewer where their values are large.
    """
    rows = 10
    while True:
        began = time.perf_counter()
        if not act(rows):
            return
        took = time.perf_counter() - began
        if took < _SHORT:
            rows = min(2 * rows, _MOST)
        elif took > _LONG:
            rows = max(1, rows // 2)
        time.sleep(min(took, _PAUSE))
