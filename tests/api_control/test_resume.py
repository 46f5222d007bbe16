"""Resuming a deferred task instance with what its trigger yielded."""

import pytest

from tests.support.shop import DEFERRED
from tests.support.world import EXTRACT, TI

STATE = f"/execution/task-instances/{TI}/state"
RESUME = f"/_stateroom/task-instances/{TI}/resume"
STARTED = "2026-01-01T00:00:00Z"


@pytest.fixture
def deferred(world):
    assert world.patch(STATE, json=DEFERRED).status_code == 204
    return world


def row(client):
    (found,) = [
        item
        for item in client.get("/_stateroom/fixture").json["task_instances"]
        if item["id"] == TI
    ]
    return found


def start(client):
    body = {
        "state": "running",
        "hostname": "h",
        "unixname": "u",
        "pid": 1,
        "start_date": STARTED,
    }
    return client.patch(f"/execution/task-instances/{TI}/run", json=body).json


def last_event(client):
    return client.get("/_stateroom/journal?newest=1").json["events"][-1]


def test_the_export_has_the_trigger(deferred):
    trigger = row(deferred)["trigger"]
    assert trigger["classpath"] == "jobs.JobTrigger"
    assert trigger["kwargs"] == {"job_id": 7}
    assert trigger["timeout"] > trigger["created_date"]


def test_an_import_keeps_the_trigger(deferred):
    document = deferred.get("/_stateroom/fixture").json
    deferred.post("/_stateroom/reset?to=empty")
    assert deferred.put("/_stateroom/fixture?strict=true", json=document).status_code == 204
    assert deferred.get("/_stateroom/fixture").json == document


def test_a_trigger_of_a_fixture_gets_an_id(world):
    trigger = {"classpath": "jobs.JobTrigger"}
    item = {"id": TI, **EXTRACT, "state": "deferred", "trigger": trigger}
    answer = world.put("/_stateroom/fixture", json={"task_instances": [item]})
    assert answer.status_code == 204
    assert row(world)["trigger"]["id"] == 1
    path = f"/api/v2/dags/etl/dagRuns/{EXTRACT['run_id']}/taskInstances/extract"
    assert world.get(path).json["trigger"]["classpath"] == "jobs.JobTrigger"


@pytest.mark.parametrize("event", [{"status": "done"}, "done", 7, None])
def test_the_event_comes_with_the_next_run(deferred, event):
    assert deferred.post(RESUME, json={"event": event}).status_code == 200
    assert row(deferred)["state"] == "queued"
    assert "trigger" not in row(deferred)
    context = start(deferred)
    assert context["next_method"] == "execute_complete"
    assert context["next_kwargs"] == {"mark": 1, "event": event}


def test_the_journal_says_that_its_trigger_fired(deferred):
    deferred.post(RESUME, json={"event": 1})
    event = last_event(deferred)
    assert event["op"] == "state"
    assert event["note"] == "deferred → queued, with an event of its trigger"
    assert event["scope"]["task_id"] == "extract"


def test_a_failed_trigger_fails_the_next_run(deferred):
    failure = {"error": "Trigger failure", "traceback": ["ValueError: no\n"]}
    assert deferred.post(RESUME, json=failure).status_code == 200
    assert last_event(deferred)["note"] == "deferred → queued, to fail: Trigger failure"
    context = start(deferred)
    assert context["next_method"] == "__fail__"
    assert context["next_kwargs"] == failure


def test_a_timeout_has_no_traceback(deferred):
    assert deferred.post(RESUME, json={"error": "Trigger timeout"}).status_code == 200
    assert start(deferred)["next_kwargs"] == {"error": "Trigger timeout"}


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
def test_a_trigger_may_end_the_task(deferred, state):
    assert deferred.post(RESUME, json={"state": state}).status_code == 200
    assert row(deferred)["state"] == state
    assert row(deferred)["end_date"] is not None
    assert "next_method" not in row(deferred)
    note = f"deferred → {state}, by its trigger"
    assert last_event(deferred)["note"] == note


def test_one_that_is_not_deferred_is_refused(world):
    answer = world.post(RESUME, json={"event": 1})
    assert answer.status_code == 409
    message = "only a deferred task instance can be resumed; this one is running"
    assert answer.json["detail"]["message"] == message


def test_an_unknown_id_is_not_found(world):
    answer = world.post(RESUME.replace(TI, TI.replace("001", "009")), json={"event": 1})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": 1, "state": "success"},
        {"state": "running"},
        {"traceback": ["x"]},
        {"event": 1, "traceback": ["x"]},
        {"error": None},
        {"event": 1, "xcoms": {"return_value": 1}},
    ],
)
def test_exactly_one_of_its_members_is_wanted(deferred, body):
    assert deferred.post(RESUME, json=body).status_code == 422
    assert row(deferred)["state"] == "deferred"


def test_a_timeout_beyond_the_calendar_fails_the_task(world):
    world.patch(STATE, json={**DEFERRED, "trigger_timeout": "P999999999D"})
    assert row(world)["state"] == "failed"


XCOM = f"/execution/xcoms/etl/{EXTRACT['run_id']}/extract/return_value"


def test_a_trigger_that_ends_the_task_pushes(deferred):
    body = {"state": "success", "xcoms": {"return_value": {"rows": 7}}}
    assert deferred.post(RESUME, json=body).status_code == 200
    events = deferred.get("/_stateroom/journal?newest=1&limit=2").json["events"]
    assert [event["op"] for event in events] == ["state", "set_xcom"]
    assert deferred.get(XCOM).json["value"] == {"rows": 7}


def test_a_trigger_that_fails_the_task_lets_it_retry(world):
    item = {"id": TI, **EXTRACT, "max_tries": 1}
    world.put("/_stateroom/fixture", json={"task_instances": [item]})
    world.patch(STATE, json=DEFERRED)
    body = {"state": "failed", "xcoms": {"return_value": 7}}
    assert world.post(RESUME, json=body).json == {"state": "up_for_retry"}
    document = world.get("/_stateroom/fixture").json
    attempts = [item for item in document["task_instances"] if item["task_id"] == "extract"]
    assert [attempt["state"] for attempt in attempts] == ["up_for_retry"]
    assert attempts[0]["id"] != TI
    assert "xcoms" not in document
    assert world.post(RESUME, json={"event": 1}).status_code == 410
