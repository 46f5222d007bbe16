"""A whole Airflow's api-server whose state backend is a Stateroom."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import requests

from benchmarks.support.servers import FIXTURE, SECRET, airflow
from state.client.stateroom import Stateroom
from state.model import tokens
from state.model.clock import from_text
from state.process import ServerProcess
from tests.support.airflow_process import airflow_venv

pytestmark = pytest.mark.airflow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TI = FIXTURE["task_instances"][0]["id"]
ADMIN = tokens.for_role(SECRET, "admin")
HEADERS = {"Authorization": f"Bearer {ADMIN}"}
WATCHER = "00000000-0000-0000-0000-000000000000"
NAME = "bench/one @ manual__1"
KEY = f"/ti/{TI}/job_id"
BY_NAME = "/asset/by-name/value?name=orders&key=watermark"
BY_URI = "/asset/by-uri/value?uri=s3://bench/orders&key=watermark"


def entries_of_asset(stateroom):
    url = f"{stateroom.core_url}/assets/1/state-store"
    return requests.get(url, headers=HEADERS).json()["asset_state_store"]


class Worker:
    """The calls of a task instance's worker to the state store of an api-server."""

    def __init__(self, url, ti_id):
        self.url = url
        self.headers = {"Authorization": f"Bearer {tokens.for_task_instance(SECRET, ti_id)}"}

    def call(self, method, path, value=None, **body):
        """The status of an answer, and its value."""
        json = {"value": value, **body} if method == "PUT" else None
        url = f"{self.url}/execution/store{path}"
        answer = requests.request(method, url, headers=self.headers, json=json)
        if answer.status_code != 200:
            return answer.status_code, None
        return 200, answer.json()["value"]


@pytest.fixture(scope="module")
def guarded():
    """A Stateroom with the secret of the Airflow."""
    with ServerProcess(["--db", ":memory:", "--jwt-secret", SECRET]) as process:
        assert requests.get(f"{process.url}/_stateroom/fixture").status_code == 401
        yield process


@pytest.fixture(scope="module")
def settings(guarded):
    """The settings of an Airflow that keeps its state there."""
    return {
        "AIRFLOW__STATE_STORE__BACKEND": "state.airflow.StateroomBackend",
        "STATEROOM_URL": guarded.url,
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def api_server(settings, home):
    """The address of a real api-server."""
    with airflow(airflow_venv(), home, settings) as running:
        yield running.url


@pytest.fixture
def worker(api_server):
    return Worker(api_server, TI)


@pytest.fixture
def kept(guarded, worker):
    """That Stateroom, empty; Airflow's backend has to register what it writes about."""
    stateroom = Stateroom(guarded.url, token=ADMIN)
    stateroom.reset()
    return stateroom


@pytest.fixture
def command(home, api_server, settings):
    """Runs a program of Airflow's environment, and returns what it prints."""

    def run(program, *arguments, **variables):
        environ = {
            **os.environ,
            **settings,
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow/airflow.db'}",
            "AIRFLOW__API_AUTH__JWT_SECRET": SECRET,
            **variables,
        }
        call = [str(airflow_venv() / "bin" / program), *map(str, arguments)]
        done = subprocess.run(call, env=environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_task_writes_reads_and_deletes(worker, kept):
    assert worker.call("GET", KEY) == (404, None)
    assert worker.call("PUT", KEY, {"é": [1, None]}) == (204, None)
    assert worker.call("GET", KEY) == (200, {"é": [1, None]})
    assert kept.state == {NAME: {"job_id": {"é": [1, None]}}}
    assert worker.call("DELETE", KEY) == (204, None)
    assert worker.call("DELETE", KEY) == (204, None)
    assert worker.call("GET", KEY) == (404, None)


def test_the_writer_is_the_attempt_that_airflow_knows(worker, kept):
    worker.call("PUT", KEY, 1)
    (row,) = kept.document()["task_instances"]
    assert row["id"] == TI
    assert row["try_number"] == 1
    event = kept.journal.calls("set")[-1]
    assert event.ti_id == TI
    assert event.try_number == 1


def test_an_expiry_is_kept(worker, kept):
    worker.call("PUT", KEY, 1, expires_at="2030-01-01T00:00:00Z")
    (entry,) = kept.document()["task_state_store"]
    assert from_text(entry["expires_at"]).year == 2030


def test_clear_deletes_all_keys(worker, kept):
    worker.call("PUT", KEY, 1)
    worker.call("PUT", f"/ti/{TI}/other", 2)
    assert worker.call("DELETE", f"/ti/{TI}") == (204, None)
    assert kept.state == {}


def test_an_asset_is_registered_with_airflows_id_and_its_writer(worker, kept):
    assert worker.call("PUT", BY_NAME, 7) == (204, None)
    assert worker.call("GET", BY_URI) == (200, 7)
    (entry,) = entries_of_asset(kept)
    writer = {"kind": "task", "dag_id": "bench", "run_id": "manual__1", "task_id": "one"}
    assert entry["last_updated_by"] == {**writer, "map_index": -1}
    assert worker.call("DELETE", "/asset/by-name/clear?name=orders") == (204, None)
    assert worker.call("GET", BY_NAME) == (404, None)


def test_a_watcher_is_the_writer(api_server, kept):
    if requests.get(f"{api_server}/api/v2/version").json()["version"] >= "3.4":
        pytest.skip("Airflow 3.4 answers 404 to the nil UUID, and does not call its backend")
    assert Worker(api_server, WATCHER).call("PUT", BY_NAME, 7) == (204, None)
    (entry,) = entries_of_asset(kept)
    assert entry["last_updated_by"]["kind"] == "watcher"


def test_state_store_clean_removes_what_has_expired(worker, kept, command):
    worker.call("PUT", KEY, 1, expires_at="2020-01-01T00:00:00Z")
    worker.call("PUT", f"/ti/{TI}/stays", 2)
    listed = command("airflow", "state-store", "clean", "--dry-run")
    assert re.search("task 'one', (map|region)_index -1, key 'job_id'", listed)
    assert set(kept.state[NAME]) == {"job_id", "stays"}
    command("airflow", "state-store", "clean")
    assert kept.state == {NAME: {"stays": 2}}


def test_mirrored_writes_are_in_airflows_tables_too(served, command):
    """Here the Stateroom has no secret."""
    kept = Stateroom(served.url)
    kept.reset()
    variables = {"STATEROOM_MIRROR": "true", "STATEROOM_URL": served.url}
    printed = command("python", HERE / "mirror.py", *("bench", "manual__1", "one", 1), **variables)
    line = next(line for line in printed.splitlines() if line.startswith("ROWS "))
    assert json.loads(line.removeprefix("ROWS ")) == {
        "task_state_store": [["job_id", '"job-1"']],
        "asset_state_store": [["watermark", "7"]],
    }
    assert kept.state == {NAME: {"job_id": "job-1"}, "asset orders": {"watermark": 7}}
