"""A small file system, which can be filled up and emptied again."""

import contextlib
import os
import subprocess

import pytest


class SmallDisk:
    """A small file system.

    :ivar folder: where it is mounted.
    """

    def __init__(self, folder):
        self.folder = folder
        self.filler = folder / "filler"

    def fill(self, but=0):
        """Fill the disk but for ``but`` bytes."""
        with open(self.filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        os.truncate(self.filler, max(0, self.filler.stat().st_size - but))

    def make_room(self):
        self.filler.unlink()


@contextlib.contextmanager
def small_disk(folder, size, instead):
    """Mount a small file system for the block; skip where only root could.

    :param size: as tmpfs takes it, such as ``4m``.
    :param instead: what is tested without it, for the reason.
    """
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "stateroom-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip(f"only root can mount a small file system; {instead}")
    try:
        yield SmallDisk(folder)
    finally:  # lazily: a failed test may have files open
        subprocess.run(["umount", "-l", str(folder)], check=True)
