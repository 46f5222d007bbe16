"""Run tasks in the process of this script, as a test does; what came of them goes to stdout."""

import json
import logging
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog

from state.client.http import StateroomClient
from state.run.run import Options, Task, run


def facts():
    return [
        structlog.get_config(),
        dict(os.environ),
        list(sys.path),
        logging.root.handlers[:],
        signal.getsignal(signal.SIGTERM),
    ]


url, dag_file, *task_ids = sys.argv[1:]
client = StateroomClient(url)
options = Options(os.environ, in_process=True)
run(client, None, Task(dag_file, task_ids[0]), options)  # imports Airflow
documents = {}
for task_id in task_ids:
    before = facts()
    outcome = run(client, None, Task(dag_file, task_id), options)
    documents[task_id] = {
        "state": outcome.state,
        "error": outcome.error,
        "xcoms": outcome.xcoms,
        "log": outcome.log,
        "is_as_before": facts() == before,
    }
print()
json.dump(documents, sys.stdout)
