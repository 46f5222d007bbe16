"""Choose what the program does by its arguments."""

from __future__ import annotations

import os
import sys

from . import job, serving
from .preload import preload


def main() -> None:
    arguments = sys.argv[1:]
    if len(arguments) == 2:
        serving.serve(arguments[0], float(arguments[1]), preload)
    elif arguments:
        job.work(int(arguments[0]), int(arguments[1]), is_in_process=True)
    else:
        requests = os.dup(0)
        answers = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)  # what tasks print must not get between the answers
        preload()
        job.work(requests, answers)
