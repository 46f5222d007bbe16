"""The worker processes that ``stateroom run`` keeps."""

import contextlib
import os
import signal
import subprocess
import tempfile


def end_kept_workers(folder):
    """End those whose sockets are in a folder, the value of ``XDG_RUNTIME_DIR``."""
    listing = subprocess.check_output(["ps", "-eww", "-o", "pid=,args="], text=True)
    for line in listing.splitlines():
        if f"{folder}/stateroom-" in line:
            os.kill(int(line.split()[0]), signal.SIGTERM)


@contextlib.contextmanager
def folder_of_workers():
    """A folder for ``XDG_RUNTIME_DIR``, whose workers end with it; its path leaves room for that
    of a socket, which a path below ``tmp_path`` may not.
    """
    with tempfile.TemporaryDirectory(prefix="kept-", ignore_cleanup_errors=True) as folder:
        try:
            yield folder
        finally:
            end_kept_workers(folder)
