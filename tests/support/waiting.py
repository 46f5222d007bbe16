"""Waiting for what another thread does."""

import threading


def wait_for(condition):
    """Wait up to 10 s for a condition.

    :raises AssertionError: if it does not become true.
    """
    end = threading.Event()
    for _ in range(1000):
        if condition():
            return
        end.wait(0.01)
    raise AssertionError("the condition did not become true in 10 s")
