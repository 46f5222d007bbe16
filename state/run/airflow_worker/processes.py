"""Processes: none of those that a job started may outlive it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from typing import Any

GRACE = 2.0  # seconds between SIGTERM and SIGKILL
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): orphans become children of this process


def adopt_orphans() -> None:
    """Let orphans of this process's descendants become its children; a fork does not inherit it."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def let_crashes_end_the_process() -> None:
    """Refuse handlers of SIGSEGV, here and in forks.

    Airflow sets one while it imports a Dag file, and it stays. After a handler in Python the same
    instruction is run again, and again: a task that crashes would never end.
    """
    set_handler = signal.signal

    def set_other_handler(number: int, handler: Any) -> Any:
        if number == signal.SIGSEGV:
            handler = signal.SIG_DFL
        return set_handler(number, handler)

    signal.signal = set_other_handler  # type: ignore[assignment]  # it takes the same


def interrupt(number: int, frame: Any) -> None:
    """A handler of a signal: what runs ends as it does by Ctrl-C, and further signals let it."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def end_descendants() -> None:
    """End every process that this one started, or that theirs left behind."""
    if not _has_children():
        return  # nor has it descendants: orphans become its children
    for sig in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + GRACE
        for pid in _descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        while _descendants() and time.monotonic() < end:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.01)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _descendants() -> list[int]:
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                parents[int(name)] = int(fields[1])
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def how_it_ended(code: int) -> str:
    """What an exit code says, such as ``was killed by SIGKILL``; a negative one is of a signal."""
    if code >= 0:
        return f"ended with status {code}"
    if -code in set(signal.Signals):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by the signal {-code}"
