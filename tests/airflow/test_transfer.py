"""``stateroom push`` and ``stateroom pull`` with a real api-server of Airflow."""

import json

import pytest
from click.testing import CliRunner

from benchmarks.support import servers
from state.cli.main import cli
from state.model import tokens
from state.process import ServerProcess
from tests.support.airflow_process import airflow_venv
from tests.transfer.service import Service

pytestmark = pytest.mark.airflow
RUN = {"dag_id": "bench", "run_id": "manual__1"}
ONE = {**RUN, "task_id": "one"}
TOKEN = {"STATEROOM_PEER_TOKEN": tokens.for_role(servers.SECRET, "admin")}
VALUES = {
    "plain": {"page": [1, 2.5, None, "é"]},
    "a/b c?": "odd key",
    "ref": {"__airflow_state_ref__": "s3://their-bucket/report"},
}
STATE = {
    **servers.FIXTURE,
    "task_state_store": [
        *({**ONE, "key": key, "value": value} for key, value in VALUES.items()),
        {**ONE, "key": "until", "value": 1, "expires_at": "2036-01-01T00:00:00.123456Z"},
        {**ONE, "key": "long", "value": "x" * 70_000},
        {**ONE, "key": "odd", "value": "\ud800"},
    ],
    "asset_state_store": [{"asset": "orders", "key": "watermark", "value": "2026-01-01"}],
}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    with servers.airflow(airflow_venv(), tmp_path_factory.mktemp("airflow")) as running:
        yield running


@pytest.fixture
def here():
    """A service of its own, with the state of the story."""
    with ServerProcess(["--db", ":memory:"]) as process:
        service = Service(process.url)
        service.begin_with(STATE)
        yield service


def run(service, *arguments, **environ):
    return CliRunner().invoke(cli, ["--url", service.url, *arguments], env=environ)


def report(service, *arguments):
    result = run(service, "--json", *arguments, **TOKEN)
    assert result.exit_code in (0, 10), result.output
    return json.loads(result.stdout)


def test_what_is_pushed_is_pulled_again(airflow, here):
    pushed = report(here, "push", "--to", airflow.url)
    assert pushed["carried"] == {"key": 5}
    whys = {item["key"]: item["why"] for item in pushed["refused"]}
    assert "value exceeds max_value_storage_bytes (65535)" in whys["long"]
    assert whys["odd"].startswith("a lone surrogate")

    assert report(here, "push", "--to", airflow.url)["unchanged"] == 5

    here.begin_with({})
    pulled = report(here, "pull", "--from", airflow.url)
    assert pulled["carried"] == {"key": 5, "task instance": 2, "dag run": 1, "asset": 1}
    assert pulled["refused"] == []
    assert here.entries() == {**VALUES, "until": 1}
    assert here.entries("asset_state_store") == {"watermark": "2026-01-01"}
    expiries = {row["key"]: row["expires_at"] for row in here.holds()["task_state_store"]}
    assert expiries["until"] == "2036-01-01T00:00:00.123456Z"
    assert expiries["plain"] is None
    ids = {row["id"] for row in here.holds()["task_instances"]}
    assert ids == {row["id"] for row in servers.FIXTURE["task_instances"]}

    assert report(here, "pull", "--from", airflow.url)["carried"] == {}


def test_a_filter_is_checked_against_airflow(airflow, here):
    result = run(here, "pull", "--from", airflow.url, "--dag", "bensh", **TOKEN)
    assert result.exit_code == 1
    assert "no Dag 'bensh' in Airflow 3." in result.stderr
    assert "did you mean 'bench'?" in result.stderr


def test_what_airflow_does_not_have_is_told(airflow, here):
    here.call("POST", "/_stateroom/task-instances", json={**RUN, "task_id": "onne"})
    entry = {**RUN, "task_id": "onne", "key": "k", "value": 1}
    here.call("PUT", "/_stateroom/fixture", json={"task_state_store": [entry]})
    refused = report(here, "push", "--to", airflow.url, "--task", "onne")["refused"]
    assert [item["why"] for item in refused] == [
        "unknown there: no such task in this run; did you mean 'one'?"
    ]


def test_airflow_refuses_wrong_logins(airflow, here):
    pull = ["pull", "--from", airflow.url]
    result = run(here, *pull, "--from-user", "admin", STATEROOM_PEER_PASSWORD="wrong")
    assert result.exit_code == 10
    assert "refuses the login of 'admin': Invalid credentials (HTTP 401)" in result.stderr
    result = run(here, *pull)
    assert result.exit_code == 10
    assert "wants a login: Not authenticated (HTTP 401)" in result.stderr
    viewer = tokens.for_role(servers.SECRET, "viewer")
    result = run(here, "push", "--to", airflow.url, STATEROOM_PEER_TOKEN=viewer)
    assert result.exit_code == 10
    assert "does not allow a write of state: Forbidden (HTTP 403)" in result.stderr
