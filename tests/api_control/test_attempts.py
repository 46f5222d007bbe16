"""The Control API's facts of an attempt, and the end of one whose worker is gone."""

import pytest

ATTEMPT = "/_stateroom/task-instances"
FIXTURE = "/_stateroom/fixture"
SUBMIT = {"dag_id": "etl", "run_id": "r", "task_id": "submit", "map_index": -1}
UNKNOWN = "019b0000-0000-7000-8000-0000000000ff"


def made(client, **facts):
    """The id of a new attempt with these facts."""
    ti_id = client.post(ATTEMPT, json=SUBMIT).json["id"]
    row = {**SUBMIT, "id": ti_id, **facts}
    assert client.put(FIXTURE, json={"task_instances": [row]}).status_code == 204
    return ti_id


def facts_of(client, ti_id):
    answer = client.get(f"{ATTEMPT}/{ti_id}")
    assert answer.status_code == 200
    return answer.json


def time_out(client, ti_id):
    return client.post(f"{ATTEMPT}/{ti_id}/heartbeat-timeout")


def current(client):
    return client.get(ATTEMPT, query_string=SUBMIT).json


def test_an_attempt_has_its_facts(client):
    ti_id = made(client, state="queued", max_tries=2)
    assert facts_of(client, ti_id) == {
        **SUBMIT,
        "id": ti_id,
        "try_number": 1,
        "max_tries": 2,
        "state": "queued",
        "is_current": True,
        "trigger": None,
    }


def test_a_former_attempt_has_its_facts_too(client):
    former = made(client, state="failed")
    client.post(ATTEMPT, json=SUBMIT)
    facts = facts_of(client, former)
    assert facts["state"] == "failed"
    assert not facts["is_current"]


def test_the_current_attempt_has_the_same_facts_and_a_token(client):
    ti_id = made(client, max_tries=3)
    facts = current(client)
    assert facts.pop("token")
    assert facts == facts_of(client, ti_id)


def test_a_deferred_attempt_has_its_trigger(client):
    trigger = {
        "classpath": "a.B",
        "kwargs": {"seconds": 3},
        "created_date": "2026-01-01T00:00:00Z",
        "timeout": "2026-01-01T00:00:07Z",
    }
    ti_id = made(client, state="deferred", trigger=trigger)
    assert facts_of(client, ti_id)["trigger"] == {**trigger, "id": 1, "queue": None}


def test_an_unknown_attempt_is_not_found(client):
    assert client.get(f"{ATTEMPT}/{UNKNOWN}").status_code == 404
    assert time_out(client, UNKNOWN).status_code == 404


@pytest.mark.parametrize("state", ["running", "queued"])
def test_an_attempt_without_a_worker_fails(client, state):
    ti_id = made(client, state=state)
    assert time_out(client, ti_id).json == {"state": "failed"}
    assert facts_of(client, ti_id)["state"] == "failed"
    event = client.get(f"/_stateroom/journal?ti_id={ti_id}&op=state").json["events"][-1]
    assert event["note"] == f"{state} → failed: its worker sends no heartbeats any more"


def test_an_attempt_without_a_worker_is_retried(client):
    ti_id = made(client, state="running", max_tries=1, next_kwargs={"a": 1}, next_method="go_on")
    assert time_out(client, ti_id).json == {"state": "up_for_retry"}
    following = current(client)
    assert following["id"] != ti_id
    assert following["state"] == "up_for_retry"
    assert following["try_number"] == 1  # until the next attempt is queued
    assert client.put(f"/execution/store/ti/{ti_id}/k", json={"value": 1}).status_code == 404


def test_an_attempt_that_is_restarting_is_always_retried(client):
    ti_id = made(client, state="restarting")
    assert time_out(client, ti_id).json == {"state": "up_for_retry"}


@pytest.mark.parametrize("state", ["success", "deferred", "up_for_reschedule"])
def test_an_attempt_that_does_not_run_keeps_its_state(client, state):
    ti_id = made(client, state=state)
    assert time_out(client, ti_id).json == {"state": state}
    assert facts_of(client, ti_id)["state"] == state


def test_an_attempt_is_timed_out_once(client):
    ti_id = made(client, state="running", max_tries=1)
    time_out(client, ti_id)
    following = current(client)["id"]
    assert time_out(client, ti_id).json == {"state": "up_for_retry"}
    assert current(client)["id"] == following


def test_a_former_attempt_that_ran_keeps_its_state(client):
    former = made(client, state="running", max_tries=1)
    client.post(ATTEMPT, json=SUBMIT)
    assert time_out(client, former).json == {"state": "running"}


@pytest.fixture
def assets(client):
    """The names and uris of the assets that a query returns."""
    for name, uri in (("orders", "s3://orders"), ("days", "s3://days"), ("s3://x", "s3://x")):
        client.post("/_stateroom/assets", json={"name": name, "uri": uri})

    def found(**query):
        answer = client.get("/_stateroom/assets", query_string=query).json
        return [(asset["name"], asset["uri"]) for asset in answer["assets"]]

    return found


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name": "orders"}, ["orders"]),
        ({"uri": "s3://days"}, ["days"]),
        ({"name": "orders", "uri": "s3://days"}, ["orders", "days"]),
        ({"name": "s3://orders"}, []),
        ({}, []),
    ],
)
def test_assets_are_found_by_name_or_uri(assets, query, names):
    assert [name for name, _ in assets(**query)] == names


def test_an_asset_that_is_not_active_is_not_found(client, assets):
    row = {"id": 1, "name": "orders", "uri": "s3://orders", "active": False}
    client.put(FIXTURE, json={"assets": [row]})
    assert assets(name="orders") == []
