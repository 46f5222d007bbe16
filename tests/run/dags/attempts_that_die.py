"""The tasks of ``attempts.py`` in a process that dies while it imports them for the task."""

import os

with open(os.environ["NOTES"], "a+") as file:
    file.write("imported\n")
    file.seek(0)
    if file.read().count("imported") == 2:  # the first is that of the worker, which looks for Dags
        os._exit(3)

import attempts  # noqa: E402, F401
