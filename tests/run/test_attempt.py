"""What a run knows of its attempt: its state, its log, its changes, its XComs, and its end."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from state.model.scopes import TaskScope
from state.run import register
from state.run.errors import RunError
from state.run.run import Task, run
from tests.run.processes import marked
from tests.support.waiting import wait_for

pytestmark = pytest.mark.airflow

HERE = Path(__file__).parent
DIES = str(HERE / "dags/attempts_that_die.py")
TASKS = str(HERE / "dags/attempts.py")


def scope(task_id):
    return TaskScope("attempts", "test", task_id)


def log_of(client, ti_id):
    records = client.ask("GET", f"/_stateroom/task-instances/{ti_id}/log")["records"]
    return [record["event"] for record in records]


def first_attempt(client, task_id):
    """The facts of the first attempt of a task, current or former."""
    events = client.ask("GET", "/_stateroom/journal?limit=1000")["events"]
    created = [event for event in events if event["op"] == "create" and event["scope"]]
    ti_id = next(
        event["actor"]["ti_id"] for event in created if event["scope"].get("task_id") == task_id
    )
    return client.ask("GET", f"/_stateroom/task-instances/{ti_id}")


def test_the_state_does_not_depend_on_the_log(client, options):
    variables = {**options.variables, "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
    outcome = run(client, None, Task(TASKS, "raises"), replace(options, variables=variables))
    assert outcome.state == "up_for_retry"
    assert outcome.error.endswith("ValueError: no")


def test_two_runs_at_a_time_know_their_own_changes(client, options):
    def meet(task_id):
        return run(client, None, Task(TASKS, task_id), options)

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(meet, ["meets", "meets_too"])
    assert first.changes == {("attempts/meets", "page"): (None, "meets")}
    assert second.changes == {("attempts/meets_too", "page"): (None, "meets_too")}


def test_xcoms_of_a_former_attempt_are_not_this_ones(client, options):
    former = run(client, None, Task(TASKS, "pushes"), options)
    assert former.xcoms == {"extra": 1, "return_value": 2}
    again = run(client, None, Task(DIES, "pushes"), options)
    assert again.error == "the process of the task ended with status 3"
    assert client.ask("GET", "/execution/xcoms/attempts/test/pushes/extra")["value"] == 1
    assert again.xcoms == {}


def test_a_killed_worker_leaves_an_attempt_that_is_retried(client, options, notes, kept_in):
    def kill(record):
        wait_for(lambda: "sleeps" in notes.read_text(), 30)
        for pid in marked(kept_in):
            os.kill(pid, signal.SIGKILL)

    observed = replace(options, on_record=kill)
    with pytest.raises(RunError, match="the worker process ended while the task ran"):
        run(client, None, Task(TASKS, "sleeps"), observed)
    facts = first_attempt(client, "sleeps")
    assert facts["state"] == "up_for_retry"
    assert not facts["is_current"]
    assert register.current(client, scope("sleeps"))["state"] == "up_for_retry"
    assert log_of(client, facts["id"])


@pytest.fixture
def command(client, options, request):
    """A command that runs the task that sleeps, with a handler of SIGINT as in a shell."""
    arguments = [sys.executable, "-m", "state", "run", TASKS, "sleeps", "--url", client.url]
    arguments += ["--airflow-python", options.airflow_python, getattr(request, "param", "--keep")]
    with subprocess.Popen(
        arguments,
        env=options.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as command:
        yield command
        command.kill()


@pytest.mark.parametrize("command", ["--keep", "--no-keep"], indirect=True)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_the_attempt_and_keeps_its_log(client, command, number, status):
    assert any("about to sleep" in line for line in command.stdout)
    command.send_signal(number)
    output, _ = command.communicate(timeout=30)
    assert command.returncode == status
    sentence = "interrupted: attempts/sleeps is up_for_retry; the next run is its retry"
    assert output.splitlines()[-1] == sentence
    facts = first_attempt(client, "sleeps")
    assert facts["state"] == "up_for_retry"
    assert "about to sleep" in log_of(client, facts["id"])


def test_the_log_is_there_while_the_task_runs(client, command):
    assert any("about to sleep" in line for line in command.stdout)
    facts = first_attempt(client, "sleeps")
    assert facts["state"] == "running"
    wait_for(lambda: "about to sleep" in log_of(client, facts["id"]), 30)


def test_no_run_exports_the_namespace(client, options):
    calls = []

    def note(response, **_):
        calls.append((response.request.method, response.request.path_url.partition("?")[0]))

    client.session.hooks["response"].append(note)
    run(client, None, Task(TASKS, "pushes"), options)
    run(client, None, Task(str(HERE / "dags/deferral.py"), "fires"), options)
    exports = [path for method, path in calls if method == "GET" and path.endswith("/fixture")]
    assert calls
    assert exports == []
