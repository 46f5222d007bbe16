"""Corners that no recorded scenario reaches: without a secret, or with inputs beyond what a
recording can hold.
"""

import json
import sys

import pytest

from state.errors import TaskInstanceNotFound
from state.store import keyspaces

TASK = {"dag_id": "d", "run_id": "r", "task_id": "t"}
DEEP = "[" * 900 + "]" * 900


@pytest.fixture
def attempt(client):
    return client.post("/_stateroom/task-instances", json=TASK).json


def test_a_path_without_a_uuid_is_422_if_no_token_is_sent(client):
    answer = client.get("/execution/store/ti/not-a-uuid/k")
    assert answer.status_code == 422
    assert answer.json["detail"][0]["type"] == "uuid_parsing"


@pytest.mark.parametrize("body", [f'{{"value": {DEEP}}}', f'{{"other": {DEEP}}}'])
def test_error_does_not_repeat_an_input_that_is_too_deep(client, attempt, body):
    answer = client.put(
        f"/execution/store/ti/{attempt['id']}/k", data=body, content_type="application/json"
    )
    follows = (
        sys.version_info >= (3, 12) and "other" in body
    )  # from then on C code may go deeper than Python
    shown = json.loads(body) if follows else None
    assert answer.status_code == 422
    assert answer.json["detail"][0]["input"] == shown


def test_login_shows_a_long_or_deep_input_shortened(client):
    deep = client.post(
        "/auth/token", data=f'{{"username": {DEEP}}}', content_type="application/json"
    )
    long = client.post("/auth/token", json={"username": ["x" * 100], "password": "y"})
    assert deep.status_code == 422
    assert (
        "input_value=['xxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxx'], input_type=list"
        in long.json["detail"]
    )


@pytest.mark.parametrize(
    ("member", "where"), [([], "assets[0]"), (1, "assets[0]"), ({}, "assets[0].id")]
)
def test_a_member_that_is_not_an_object_is_named(client, member, where):
    answer = client.put("/_stateroom/fixture", json={"assets": [member]})
    assert answer.status_code == 422
    assert answer.json["detail"]["errors"][0]["where"] == where


def test_a_retry_has_a_new_id_and_keeps_its_state(client, namespace, attempt):
    client.put(f"/execution/store/ti/{attempt['id']}/k", json={"value": 1})
    report = {"state": "up_for_retry", "end_date": "2030-01-01T00:00:00Z"}
    assert (
        client.patch(f"/execution/task-instances/{attempt['id']}/state", json=report).status_code
        == 204
    )
    with pytest.raises(TaskInstanceNotFound):
        keyspaces.task_instance(namespace, attempt["id"]).get("k")
    again = client.post(
        "/_stateroom/task-instances", json={"dag_id": "d", "run_id": "r", "task_id": "t"}
    ).json
    assert again["try_number"] == 2
    assert keyspaces.task_instance(namespace, again["id"]).get("k") == 1


@pytest.mark.parametrize("version", ["garbage", "2027-01-01T12:00"])
def test_a_version_that_is_not_a_date_is_named(client, version):
    answer = client.get("/execution/health", headers={"Airflow-API-Version": version})
    assert answer.json["detail"][0]["loc"] == ["header", "Airflow-API-Version"]


def test_after_the_highest_number_there_is_no_next_attempt(client, attempt):
    highest = {**TASK, "try_number": 2**63 - 1}
    assert client.post("/_stateroom/task-instances", json=highest).status_code == 201
    before = client.get("/_stateroom/fixture").json
    answer = client.post("/_stateroom/task-instances", json=TASK)
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "out_of_range"
    assert client.get("/_stateroom/fixture").json == before


def test_after_the_highest_id_there_is_no_next_asset(client):
    highest = {"id": 2**63 - 1, "name": "last", "uri": "last"}
    assert client.put("/_stateroom/fixture", json={"assets": [highest]}).status_code == 204
    answer = client.post("/_stateroom/assets", json={"name": "next"})
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "out_of_range"


def test_a_default_retention_beyond_year_9999_is_refused(client, attempt):
    client.put("/_stateroom/fixture", json={"config": {"default_retention_days": 3_000_000}})
    path = "/api/v2/dags/d/dagRuns/r/taskInstances/t/state-store/k"
    answer = client.put(path, json={"value": 1})
    assert answer.status_code == 400
    assert "must end before the year 10000, got 3000000" in answer.json["detail"]
    assert client.put(path, json={"value": 1, "expires_at": None}).status_code == 204
