"""Attempts in Airflow 3.4: what a former one may still do, what it keeps, and its number."""

import pytest

from tests.support.shop import EARLIER, MANUAL, TI, UNKNOWN, USE, success

OLD = {"Airflow-API-Version": "2026-06-30"}
NIL = "00000000-0000-0000-0000-000000000000"
ARCHIVED = "Task Instance not found in the working set; its attempt has been archived"
IN_HISTORY = "Task Instance not found, it may have been moved to the Task Instance History table"
RETRY = {"state": "up_for_retry", "end_date": "2026-02-01T12:45:30Z"}
TASK = f"/api/v2/dags/shop/dagRuns/{MANUAL}/taskInstances/r"
XCOM = f"/execution/xcoms/shop/{MANUAL}/r/k"
ASSET = "/execution/store/asset/by-name"
START = {
    "state": "running",
    "hostname": "h",
    "unixname": "u",
    "pid": 4,
    "start_date": "2026-02-01T12:40:00Z",
}
WRITES = [
    ("PUT", f"/execution/store/ti/{TI}/k", {"value": 1}),
    ("PUT", f"/execution/store/ti/{TI}/k", {"value": None}),
    ("DELETE", f"/execution/store/ti/{TI}/k", None),
    ("DELETE", f"/execution/store/ti/{TI}", None),
    ("PUT", f"{ASSET}/value?name=orders&key=k", {"value": 1}),
    ("PUT", f"{ASSET}/value?name=nope&key=k", {"value": 1}),
    ("DELETE", f"{ASSET}/value?name=orders&key=k", None),
    ("DELETE", f"{ASSET}/clear?name=orders", None),
    ("PATCH", f"/execution/task-instances/{TI}/run", START),
    ("PUT", f"/execution/task-instances/{TI}/rtif", {"a": 1}),
    ("PATCH", f"/execution/task-instances/{TI}/rendered-map-index", "x"),
    ("PATCH", f"/execution/task-instances/{TI}/skip-downstream", {"tasks": ["use"]}),
    ("PATCH", f"/execution/task-instances/{TI}/dag-run-note", {"note": "n"}),
    ("POST", XCOM, 1),
    ("DELETE", XCOM, None),
    ("PUT", "/execution/variables/v", {"val": "1"}),
    ("DELETE", "/execution/variables/v", None),
]


@pytest.fixture
def token(app_of_3_4):
    """Makes the header of a task instance's token."""
    from state.model import tokens

    def header(ti_id):
        claims = {"sub": ti_id}
        lifetime = tokens.EXECUTION_LIFETIME
        made = tokens.make("s" * 64, tokens.EXECUTION_AUDIENCE, claims, lifetime)
        return {"Authorization": f"Bearer {made}"}

    return header


@pytest.fixture
def retried(shop):
    """The client after the task instance ``TI`` was up for a retry."""
    answer = shop.patch(f"/execution/task-instances/{TI}/state", json=RETRY)
    assert answer.status_code == 204
    return shop


def current(client):
    return client.get(TASK).json


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_former_attempt_changes_nothing(retried, token, method, path, body):
    answer = retried.open(path, method=method, json=body, headers=token(TI))
    assert answer.status_code == 410
    assert answer.json["detail"] == {"reason": "not_found", "message": ARCHIVED}


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_an_unknown_attempt_is_not_found_before_all_else(shop, token, method, path, body):
    path = path.replace(TI, UNKNOWN)
    answer = shop.open(path, method=method, json=body, headers=token(UNKNOWN))
    assert answer.status_code == 404
    assert answer.json["detail"] == {"reason": "not_found", "message": "Task Instance not found"}


def test_neither_is_one_with_the_nil_uuid(shop, token):
    answer = shop.put(f"{ASSET}/value?name=orders&key=k", json={"value": 1}, headers=token(NIL))
    assert answer.status_code == 404


def test_a_body_that_is_no_json_comes_first(retried, token):
    headers = {**token(TI), "Content-Type": "application/json"}
    answer = retried.put(f"/execution/store/ti/{TI}/k", data="{", headers=headers)
    assert answer.status_code == 422


def test_a_client_of_3_3_gets_the_answers_of_3_3(retried, token):
    headers = {**token(TI), **OLD}
    path = f"/execution/store/ti/{TI}/k"
    assert retried.put(path, json={"value": None}, headers=headers).status_code == 422
    answer = retried.put(path, json={"value": 1}, headers=headers)
    assert answer.status_code == 404
    assert answer.json["detail"]["message"] == f"Task instance {TI} not found"
    assert retried.delete(f"{ASSET}/clear?name=orders", headers=headers).status_code == 204


def test_a_former_attempt_may_read(retried, token):
    headers = token(TI)
    assert retried.get(f"{ASSET}/value?name=orders&key=k", headers=headers).status_code == 404
    assert retried.get(f"/execution/store/ti/{UNKNOWN}/k", headers=headers).status_code == 404
    path = "/execution/asset-events/by-asset?name=orders&uri=s3://b/orders"
    assert retried.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(("headers", "status"), [({}, 410), (OLD, 404)])
def test_its_report_of_a_state_is_refused_too(retried, headers, status):
    path = f"/execution/task-instances/{TI}/state"
    answer = retried.patch(path, json=success(), headers=headers)
    assert answer.status_code == status
    message = {410: IN_HISTORY, 404: "Task Instance not found"}[status]
    assert answer.json["detail"]["message"] == message


def test_a_caller_without_a_token_is_no_attempt(shop):
    answer = shop.put(f"{ASSET}/value?name=orders&key=k", json={"value": 1})
    assert answer.status_code == 204


def test_without_a_secret_its_id_still_reads_its_keys(shop):
    path = f"/execution/store/ti/{TI}/k"
    assert shop.put(path, json={"value": 1}).status_code == 204
    assert shop.patch(f"/execution/task-instances/{TI}/state", json=RETRY).status_code == 204
    assert shop.get(path).json == {"value": 1}


# ---------------------------------------------------------------- the number


def test_an_attempt_that_is_up_for_retry_has_the_next_number(retried):
    facts = current(retried)
    assert facts["state"] == "up_for_retry"
    assert facts["try_number"] == 2


def test_it_stands_among_the_tries(retried):
    tries = retried.get(f"{TASK}/tries").json["task_instances"]
    assert [(each["try_number"], each["state"]) for each in tries] == [
        (1, "failed"),
        (2, "up_for_retry"),
    ]


def test_the_next_attempt_is_the_one_that_waits(retried):
    body = {"dag_id": "shop", "run_id": MANUAL, "task_id": "r"}
    made = retried.post("/_stateroom/task-instances", json=body).json
    assert made["id"] == current(retried)["id"]
    assert made["try_number"] == 2


def test_after_an_end_the_next_attempt_is_a_new_one(shop):
    body = {"dag_id": "shop", "run_id": "scheduled__2026-01-30", "task_id": "r"}
    made = shop.post("/_stateroom/task-instances", json=body).json
    assert made["id"] != EARLIER
    assert made["try_number"] == 2


# ---------------------------------------------------------------- XComs


@pytest.fixture
def pushed(shop):
    """The client with an XCom of ``TI``."""
    assert shop.post(XCOM, json="mine").status_code == 201
    return shop


def test_a_retry_does_not_find_the_xcoms_of_the_attempt_before(pushed):
    pushed.patch(f"/execution/task-instances/{TI}/state", json=RETRY)
    assert pushed.get(XCOM).status_code == 404


def test_the_journal_tells_where_they_went(pushed):
    pushed.patch(f"/execution/task-instances/{TI}/state", json=RETRY)
    state, deleted = pushed.get("/_stateroom/journal?newest=true&limit=2").json["events"]
    assert state["op"] == "state"
    assert deleted["op"] == "delete_xcom"
    assert deleted["key"] == "k"
    assert deleted["parent"] == state["seq"]


@pytest.mark.parametrize(("headers", "status"), [({}, 410), (OLD, 404)])
def test_a_former_attempt_cannot_read_its_own_xcom(retried, token, headers, status):
    answer = retried.get(XCOM, headers={**token(TI), **headers})
    assert answer.status_code == status


def test_what_a_former_attempt_of_3_3_pushes_is_not_the_retrys(retried, token):
    headers = {**token(TI), **OLD}
    assert retried.post(XCOM, json="late", headers=headers).status_code == 201
    assert retried.get(XCOM).status_code == 404
    assert retried.delete(XCOM, headers=headers).status_code == 200


@pytest.mark.parametrize("path", [XCOM.replace("/r/", "/x/"), XCOM.replace(MANUAL, "x")])
def test_an_xcom_of_an_unknown_task_instance_names_it(shop, path):
    answer = shop.post(path, json=1)
    assert answer.status_code == 404
    _, _, _, _, run_id, task_id, _ = path.split("/")
    message = f"Task Instance {task_id!r} not found in {run_id!r}"
    assert answer.json["detail"] == {"reason": "not_found", "message": message}


def test_the_keys_to_clear_are_those_of_the_attempt_alone(pushed):
    mapped = {"dag_id": "shop", "run_id": MANUAL, "task_id": "r", "map_index": 3}
    made = pushed.post("/_stateroom/task-instances", json=mapped)
    assert made.status_code == 201
    assert pushed.post(f"{XCOM.removesuffix('k')}other?map_index=3", json=1).status_code == 201
    started = pushed.patch(f"/execution/task-instances/{TI}/run", json=START)
    assert started.json["xcom_keys_to_clear"] == ["k"]


# ---------------------------------------------------------------- starts and ends

STOPPED = {"state": "server_terminated", "end_date": "2026-02-01T12:45:30Z"}


def in_state(client, ti_id, state):
    task = {"id": ti_id, "dag_id": "shop", "run_id": MANUAL, "task_id": "r", "state": state}
    assert client.put("/_stateroom/fixture", json={"task_instances": [task]}).status_code == 204


@pytest.mark.parametrize(
    ("process", "detail"),
    [
        ({"pid": 5}, {"reason": "running_elsewhere", "previous_state": "restarting"}),
        (
            {},
            {
                "reason": "invalid_state",
                "message": "TI was not in a state where it could be marked as running",
                "previous_state": "restarting",
            },
        ),
    ],
)
def test_a_task_instance_that_restarts_does_not_run_as_it_is(shop, process, detail):
    in_state(shop, TI, "restarting")
    answer = shop.patch(f"/execution/task-instances/{TI}/run", json={**START, **process})
    assert answer.status_code == 409
    assert answer.json["detail"] == detail


def stop(client, ti_id=TI, **process):
    body = {**STOPPED, **process}
    return client.patch(f"/execution/task-instances/{ti_id}/state", json=body)


def test_when_its_worker_has_ended_it_has_the_next_attempt(shop):
    in_state(shop, TI, "restarting")
    assert stop(shop, hostname="h", pid=4).status_code == 204
    facts = current(shop)
    assert facts["state"] is None
    assert facts["try_number"] == 2
    assert facts["max_tries"] == 1


@pytest.mark.parametrize(
    ("process", "reason"),
    [
        ({"hostname": "h", "pid": 4}, "invalid_state"),
        ({"hostname": "h", "pid": 5}, "running_elsewhere"),
        ({}, "running_elsewhere"),
    ],
)
def test_a_task_that_was_not_to_end_is_not_stopped(shop, process, reason):
    answer = stop(shop, **process)
    assert answer.status_code == 409
    assert answer.json["detail"] == {"reason": reason}


def test_the_stop_of_a_former_attempt_changes_nothing(retried):
    assert stop(retried, hostname="h", pid=4).status_code == 204
    assert current(retried)["state"] == "up_for_retry"


def test_the_stop_of_one_that_has_ended_changes_nothing(shop):
    in_state(shop, TI, "failed")
    assert stop(shop, hostname="h", pid=4).status_code == 204
    assert current(shop)["try_number"] == 1


def test_the_stop_of_an_unknown_one_is_not_found(shop):
    answer = stop(shop, UNKNOWN, hostname="h", pid=4)
    assert answer.status_code == 404
    assert answer.json["detail"] == {"reason": "not_found"}


def test_an_end_may_have_the_members_of_3_4(shop):
    report = {
        "state": "failed",
        "end_date": "2026-02-01T12:45:30Z",
        "retry_reason": "policy",
        "hostname": "h",
        "pid": 4,
        "loop_decision": {"stop": "yes", "reason": None},
    }
    assert shop.patch(f"/execution/task-instances/{TI}/state", json=report).status_code == 204


def test_a_decision_that_is_none_is_refused(shop):
    report = {**success(), "loop_decision": "stop"}
    answer = shop.patch(f"/execution/task-instances/{TI}/state", json=report)
    assert answer.status_code == 422
    assert ["body", "success", "loop_decision"] in [each["loc"] for each in answer.json["detail"]]


# ---------------------------------------------------------------- the note of the run

NOTE = f"/execution/task-instances/{USE}/dag-run-note"


def note_of(client):
    return client.get(f"/api/v2/dags/shop/dagRuns/{MANUAL}").json["note"]


def test_a_task_sets_the_note_of_its_run(shop):
    assert shop.patch(NOTE, json={"note": "from task"}).status_code == 204
    assert note_of(shop) == "from task"


@pytest.mark.parametrize(
    ("body", "note"), [({}, "old"), ({"note": None}, "old"), ({"note": ""}, None)]
)
def test_null_leaves_a_note_and_an_empty_text_removes_it(shop, body, note):
    assert shop.patch(NOTE, json={"note": "old"}).status_code == 204
    assert shop.patch(NOTE, json=body).status_code == 204
    assert note_of(shop) == note


def test_a_note_has_at_most_a_thousand_characters(shop):
    assert shop.patch(NOTE, json={"note": "x" * 1000}).status_code == 204
    answer = shop.patch(NOTE, json={"note": "x" * 1001})
    assert answer.json["detail"][0]["type"] == "string_too_long"


def test_a_client_of_3_3_has_no_such_route(shop, client):
    assert shop.patch(NOTE, json={"note": "n"}, headers=OLD).status_code == 404
    assert client.patch(NOTE, json={"note": "n"}).status_code == 404
