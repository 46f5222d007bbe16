"""A worker that is kept: it serves jobs at a Unix socket, each in a fork of what it imported."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from . import job
from .processes import adopt_orphans


def serve(path: str, idle: float, preload: Callable[[], None]) -> None:
    """Listen at a path, and serve jobs in a process that is left behind, until it was idle.

    :param idle: seconds.
    :param preload: imports what jobs need, when the socket is there already.
    """
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(64)
    if os.fork():  # so that whoever started it need not wait for its end
        os._exit(0)
    adopt_orphans()
    own = os.stat(path).st_ino
    stale = None
    try:
        preload()
        stale = _serve(listener, idle)
    finally:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == own:  # else another worker listens there by now
                os.unlink(path)
        listener.close()
    if stale is not None:
        stale.sendall(b'["stale", {}]\n')


def _serve(listener: socket.socket, idle: float) -> socket.socket | None:
    """Serve until it was idle, or until a module that was imported has changed; returns the
    connection then that asks for a job.
    """
    files = _imported_files()
    last = time.monotonic()
    jobs: set[int] = set()
    while jobs or time.monotonic() - last < idle:
        ready, _, _ = select.select([listener], [], [], 0.5)
        ended = set(_ended(jobs))
        if ended:
            jobs -= ended
            last = time.monotonic()
        if not ready:
            continue
        connection, _ = listener.accept()
        last = time.monotonic()
        if files != _imported_files():
            return connection
        pid = os.fork()
        if pid == 0:
            listener.close()
            _work_and_exit(connection)
        connection.close()
        jobs.add(pid)
    return None


def _imported_files() -> dict[str, int]:
    """The files of all imported modules, with their times of change."""
    times = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file:
            with contextlib.suppress(OSError):
                times[file] = os.stat(file).st_mtime_ns
    return times


def _ended(jobs: set[int]) -> Iterator[int]:
    """Those of the jobs that have ended; orphans that came to this process are reaped too."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in jobs:
            yield pid


def _work_and_exit(connection: socket.socket) -> None:
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        descriptor = connection.detach()
        job.work(descriptor, os.dup(descriptor))
    except BaseException:
        traceback.print_exc()  # who waits for it shows that
    finally:
        os._exit(1)
