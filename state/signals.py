"""Signals of a command."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


def handle(number: int, handler: Callable[[int, Any], object]) -> Any:
    """Handle a signal, unless the process was started with this signal ignored.

    A shell without job control starts a command that ends with ``&`` with SIGINT ignored, and
    ``nohup`` starts one with SIGHUP ignored: such a signal is meant for others.

    :returns: the previous handler, for ``signal.signal``.
    """
    previous = signal.getsignal(number)
    if previous != signal.SIG_IGN:
        signal.signal(number, handler)
    return previous
