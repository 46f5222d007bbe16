"""Waiting for what another thread does."""

import threading


def wait_for(condition):
    end = threading.Event()
    for _ in range(1000):
        if condition():
            return
        end.wait(0.01)
    raise AssertionError("it did not come true")
