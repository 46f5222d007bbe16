"""``stateroom run``: a task of a Dag file, run by the real supervisor."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.client.http import StateroomClient
from state.client.stateroom import Stateroom
from state.run import workers
from state.run.errors import AirflowNotFound, DagNotImported, RunError
from state.run.run import Options, Task, run
from tests.support.airflow_process import HOW

pytestmark = pytest.mark.airflow

ETL = str(Path(__file__).parent / "dags/etl.py")


@pytest.fixture(scope="module")
def airflow_python():
    return str(Path(os.environ.get("AIRFLOW_VENV") or pytest.skip(HOW), "bin/python").absolute())


@pytest.fixture
def namespace(served):
    stateroom = Stateroom(served.url).create_namespace()
    yield stateroom
    stateroom.drop()


@pytest.fixture(params=[True, False], ids=["kept", "single"])
def options(request, airflow_python, tmp_path):
    variables = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "AIRFLOW_HOME": str(tmp_path)}
    return Options(variables, airflow_python, keep=request.param)


@pytest.fixture
def client(namespace):
    return StateroomClient(namespace.url)


@pytest.fixture(autouse=True)
def no_worker_is_left(monkeypatch):
    """Kept workers of a test end a second after it."""
    monkeypatch.setattr(workers, "IDLE", 1)


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
        ("import os; os._exit(3)", "it ended the process that imported it, with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9"),
        ("import time; time.sleep(60)", "it was not imported within 2 seconds"),
        ("x = 1", "name one of the Dags"),
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
    again = CliRunner().invoke(cli, arguments, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert again.exit_code == 0
    assert "attempt 2 ended as success" in again.output
