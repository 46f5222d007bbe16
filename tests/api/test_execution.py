"""The Execution API: every status of every route, and its two error shapes. Its bodies are replayed
in full by ``tests/wire/test_conformance.py``.
"""

import pytest

from tests.support.world import ASSET_KEY, TASK_KEY, TI

OTHER_TI = "019b0000-0000-7000-8000-0000000000ff"
UNKNOWN = f"/execution/store/ti/{OTHER_TI}"
NO_KEY = f"/execution/store/ti/{TI}/nope"
NO_UUID = "/execution/store/ti/nope/job_id"
BY_URI = ASSET_KEY.replace("by-name", "by-uri").replace("name=orders", "uri=s3://bucket/orders")
NO_ASSET = ASSET_KEY.replace("orders", "nope")
NO_NAME = "/execution/store/asset/by-name/value?key=watermark"
CLEAR = "/execution/store/asset/by-name/clear?name="
STATE = f"/execution/task-instances/{TI}/state"
DONE = {"state": "success", "end_date": "2026-01-01T00:00:00Z"}

STATUSES = [
    ("GET", TASK_KEY, None, 200),
    ("GET", NO_KEY, None, 404),
    ("GET", f"{UNKNOWN}/job_id", None, 404),
    ("GET", NO_UUID, None, 422),
    ("PUT", TASK_KEY, {"value": 1}, 204),
    ("PUT", TASK_KEY, {"value": 1, "expires_at": "2030-01-01T00:00:00Z"}, 204),
    ("PUT", NO_KEY, {"value": 1}, 204),
    ("PUT", f"{UNKNOWN}/job_id", {"value": 1}, 404),
    ("PUT", NO_UUID, {"value": 1}, 422),
    ("PUT", TASK_KEY, None, 422),
    ("PUT", TASK_KEY, {"value": 1, "expires_at": "2030-01-01"}, 422),
    ("DELETE", TASK_KEY, None, 204),
    ("DELETE", NO_KEY, None, 204),
    ("DELETE", f"{UNKNOWN}/job_id", None, 404),
    ("DELETE", f"/execution/store/ti/{TI}", None, 204),
    ("DELETE", UNKNOWN, None, 404),
    ("DELETE", "/execution/store/ti/nope", None, 422),
    ("POST", TASK_KEY, {"value": 1}, 405),
    ("GET", ASSET_KEY, None, 200),
    ("GET", BY_URI, None, 200),
    ("GET", ASSET_KEY.replace("watermark", "nope"), None, 404),
    ("GET", NO_ASSET, None, 404),
    ("GET", NO_NAME, None, 422),
    ("PUT", ASSET_KEY, {"value": 1}, 204),
    ("PUT", BY_URI, {"value": 1}, 204),
    ("PUT", NO_ASSET, {"value": 1}, 404),
    ("PUT", NO_NAME, {"value": 1}, 422),
    ("DELETE", ASSET_KEY, None, 204),
    ("DELETE", NO_ASSET, None, 404),
    ("DELETE", NO_NAME, None, 422),
    ("DELETE", CLEAR + "orders", None, 204),
    ("DELETE", CLEAR + "nope", None, 404),
    ("DELETE", CLEAR, None, 422),
    ("PATCH", STATE, DONE, 204),
    ("PATCH", STATE, {"state": "running"}, 422),
    ("PATCH", STATE.replace(TI, OTHER_TI), DONE, 404),
    ("GET", "/execution/health", None, 200),
    ("GET", "/execution/nowhere", None, 404),
    ("PUT", f"/execution/task-instances/{TI}/heartbeat", {"hostname": "h", "pid": 1}, 409),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), STATUSES)
def test_each_status_of_each_route(world, method, path, body, status):
    answer = world.open(path, method=method, json=body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"), [row for row in STATUSES if row[3] != 204]
)
def test_an_answer_with_a_body_is_json(world, method, path, body, status):
    answer = world.open(path, method=method, json=body)
    assert answer.content_type == "application/json"
    assert answer.json


def test_a_value_comes_back_alone(world):
    assert world.get(TASK_KEY).json == {"value": "job-42"}
    assert world.get(BY_URI).json == {"value": "2026-01-01"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (NO_KEY, "Task state store key 'nope' not found"),
        (f"{UNKNOWN}/k", f"Task instance {OTHER_TI} not found"),
        (NO_ASSET, "Asset with name='nope' not found"),
    ],
)
def test_the_shape_of_what_is_not_found(world, path, message):
    assert world.get(path).json == {"detail": {"reason": "not_found", "message": message}}


def test_the_shape_of_an_invalid_body(world):
    wrong = {
        "type": "extra_forbidden",
        "loc": ["body", "x"],
        "msg": "Extra inputs are not permitted",
        "input": 2,
    }
    assert world.put(TASK_KEY, json={"value": 1, "x": 2}).json == {"detail": [wrong]}


def test_a_report_of_the_same_state_changes_nothing(world):
    assert [world.patch(STATE, json=DONE).status_code for _ in range(2)] == [204, 200]


def test_a_task_that_is_not_running_cannot_report(world):
    world.patch(STATE, json=DONE)
    answer = world.patch(STATE, json={"state": "failed", "end_date": "2026-01-01T00:00:00Z"})
    message = "TI was not in the running state so it cannot be updated"
    detail = {"reason": "invalid_state", "message": message, "previous_state": "success"}
    assert answer.status_code == 409
    assert answer.json == {"detail": detail}


def test_a_value_that_cannot_be_sent_is_named_instead_of_a_crash(world):
    world.put(TASK_KEY, data='{"value": [NaN]}', content_type="application/json")
    answer = world.get(TASK_KEY)
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "unreadable_value"


def test_an_older_version_of_the_api_has_no_store(world):
    assert world.get(TASK_KEY, headers={"Airflow-API-Version": "2026-01-01"}).status_code == 404
    assert world.get(TASK_KEY).headers["airflow-api-version"] == "2026-06-30"


def test_a_correlation_id_comes_back(world):
    assert world.get(TASK_KEY, headers={"correlation-id": "c-1"}).headers["correlation-id"] == "c-1"
