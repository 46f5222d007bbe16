"""Runs without a supervisor, for a debugger."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from state.client.http import StateroomClient
from state.client.stateroom import Stateroom
from state.run.errors import AirflowNotFound
from state.run.run import Options, Task, run

pytestmark = pytest.mark.airflow

HERE = Path(__file__).parent
DAGS = str(HERE / "dags/debugged.py")
OF_TASK = ("level", "event", "logger", "ti_id", "dag_id", "run_id", "task_id", "try_number")


@pytest.fixture
def variables(tmp_path):
    return {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "AIRFLOW_HOME": str(tmp_path)}


def of_task(outcome):
    """The records that the task's code has logged, without ids and times."""
    return [
        {name: record.get(name) for name in OF_TASK if name != "ti_id"}
        for record in outcome.log
        if record.get("logger") in ("mine", "task")
    ]


def test_its_outcome_is_that_of_a_supervised_run(served, airflow_python, variables):
    outcomes = []
    for in_process in (False, True):
        namespace = Stateroom(served.url).create_namespace()
        options = Options(variables, airflow_python, keep=False, in_process=in_process)
        outcomes.append(run(StateroomClient(namespace.url), None, Task(DAGS, "logs"), options))
        namespace.drop()
    supervised, other = outcomes
    assert supervised.state == "failed"
    assert supervised.error.endswith("ValueError: no")
    assert supervised.xcoms == {"extra": [1]}
    assert supervised.changes == {("debugged/logs", "done"): (None, 1)}
    for name in ("state", "error", "xcoms", "changes"):
        assert getattr(other, name) == getattr(supervised, name)
    events = [record["event"] for record in of_task(other)]
    assert "by logging: 7" in events
    assert [r for r in of_task(supervised) if r["logger"] == "mine"] == [
        r for r in of_task(other) if r["logger"] == "mine"
    ]
    assert {r["event"] for r in of_task(other)} <= {r["event"] for r in of_task(supervised)}


def test_a_breakpoint_stops_at_the_terminal(namespace, airflow_python, variables):
    command = [sys.executable, "-m", "state", "run", DAGS, "stops", "--in-process"]
    command += ["--url", namespace.url, "--airflow-python", airflow_python]
    answer = subprocess.run(
        command,
        input="print(number + 1)\ncontinue\n",
        capture_output=True,
        text=True,
        env=variables,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    assert "-> return number" in answer.stdout
    assert "(Pdb) 42" in answer.stdout
    assert "attempt 1 ended as success" in answer.stdout


def test_the_process_of_a_test_is_as_it_was_before(namespace, airflow_python, variables):
    command = [airflow_python, HERE / "run_here.py", namespace.url, DAGS, "logs"]
    answer = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=120)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout.splitlines()[-1])["logs"]  # Airflow logs there too
    assert document["state"] == "failed"
    assert document["error"].endswith("ValueError: no")
    assert document["xcoms"] == {"extra": [1]}
    assert document["is_as_before"]
    assert any(record["event"] == "by logging: 7" for record in document["log"])


def test_a_task_that_ends_its_process_is_told(namespace, airflow_python, variables):
    command = [sys.executable, "-m", "state", "run", DAGS, "exits", "--in-process"]
    command += ["--url", namespace.url, "--airflow-python", airflow_python]
    answer = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=120)
    assert answer.returncode == 2
    last = answer.stderr.splitlines()[-1]
    assert last.endswith("the worker process ended while the task ran: it ended with status 3")


def test_without_airflow_the_error_says_what_to_do(namespace):
    client = StateroomClient(namespace.url)
    with pytest.raises(AirflowNotFound, match="Leave in_process out"):
        run(client, None, Task(DAGS, "logs"), Options({}, in_process=True))
