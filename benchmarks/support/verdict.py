"""Whether a goal was reached, as far as the machine can tell."""

from __future__ import annotations

import os

BUSY = 1.5  # load per core above which no figure says anything


def load() -> float:
    """The load of the last minute per core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def verdict(is_reached: bool) -> str:
    """``ok`` or ``MISSED`` with the load beside it; above :data:`BUSY` neither."""
    current = load()
    word = "ok" if is_reached else "MISSED"
    if current > BUSY:
        word = "too busy to tell"
    return f"{word} (load {current:.1f} per core)"
