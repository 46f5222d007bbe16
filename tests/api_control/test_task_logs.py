"""The route of an attempt's log: who may call it, what it takes."""

import pytest

from state.model import tokens
from tests.support.world import SECRET, TI, admin, bearer

PATH = f"/_stateroom/task-instances/{TI}/log"
UNKNOWN = PATH.replace(TI, "019b0000-0000-7000-8000-0000000000ff")
RECORD = {"timestamp": "2026-11-28T00:50:21.500000Z", "level": "info", "event": "hello"}


@pytest.fixture
def client(world):
    """A client of a namespace without logs of former tests."""
    world.post("/_stateroom/namespaces", json={"name": "logs"})
    document = world.get("/_stateroom/fixture").json
    assert world.put("/ns/logs/_stateroom/fixture", json=document).status_code == 204
    yield world
    world.delete("/_stateroom/namespaces/logs")


def test_records_are_added_and_read(client):
    for number in range(2):
        answer = client.post(f"/ns/logs{PATH}", json={"records": [{**RECORD, "n": number}]})
        assert answer.status_code == 204
    log = client.get(f"/ns/logs{PATH}").json
    assert [record["n"] for record in log["records"]] == [0, 1]
    assert log["records"][0]["real_at"] == 1795827021.5
    assert log["left_out"] == 0


def test_records_that_were_not_sent_are_counted(client):
    client.post(f"/ns/logs{PATH}", json={"records": [RECORD], "left_out": 12})
    assert client.get(f"/ns/logs{PATH}").json["left_out"] == 12


def test_an_unknown_attempt_takes_no_log(world):
    answer = world.post(UNKNOWN, json={"records": [RECORD]})
    assert answer.status_code == 404
    assert "not found" in answer.json["detail"]["message"]


def test_an_unknown_attempt_has_an_empty_log(world):
    assert world.get(UNKNOWN).json == {"records": [], "left_out": 0}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"records": "text"},
        {"records": ["text"]},
        {"records": [None]},
        {"records": [{}] * 5001},
        {"records": [], "left_out": -1},
        {"records": [], "left_out": 2**40},
        {"records": [], "left_out": "1"},
    ],
)
def test_a_body_that_is_no_log_is_refused(world, body):
    assert world.post(PATH, json=body).status_code == 422


@pytest.mark.parametrize("method", ["get", "post"])
def test_only_admins_may_call_it(guarded, method):
    call = getattr(guarded, method)
    body = {"json": {"records": [RECORD]}} if method == "post" else {}
    worker = bearer(tokens.for_task_instance(SECRET, TI))
    assert call(PATH, **body).status_code == 401
    assert call(PATH, headers=worker, **body).status_code in (401, 403)
    assert call(PATH, headers=admin(), **body).status_code in (200, 204)
