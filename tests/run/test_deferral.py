"""A task that defers itself: its trigger is run, and then the task again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from state.run.run import Options, Task, run
from tests.run.processes import marked
from tests.support.waiting import wait_for

pytestmark = pytest.mark.airflow

HERE = Path(__file__).parent
DAGS = str(HERE / "dags/deferral.py")
FAILURE = "Trigger failure"


@pytest.fixture
def outcome_of(client, options):
    return lambda task_id: run(client, None, Task(DAGS, task_id), options)


def events(outcome):
    return [record["event"] for record in outcome.log]


def test_the_event_resumes_the_task(outcome_of, notes):
    outcome = outcome_of("fires")
    assert outcome.state == "success"
    assert outcome.xcoms == {"return_value": "{'status': 'done'}"}
    assert outcome.try_number == 1
    assert notes.read_text() == "went on after the event\ncleaned up\n"


def test_an_event_is_serialised_as_airflow_does(outcome_of):
    outcome = outcome_of("fires_with_a_date")
    assert outcome.xcoms == {"return_value": "2026-01-01 00:00:00+00:00"}


@pytest.mark.parametrize(
    ("task_id", "words"),
    [
        ("fires_with_an_object", "TypeError: Cannot serialize object of type"),
        ("raises", "ConnectionError: lost the job service"),
        ("raises_a_timeout", "TimeoutError: the job service is slow"),
        ("returns_nothing", "The trigger ended without an event, so the task fails."),
        ("is_unknown", "No module named 'nowhere'"),
    ],
)
def test_a_trigger_that_fails_fails_the_task(outcome_of, task_id, words):
    outcome = outcome_of(task_id)
    assert outcome.state == "failed"
    assert outcome.error.endswith(f"TaskDeferralError: {FAILURE}")
    assert any(words in event for event in events(outcome))


@pytest.mark.parametrize(
    ("task_id", "state", "xcoms"),
    [
        ("succeeds", "success", {"return_value": 7}),
        ("fails", "failed", {}),
        ("fails_and_may_retry", "up_for_retry", {}),
        ("skips", "skipped", {}),
    ],
)
def test_a_trigger_may_end_the_task(outcome_of, task_id, state, xcoms):
    outcome = outcome_of(task_id)
    assert outcome.state == state
    assert outcome.xcoms == xcoms


def test_a_trigger_that_is_late_fails_the_task(outcome_of, notes):
    outcome = outcome_of("never_fires_in_time")
    assert outcome.state == "failed"
    assert outcome.error.endswith("TaskDeferralTimeout: Trigger timeout")
    assert notes.read_text() == "waits\ncleaned up\n"


def test_a_trigger_that_blocks_is_killed(outcome_of):
    outcome = outcome_of("blocks_in_time")
    assert outcome.error.endswith("TaskDeferralTimeout: Trigger timeout")


def test_a_trigger_that_exits_fails_the_task(outcome_of):
    outcome = outcome_of("exits")
    assert outcome.error.endswith(f"TaskDeferralError: {FAILURE}")
    assert "the process of the trigger ended with status 3" in events(outcome)


def test_only_the_first_event_counts(outcome_of):
    assert outcome_of("fires_several_times").xcoms == {"return_value": "first"}


def test_a_task_may_defer_itself_again(outcome_of):
    outcome = outcome_of("twice")
    assert outcome.state == "success"
    assert outcome.xcoms == {"return_value": "second"}
    assert "after first" in events(outcome)


def test_a_task_may_start_from_its_trigger(outcome_of):
    outcome = outcome_of("starts_waiting")
    assert outcome.state == "success"
    run_id = outcome.scope.run_id
    assert outcome.xcoms == {"return_value": [f"of {run_id}", 7]}


def test_a_trigger_reads_variables_and_connections(outcome_of, client):
    document = {
        "variables": [{"key": "greeting", "value": "hello"}],
        "connections": [{"conn_id": "cluster", "conn_type": "http", "host": "example.org"}],
    }
    client.call("PUT", "/_stateroom/fixture", json=document)
    outcome = outcome_of("asks")
    answers = {
        "variable": "hello",
        "missing": "a default",
        "host": "example.org",
        "ti": ["asks", 1],
    }
    assert outcome.xcoms == {"return_value": str(answers)}


def test_the_log_marks_the_records_of_a_trigger(outcome_of):
    outcome = outcome_of("prints")
    marked = [record for record in outcome.log if record.get("trigger_id") == 1]
    assert any(record["event"] == "logged by the trigger" for record in marked)
    assert any(record["event"] == "from the trigger" for record in marked)
    assert any(len(record["event"]) == 3_000_000 for record in marked)


IN_PROCESS = {
    "fires": ("success", None, {"return_value": "{'status': 'done'}"}),
    "raises": ("failed", f"TaskDeferralError: {FAILURE}", {}),
    "never_fires_in_time": ("failed", "TaskDeferralTimeout: Trigger timeout", {}),
    "succeeds": ("success", None, {"return_value": 7}),
    "fires_several_times": ("success", None, {"return_value": "first"}),
    "twice": ("success", None, {"return_value": "second"}),
    "starts_waiting": ("success", None, {"return_value": ["of test", 7]}),
}


def test_in_process_triggers_come_to_the_same(namespace, options):
    script = HERE / "run_here.py"
    command = [options.airflow_python, script, namespace.url, DAGS, *IN_PROCESS]
    answer = subprocess.run(
        command, capture_output=True, text=True, env=options.variables, timeout=120
    )
    assert answer.returncode == 0, answer.stderr
    outcomes = {
        task_id: (outcome["state"], (outcome["error"] or "").splitlines()[-1:], outcome["xcoms"])
        for task_id, outcome in json.loads(answer.stdout.splitlines()[-1]).items()
    }
    assert outcomes == {
        task_id: (state, [error] if error else [], xcoms)
        for task_id, (state, error, xcoms) in IN_PROCESS.items()
    }


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("how", ["--no-keep", "--in-process"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_kills_what_the_trigger_started(
    namespace, options, notes, tmp_path, how, number
):
    command = [sys.executable, "-m", "state", "run", DAGS, "never_fires", how]
    command += ["--url", namespace.url, "--airflow-python", options.airflow_python]
    variables = {**options.variables, "XDG_RUNTIME_DIR": str(tmp_path)}
    process = subprocess.Popen(
        command,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_for(lambda: notes.read_text() == "waits\n", 60)
    os.killpg(process.pid, number)  # as a terminal does
    output, _ = process.communicate(timeout=30)
    assert process.returncode != 0, output
    wait_for(lambda: not marked(tmp_path), 30)
    assert notes.read_text() == "waits\nkilled\ncleaned up\n"


def test_without_triggers_the_task_stays_deferred(client, options):
    options = Options(options.variables, options.airflow_python, trigger=False)
    outcome = run(client, None, Task(DAGS, "fires"), options)
    assert outcome.state == "deferred"
    assert outcome.changes == {("deferral/fires", "waits"): (None, True)}
