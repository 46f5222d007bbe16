"""A Stateroom in front of a real api-server of a whole Airflow."""

import pytest
import requests

from benchmarks.support.servers import FIXTURE, SECRET, airflow
from state.client.stateroom import Stateroom
from state.model import tokens
from state.process import ServerProcess
from tests.support.airflow_process import airflow_venv

pytestmark = pytest.mark.airflow

TI = FIXTURE["task_instances"][0]["id"]
NAME = "bench/one @ manual__1"
ADMIN = {"Authorization": f"Bearer {tokens.for_role(SECRET, 'admin')}"}
CORE = "/api/v2/dags/bench/dagRuns/manual__1/taskInstances/one/state-store"


@pytest.fixture(scope="module")
def api_server(tmp_path_factory):
    """A real api-server, with task instances that run."""
    with airflow(airflow_venv(), tmp_path_factory.mktemp("whole")) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(api_server):
    """A Stateroom in front of it, on a memory database."""
    options = ["--db", ":memory:", "--upstream", api_server.url, "--jwt-secret", SECRET]
    with ServerProcess(options) as process:
        yield process


@pytest.fixture
def kept(proxy):
    """What the proxy keeps, empty."""
    stateroom = Stateroom(proxy.url, token=tokens.for_role(SECRET, "admin"))
    stateroom.reset()
    return stateroom


def call(proxy, method, path, json=None, ti_id=TI):
    headers = {"Authorization": f"Bearer {tokens.for_task_instance(SECRET, ti_id)}"}
    return requests.request(method, f"{proxy.url}/execution{path}", headers=headers, json=json)


def core(server, path, method="GET", **options):
    return requests.request(method, server.url + path, headers=ADMIN, **options)


def test_a_running_task_keeps_its_state_in_the_proxy(proxy, kept, api_server):
    assert call(proxy, "PUT", f"/store/ti/{TI}/job_id", {"value": "job-1"}).status_code == 204
    assert kept.state == {NAME: {"job_id": "job-1"}}
    (row,) = kept.document()["task_instances"]
    assert row["try_number"] == 1
    assert core(proxy, CORE).json()["total_entries"] == 1
    assert core(api_server, CORE).json()["total_entries"] == 0


def test_an_asset_has_airflows_id(proxy, kept):
    path = "/store/asset/by-uri/value?uri=s3://bench/orders&key=watermark"
    assert call(proxy, "PUT", path, {"value": 7}).status_code == 204
    (entry,) = core(proxy, "/api/v2/assets/1/state-store").json()["asset_state_store"]
    assert entry["last_updated_by"]["task_id"] == "one"


@pytest.mark.parametrize(
    "path", ["/", "/api/v2/version", "/api/v2/monitor/health", "/openapi.json", "/nope"]
)
def test_what_passes_is_answered_as_by_airflow(proxy, api_server, path):
    through = core(proxy, path)
    direct = core(api_server, path)
    assert through.status_code == direct.status_code
    assert through.headers["Content-Type"] == direct.headers["Content-Type"]
    assert len(through.content) == len(direct.content)


def test_the_login_page_sends_back_to_the_proxy(proxy):
    answer = requests.get(f"{proxy.url}/api/v2/auth/login", allow_redirects=False)
    assert answer.status_code == 307
    location = answer.headers["Location"]
    assert location.startswith(("/", proxy.url))


def test_what_runs_is_registered_before_its_worker_is_told(proxy, kept):
    ti_id = FIXTURE["task_instances"][1]["id"]
    ends = {"state": "failed", "end_date": "2026-01-01T00:01:00Z"}
    path = f"/task-instances/{ti_id}/state"
    assert call(proxy, "PATCH", path, ends, ti_id).status_code == 204
    (row,) = kept.document()["task_instances"]
    assert row["state"] == "failed"
