"""Members and answers that Airflow 3.4 has besides (recorded from 3.4.0b2)."""

import pytest

from state.model import tokens
from tests.support.shop import MANUAL, ORDERS, TI, UNDATED_TI, USE
from tests.support.world import SECRET, bearer

RUNS = "/api/v2/dags/shop/dagRuns"
TASK = f"{RUNS}/{MANUAL}/taskInstances/r"
START = {
    "state": "running",
    "hostname": "h",
    "unixname": "u",
    "pid": 4,
    "start_date": "2026-02-01T12:40:00Z",
}


def run(client, ti_id, **headers):
    path = f"/execution/task-instances/{ti_id}/run"
    return client.patch(path, json=START, headers=headers)


def test_a_dag_run_has_a_team(shop):
    assert shop.get(f"{RUNS}/{MANUAL}").json["team_name"] is None


def test_a_task_instance_may_be_in_a_loop(shop):
    facts = shop.get(TASK).json
    assert facts["in_loop"] is False
    assert {facts[name] for name in ("loop_iteration", "state_reason", "team_name")} == {None}


def test_a_try_has_its_id_and_its_note(shop):
    (attempt,) = shop.get(f"{TASK}/tries").json["task_instances"]
    assert attempt["id"] == TI
    assert attempt["note"] is None
    assert "in_loop" not in attempt


@pytest.mark.parametrize(("dag_id", "state"), [("shop", "active"), ("paused", "paused")])
def test_a_dag_tells_whether_it_starts_runs(shop, dag_id, state):
    dags = {dag["dag_id"]: dag for dag in shop.get("/api/v2/dags").json["dags"]}
    assert dags[dag_id]["scheduling_state"] == state


def test_a_run_context_tells_of_teams(shop):
    assert run(shop, USE).json["multi_team"] is False


def test_a_run_context_tells_when_a_sensor_began_to_wait(shop):
    assert run(shop, TI).json["first_task_reschedule_start_date"] == "2026-02-01T12:31:00Z"


def test_a_run_context_for_a_client_of_3_3_is_as_there(shop):
    context = run(shop, TI, **{"Airflow-API-Version": "2026-06-30"}).json
    assert not context.keys() & {"multi_team", "first_task_reschedule_start_date"}


def test_an_event_may_be_consumed_by_a_run_that_waits(shop):
    path = "/execution/asset-events/by-asset?name=customers&uri=s3://b/customers"
    (event,) = shop.get(path).json["asset_events"]
    assert event["created_dagruns"][0]["start_date"] is None


def test_a_connection_may_have_a_slash_in_its_id(shop):
    connection = {"conn_id": "a/b", "conn_type": "fs"}
    assert shop.put("/_stateroom/fixture", json={"connections": [connection]}).status_code == 204
    assert shop.get("/execution/connections/a/b").json["conn_id"] == "a/b"
    problems = shop.get("/execution/connections/").json["detail"]
    assert [problem["type"] for problem in problems] == ["string_too_short"] * 2


def scoped(scope):
    claims = {"sub": TI, "scope": scope}
    token = tokens.make(SECRET, tokens.EXECUTION_AUDIENCE, claims, tokens.EXECUTION_LIFETIME)
    return bearer(token)


def test_a_token_may_be_a_callbacks(guarded):
    answer = guarded.get(f"/execution/assets/by-name?{ORDERS}", headers=scoped("callback"))
    assert answer.status_code == 403
    message = "Token type 'callback' not allowed for this endpoint. Allowed types: execution"
    assert answer.json["detail"] == message


def test_the_first_token_starts_a_task_and_a_callbacks_does_not(guarded):
    path = f"/execution/task-instances/{UNDATED_TI}/run"
    answer = guarded.patch(path, json=START, headers=scoped("callback"))
    assert answer.json["detail"].endswith("Allowed types: execution, workload")


def test_the_scopes_are_named_in_the_message(guarded):
    answer = guarded.get("/execution/variables/v", headers=scoped("king"))
    assert "Input should be 'execution', 'workload' or 'callback'" in answer.json["detail"]


ADDED = [
    ("GET", "/api/v2/dagBundles"),
    ("GET", "/api/v2/backfills/1/dag_runs"),
    ("PATCH", "/execution/callbacks/x/run"),
]


@pytest.mark.parametrize(("method", "path"), ADDED)
def test_a_route_that_3_4_added_is_named(shop, client, method, path):
    answer = shop.open(path, method=method)
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "not_emulated"
    assert client.open(path, method=method).status_code in (404, 405)


XCOMS = f"/execution/xcoms/shop/{MANUAL}/r"


def test_only_a_return_value_has_a_length(shop):
    answer = shop.post(f"{XCOMS}/k?mapped_length=2", json=[1, 2])
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "invalid_mapped_length_key"
    assert shop.post(f"{XCOMS}/return_value?mapped_length=2", json=[1, 2]).status_code == 201


def test_the_keys_of_loops_are_reserved(shop, client):
    answer = shop.post(f"{XCOMS}/_airflow_loop_x", json=1)
    assert answer.status_code == 400
    assert answer.json["detail"] == "Reserved loop XCom key"


def test_the_description_has_the_reports_of_3_4(shop, client):
    for asked, expected in ((shop, True), (client, False)):
        schemas = asked.get("/openapi.json").json["components"]["schemas"]
        assert ("ExecutionTITerminalStateOf34" in schemas) is expected


def test_the_description_says_that_an_attempt_may_be_archived(shop, client):
    for asked, expected in ((shop, True), (client, False)):
        paths = asked.get("/openapi.json").json["paths"]
        described = paths["/execution/variables/{variable_key}"]
        assert ("410" in described["put"]["responses"]) is expected
        assert "410" not in described["get"]["responses"]
