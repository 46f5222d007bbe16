"""Waiting for what another thread or process does."""

import threading


def wait_for(condition, seconds=10, facts=lambda: ""):
    """Wait for a condition.

    :param facts: returns what a failure says beside the time.
    :raises AssertionError: if it does not become true in time.
    """
    end = threading.Event()
    for _ in range(100 * seconds):
        if condition():
            return
        end.wait(0.01)
    raise AssertionError(f"the condition did not become true in {seconds} s {facts()}")
