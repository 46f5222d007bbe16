"""Run a task in the process of this script, as a test does; what came of it goes to stdout."""

import json
import logging
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog

from state.client.http import StateroomClient
from state.run.run import Options, Task, run


def facts():
    return [structlog.get_config(), dict(os.environ), list(sys.path), logging.root.handlers[:]]


url, dag_file, task_id = sys.argv[1:]
options = Options(os.environ, in_process=True)
run(StateroomClient(url), None, Task(dag_file, task_id), options)  # imports Airflow
before = facts()
start = time.perf_counter()
outcome = run(StateroomClient(url), None, Task(dag_file, task_id), options)
seconds = time.perf_counter() - start
document = {
    "state": outcome.state,
    "error": outcome.error,
    "xcoms": outcome.xcoms,
    "log": outcome.log,
    "seconds": seconds,
    "is_as_before": facts() == before,
}
json.dump(document, sys.stdout)
