"""The process table, as a test of a run looks at it."""

import contextlib
import os
import signal
import time
from pathlib import Path


def marked(folder):
    """The processes that runs with this ``XDG_RUNTIME_DIR`` have started, and theirs."""
    mark = f"XDG_RUNTIME_DIR={folder}".encode()
    pids = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                pids.add(int(path.parent.name))
    return pids


def end(folder):
    """End the kept workers of a folder."""
    for pid in marked(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def eventually(condition, seconds=30, facts=lambda: ""):
    """Wait until a condition holds."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, facts()
        time.sleep(0.05)
