"""The worker processes that ``stateroom run`` keeps."""

import os
import signal
import subprocess


def end_kept_workers(folder):
    """End those whose sockets are in a folder, the value of ``XDG_RUNTIME_DIR``."""
    listing = subprocess.check_output(["ps", "-eww", "-o", "pid=,args="], text=True)
    for line in listing.splitlines():
        if f"{folder}/stateroom-" in line:
            os.kill(int(line.split()[0]), signal.SIGTERM)
