"""Leave a database as a kill does."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KILLED = """
import os, sys
from state.model.scopes import TaskScope
from state.store.database.watch import Watch
from state.store.store import Store
from state.store import keyspaces
from state.store.tables import task_instances

if "early" in sys.argv:
    Watch.begin = lambda *_: os._exit(0)
store = Store(sys.argv[1])
scope = TaskScope("etl", "r1", "load")
task_instances.create_task_instance(store.namespace(), scope)
keyspaces.task(store.namespace(), scope).set("k", "acknowledged")
if "copied" in sys.argv:
    store._checkpoints.truncate(store._writer)
os._exit(0)
"""


def kill(path, *arguments):
    """Serve a database and write to it, in a process that ends as a killed one does.

    :param arguments: ``copied`` to copy the log before, ``early`` to end when the session begins.
    """
    subprocess.run([sys.executable, "-c", KILLED, path, *arguments], cwd=ROOT, check=True)
