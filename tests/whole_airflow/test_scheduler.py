"""A Stateroom in front of a whole Airflow: its scheduler runs a Dag with a retry, mapped tasks and
an asset.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from benchmarks.support.servers import SECRET, airflow
from state.client.stateroom import Stateroom
from state.model import tokens
from state.process import ServerProcess
from tests.support.airflow_process import airflow_venv
from tests.support.waiting import wait_for

pytestmark = pytest.mark.airflow

DAGS = Path(__file__).parent / "dags"
ADMIN = {"Authorization": f"Bearer {tokens.for_role(SECRET, 'admin')}"}
MINUTE = 60  # seconds
RUNS = "/api/v2/dags/etl/dagRuns"


@contextlib.contextmanager
def process(folder, environ, *arguments):
    """One of Airflow's processes, with its log in a file."""
    call = [str(airflow_venv() / "bin/airflow"), *arguments]
    with open(folder / f"{arguments[0]}.log", "wb") as log:
        running = subprocess.Popen(
            call, env=environ, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield running
        finally:
            os.killpg(running.pid, 15)
            running.wait(MINUTE)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """A Stateroom in front of an Airflow whose scheduler and Dag processor run, too."""
    folder = tmp_path_factory.mktemp("whole")
    with contextlib.ExitStack() as stack:
        api_server = stack.enter_context(airflow(airflow_venv(), folder))
        options = ["--db", str(folder / "proxy.db"), "--upstream", api_server.url]
        proxy = stack.enter_context(ServerProcess([*options, "--jwt-secret", SECRET]))
        proxy.options = options
        home = folder / "airflow"
        shutil.copy(DAGS / "etl.py", home / "dags")
        environ = {
            **{name: text for name, text in os.environ.items() if "AIRFLOW" not in name},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{proxy.url}/execution/",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
            "AIRFLOW__API_AUTH__JWT_SECRET": SECRET,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "PYTHONWARNINGS": "ignore",
        }
        stack.enter_context(process(folder, environ, "dag-processor"))
        stack.enter_context(process(folder, environ, "scheduler", "--skip-serve-logs"))
        yield proxy


@pytest.fixture(scope="module")
def run(proxy):
    """The id of a run of the Dag that has ended with success."""
    run_id = trigger(proxy, "etl")
    wait_until_success(proxy, "etl", run_id)
    return run_id


def trigger(proxy, dag_id):
    """Begin a run of a Dag, once Airflow knows it; returns the run's id."""
    path = f"/api/v2/dags/{dag_id}"
    wait_for(lambda: core(proxy, path).status_code == 200, MINUTE)
    answer = core(proxy, f"{path}/dagRuns", "POST", json={"logical_date": None})
    assert answer.status_code == 200, answer.text
    return answer.json()["dag_run_id"]


def wait_until_success(proxy, dag_id, run_id):
    def state():
        return core(proxy, f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json()["state"]

    wait_for(lambda: state() in ("success", "failed"), 2 * MINUTE, state)
    assert state() == "success"


@pytest.fixture
def stateroom(proxy):
    return Stateroom(proxy.url, token=tokens.for_role(SECRET, "admin"))


def core(proxy, path, method="GET", **options):
    return requests.request(method, proxy.url + path, headers=ADMIN, **options)


def test_the_retry_finds_its_key(run, stateroom):
    assert stateroom.state[f"etl/submit @ {run}"] == {"job_id": "job-1"}
    reads = stateroom.journal.calls("get")
    assert [(event.try_number, event.status) for event in reads] == [(1, 404), (2, 200)]


def test_each_mapped_task_and_the_asset_have_their_state(run, stateroom):
    document = stateroom.document()
    pages = {
        row["map_index"]: row["value"]
        for row in document["task_state_store"]
        if row["task_id"] == "load"
    }
    assert pages == {0: 1, 1: 2}
    (entry,) = document["asset_state_store"]
    assert entry["value"] == ["job-1/1", "job-1/2"]
    assert entry["last_updated_by"]["task_id"] == "publish"


def test_every_attempt_has_airflows_id_and_its_last_state(run, proxy, stateroom):
    path = f"{RUNS}/{run}/taskInstances"
    rows = core(proxy, path).json()["task_instances"]
    known = stateroom.document()["task_instances"]
    there = {row["id"]: (row["state"], row["try_number"]) for row in rows}
    here = {row["id"]: (row["state"], row["try_number"]) for row in known}
    assert here == there


def test_the_core_api_shows_the_state_through_the_proxy(run, proxy):
    path = f"{RUNS}/{run}/taskInstances/load/state-store?map_index=1"
    (entry,) = core(proxy, path).json()["task_state_store"]
    assert entry["key"] == "page"


def test_marking_and_clearing_change_the_attempts_here_too(run, proxy, stateroom):
    path = f"{RUNS}/{run}/taskInstances/submit"
    assert core(proxy, path, "PATCH", json={"new_state": "failed"}).status_code == 200
    assert attempt(stateroom, "submit")["state"] == "failed"
    clear_on_success(proxy, True)
    assert core(proxy, path, "PATCH", json={"new_state": "success"}).status_code == 200
    clear_on_success(proxy, False)
    assert attempt(stateroom, "submit")["state"] == "success"
    assert f"etl/submit @ {run}" not in stateroom.state
    former = attempt(stateroom, "load")
    core(proxy, "/api/v2/dags/etl", "PATCH", json={"is_paused": True})
    body = {"dry_run": False, "dag_run_id": run, "task_ids": ["load"], "only_failed": False}
    answer = core(proxy, "/api/v2/dags/etl/clearTaskInstances", "POST", json=body)
    assert answer.status_code == 200, answer.text
    cleared = attempt(stateroom, "load")
    assert cleared["id"] != former["id"]
    assert stateroom.state[f"etl/load[0] @ {run}"] == {"page": 1}


def clear_on_success(proxy, is_set):
    config = {"config": {"clear_on_success": is_set}}
    assert core(proxy, "/_stateroom/fixture", "PUT", json=config).status_code == 204


def attempt(stateroom, task_id):
    rows = stateroom.document()["task_instances"]
    return next(row for row in rows if row["task_id"] == task_id)


def test_a_deleted_run_has_no_state_here_either(run, proxy, stateroom):
    assert core(proxy, f"{RUNS}/{run}", "DELETE").status_code == 204
    assert stateroom.document()["dag_runs"] == []
    assert stateroom.document()["task_state_store"] == []
    assert "deleted" in stateroom.journal.calls("clear")[-1].note


def test_a_killed_proxy_loses_no_acknowledged_write(proxy, stateroom):
    run_id = trigger(proxy, "counts")
    name = f"counts/count @ {run_id}"
    wait_for(lambda: stateroom.state.get(name, {}).get("number", 0) > 3, MINUTE)
    proxy.process.kill()
    proxy.process.wait(MINUTE)
    port = proxy.url.rpartition(":")[2]
    with ServerProcess([*proxy.options, "--jwt-secret", SECRET, "--port", port]) as restarted:
        wait_until_success(restarted, "counts", run_id)
        assert stateroom.state[name] == {"number": 19}
        values = [event.value for event in stateroom.journal.calls("set", key="number")]
        assert sorted(set(values)) == list(range(20))
        assert attempt(stateroom, "count")["try_number"] == 1
