"""``stateroom run``: a task of a Dag file, run by the real supervisor."""

import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.cli.shared import connection
from state.run import workers
from state.run.errors import AirflowNotFound, DagNotImported, RunError
from state.run.run import Options, Task, run

pytestmark = pytest.mark.airflow

ETL = str(Path(__file__).parent / "dags/etl.py")
INPUTS = str(Path(__file__).parent / "dags/inputs.py")
MAPPED = str(Path(__file__).parent / "dags/mapped.py")


@pytest.fixture(params=[True, False], ids=["kept", "single"])
def options(request, airflow_python, tmp_path):
    variables = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "AIRFLOW_HOME": str(tmp_path)}
    return Options(variables, airflow_python, keep=request.param)


@pytest.fixture(autouse=True)
def no_worker_is_left(monkeypatch):
    """Kept workers of a test end a second after it."""
    monkeypatch.setattr(workers, "IDLE", 1)


def test_the_log_of_a_run_is_kept_by_the_service(client, options):
    outcome = run(client, None, Task(ETL, "submit"), options)
    log = client.ask("GET", f"/_stateroom/task-instances/{outcome.ti_id}/log")["records"]
    assert [record["event"] for record in log] == [record["event"] for record in outcome.log]
    assert "ConnectionError" in str(log)


def test_the_second_attempt_finds_the_job_of_the_first(client, options):
    first = run(client, None, Task(ETL, "submit"), options)
    assert first.state == "up_for_retry"
    assert first.error.endswith("ConnectionError: lost the connection to the cluster")
    assert first.changes == {("etl/submit", "job_id"): (None, "job-1")}
    second = run(client, None, Task(ETL, "submit"), options)
    assert second.state == "success"
    assert second.try_number == 2
    assert second.xcoms == {"return_value": "job-1"}
    assert any(record["event"] == "found job-1" for record in second.log)


def test_an_asset_of_the_file_is_there(client, options):
    outcome = run(client, None, Task(ETL, "load"), options)
    assert outcome.state == "success"
    assert outcome.changes == {("asset orders", "watermark"): (None, 7)}


def test_no_run_sleeps_for_a_heartbeats_interval(client, options):
    variables = {**options.variables, "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "60"}
    options = replace(options, variables=variables)
    begun = time.monotonic()
    for _ in range(4):
        run(client, None, Task(ETL, "load"), options)
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "the process that imported it ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("import time; time.sleep(60)", "DagBag import timeout for"),
        ("x = 1", "there is no Dag in .*broken.py; a function with @dag has to be called"),
        ("", "there is no Dag in .*broken.py; a function with @dag has to be called"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(client, options, tmp_path, text, words):
    path = tmp_path / "broken.py"
    path.write_text(text)
    options = Options(options.variables, options.airflow_python, options.keep, import_timeout=2)
    with pytest.raises(RunError, match=words):
        run(client, None, Task(str(path), "t"), options)


def test_an_unknown_task_names_those_of_the_dag(client, options):
    with pytest.raises(RunError, match=r"has no task 'unknown'; it has: submit, load"):
        run(client, None, Task(ETL, "unknown"), options)


@pytest.mark.parametrize(
    ("task_id", "map_index", "words"),
    [
        ("plain", 0, "the task 'plain' is not mapped"),
        ("add", -1, "the task 'add' is mapped"),
        ("add", 4, "the task 'add' has no map index 4: it is mapped over 4 values"),
        ("days.load", -1, "the task 'days.load' is mapped"),
        ("days.load", 3, "the task 'days.load' has no map index 3"),
    ],
)
def test_a_map_index_that_cannot_be_is_refused(client, options, task_id, map_index, words):
    with pytest.raises(RunError, match=words):
        run(client, None, Task(MAPPED, task_id, map_index=map_index), options)


@pytest.mark.parametrize(
    ("task_id", "map_index", "xcoms", "result"),
    [
        ("add", 3, {}, 22),
        ("add__1", 1, {"plain": [5, 6]}, 7),
        ("days.load", 2, {}, 3),
    ],
)
def test_a_map_index_may_be_of_a_group(client, options, task_id, map_index, xcoms, result):
    task = Task(MAPPED, task_id, map_index=map_index, xcoms=xcoms)
    assert run(client, None, task, options).xcom == result


def test_a_missing_file_is_named(client, options):
    with pytest.raises(DagNotImported, match=r"there is no Dag file /nowhere\.py"):
        run(client, None, Task("/nowhere.py", "t"), options)


def test_an_environment_without_airflow_says_what_to_do(client):
    with pytest.raises(AirflowNotFound, match="--airflow-python"):
        run(client, None, Task(ETL, "submit"), Options({}))


def test_the_command_shows_log_error_and_changes(namespace, airflow_python, tmp_path):
    arguments = ["run", ETL, "submit", "--url", namespace.url, "--airflow-python", airflow_python]
    result = CliRunner().invoke(cli, arguments, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert result.exit_code == 1
    assert "ConnectionError: lost the connection to the cluster" in result.output
    assert 'etl/submit job_id: nothing → "job-1"' in result.output
    assert re.search(r"^\d\d:\d\d:\d\d state   get job_id -> not found$", result.output, re.M)
    assert "group::" not in result.output
    again = CliRunner().invoke(cli, arguments, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert again.exit_code == 0
    assert "attempt 2 ended as success" in again.output


WAITING = """
from datetime import timedelta
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, BaseSensorOperator, dag


class Defers(BaseOperator):
    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(timedelta(days=1)), method_name="execute")


class Finds(BaseSensorOperator):
    def poke(self, context):
        return False


@dag(schedule=None)
def waiting():
    Defers(task_id="defers")
    Finds(task_id="finds", mode="reschedule")


waiting()
"""


@pytest.mark.parametrize(
    ("arguments", "state", "status"),
    [
        (["defers", "--no-trigger"], "deferred", 0),
        (["finds"], "up_for_reschedule", 1),
    ],
)
def test_only_a_stop_that_was_asked_for_exits_with_0(
    airflow_python, tmp_path, arguments, state, status
):
    path = tmp_path / "waiting.py"
    path.write_text(WAITING)
    options = ["--airflow-python", airflow_python, "--no-keep"]
    result = CliRunner().invoke(cli, ["run", str(path), *arguments, *options])
    assert result.output.splitlines()[-1] == f"attempt 1 ended as {state}"
    assert result.exit_code == status


def test_the_command_gives_a_task_what_it_needs(namespace, airflow_python, tmp_path):
    base = ["run", str(INPUTS), "--url", namespace.url, "--airflow-python", airflow_python]
    given = ["--var", "page_size=50", "--conn", "warehouse=postgres://me:s3cr3t@db", "--json"]
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    settings = CliRunner().invoke(cli, [*base, "settings", *given], env=environ)
    document = json.loads(settings.output)
    assert document["xcoms"] == {"return_value": ["50", "me", "s3cr3t", "db"]}
    assert [access["op"] for access in document["accesses"]] == ["set_xcom"]
    total = CliRunner().invoke(cli, [*base, "total", "--xcom", "double=[2, 4]"], env=environ)
    assert "XCom return_value: 6" in total.output


def test_a_member_of_what_a_task_returned_is_given(client, options):
    task = Task(INPUTS, "greet", xcoms={"names": {"first": "ada"}})
    assert run(client, None, task, options).xcoms == {"return_value": "hello ada"}


def test_the_command_says_which_xcom_is_missing(namespace, airflow_python, tmp_path):
    arguments = ["run", INPUTS, "double", "--map-index", "1", "--url", namespace.url]
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    options = ["--airflow-python", airflow_python]
    result = CliRunner().invoke(cli, [*arguments, *options], env=environ)
    error = result.output.partition("KeyError")[2]
    assert "not found for task 'numbers' in DAG run 'test'" in error
    assert "--xcom numbers=JSON (xcoms=) gives it\n" in error


def test_the_command_needs_no_service(airflow_python, monkeypatch):
    monkeypatch.delenv("STATEROOM_URL", raising=False)
    monkeypatch.setattr(connection, "DEFAULT_URL", "http://127.0.0.1:1")
    for _ in range(2):
        arguments = ["run", ETL, "submit", "--airflow-python", airflow_python, "--no-keep"]
        result = CliRunner().invoke(cli, arguments)
        assert result.output.splitlines()[0] == connection.NOT_KEPT
        assert "attempt 1 ended as up_for_retry" in result.output


def test_the_command_names_the_backend_of_the_worker(namespace, airflow_python, tmp_path):
    arguments = ["run", ETL, "load", "--url", namespace.url, "--airflow-python", airflow_python]
    environ = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "STATEROOM_BACKEND_BASE": str(tmp_path / "objects"),
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    result = CliRunner().invoke(cli, [*arguments, "--backend", "file"], env=environ)
    assert result.exit_code == 0
    assert "asset orders: set watermark ref " in result.output
    assert list((tmp_path / "objects").rglob("*"))
