"""``stateroom demo``: the scene line by line, the world that it leaves, and its end."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from state.client.stateroom import Stateroom

ROOT = Path(__file__).parents[2]


def command(*options):
    return [sys.executable, "-m", "state", "demo", *options]


@contextmanager
def demo(folder):
    """A demo that waits for Ctrl-C, its files below a folder: its lines, and the process."""
    with subprocess.Popen(
        command(),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip())
                if line == "Ctrl-C ends it.\n":
                    break
            yield lines, process
        finally:
            process.kill()


def url_of(lines):
    return lines[1].split()[1].rstrip("/")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with demo(tmp_path_factory.mktemp("demo")) as (lines, _):
        yield lines


@pytest.fixture(scope="module")
def url(running):
    return url_of(running)


def fixture(url):
    return requests.get(f"{url}/_stateroom/fixture", timeout=10).json()


def test_no_line_is_wider_than_80_columns_but_an_address(running):
    assert [line for line in running if len(line) > 80 and "http://" not in line] == []


@pytest.mark.parametrize(
    "step",
    [
        "  try 1  reads job_id: there is none",
        '  try 1  submits a job, and sets job_id to "job-4711"',
        "  try 1  is killed (kill -9), and Airflow would queue the next try:",
        '  try 2  reads job_id: "job-4711", and waits for that job',
        "  try 3  ends as success",
    ],
)
def test_the_scene_is_told(running, step):
    assert step in running


def test_the_zombie_is_refused(running):
    (first, second) = running[running.index("  try 3  ends as success") + 1 :][:2]
    assert first.startswith("  try 2  wakes up, a zombie")
    assert second.startswith("  try 2  sets rows: refused: Task instance")


def test_the_service_knows_the_three_attempts_of_the_scene(url):
    rows = fixture(url)["task_instances"]
    (row,) = [row for row in rows if row["task_id"] == "submit"]
    assert row["try_number"] == 3
    assert row["state"] == "success"


def test_one_job_was_submitted(url):
    with Stateroom(url) as stateroom:
        values = [event.value for event in stateroom.journal.calls("set", key="job_id")]
    assert values.count("job-4711") == 1


def test_the_world_has_three_dags(url):
    assert {run["dag_id"] for run in fixture(url)["dag_runs"]} == {"orders", "customers", "reports"}


def test_a_run_has_ended_where_its_tasks_have(url):
    document = fixture(url)
    unfinished = {row["run_id"] for row in document["task_instances"] if row["state"] == "running"}
    states = {run["run_id"]: run["state"] for run in document["dag_runs"]}
    assert unfinished == {"manual__second"}
    assert {run_id for run_id, state in states.items() if state == "running"} == unfinished


def test_an_attempt_that_failed_went_on(url):
    rows = fixture(url)["task_instances"]
    tries = {row["map_index"]: row["try_number"] for row in rows if row["task_id"] == "load"}
    assert tries == {0: 1, 1: 2, 2: 1}


def test_one_reference_resolves_one_is_missing_one_foreign(url):
    rows = requests.get(f"{url}/_stateroom/references", timeout=10).json()["references"]
    health = {row["key"]: row["health"] for row in rows}
    assert health == {"summary": "ok", "chart": "missing", "template": "foreign"}


def test_keys_have_expired(url):
    answer = requests.post(f"{url}/_stateroom/clean", params={"dry_run": "1"}, timeout=10).json()
    assert list(answer.values()) == [2]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_ends_it_and_leaves_no_file(tmp_path, number, interruptible):
    with demo(tmp_path) as (_, process):
        process.send_signal(number)
        assert process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_with_exit_it_ends_after_the_scene(tmp_path):
    environ = {
        **os.environ,
        "STATEROOM_BACKEND": "no.such.Backend",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret that no worker of the scene has",
        "TMPDIR": str(tmp_path),
    }
    ended = subprocess.run(
        command("--exit"), cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert ended.stderr == ""
    assert "journal --task submit" in ended.stdout.splitlines()[-1]
    assert ended.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_port_in_use_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            command("--exit", "--port", port), cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert port in ended.stderr
    assert ended.returncode not in (0, 1)
    assert "Traceback" not in ended.stderr
