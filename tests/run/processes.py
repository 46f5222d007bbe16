"""The process table, as a test of a run looks at it."""

import contextlib
import os
import signal
import tempfile
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
    """End the kept workers of a folder, whose arguments name a socket in it; a service that a test
    has started meanwhile has the variable too, and goes on.
    """
    socket = f"{folder}/stateroom-".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if socket in path.read_bytes():
                os.kill(int(path.parent.name), signal.SIGKILL)


@contextlib.contextmanager
def folder_of_workers():
    """A folder for ``XDG_RUNTIME_DIR``, whose workers end with it; its path leaves room for that
    of a socket, which a path below ``tmp_path`` may not.
    """
    with tempfile.TemporaryDirectory(prefix="kept-", ignore_cleanup_errors=True) as folder:
        try:
            yield folder
        finally:
            end(folder)
