"""``clearTaskInstances`` as Airflow 3.4 has it: state is discarded unless it is to be kept."""

import pytest

from state.model import tokens
from tests.support.shop import EARLIER, FIRST, MANUAL, MAPPED, SECOND, TI, UNDATED
from tests.support.world import SECRET, bearer

PATH = "/api/v2/dags/shop/clearTaskInstances"
TASKS = "/api/v2/dags/shop/dagRuns/{}/taskInstances"
STORE = f"/execution/store/ti/{EARLIER}/k"
EVERY = {"dry_run": False, "only_failed": False}
OF_FIRST = {**EVERY, "dag_run_id": FIRST}


@pytest.fixture
def kept(shop):
    """The client with a key of the task instance ``EARLIER``, which has succeeded."""
    assert shop.put(STORE, json={"value": 1}).status_code == 204
    return shop


def cleared(client, **body):
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json["task_instances"]


def keys(client, run_id=FIRST, task_id="r"):
    path = f"{TASKS.format(run_id)}/{task_id}/state-store"
    return [entry["key"] for entry in client.get(path).json["task_state_store"]]


def test_a_task_instance_has_its_next_attempt(kept):
    (task,) = cleared(kept, **OF_FIRST)
    assert task["id"] != EARLIER
    assert task["state"] is None
    assert task["try_number"] == 2
    assert kept.get(f"{TASKS.format(FIRST)}/r").json == task


def test_its_state_is_discarded(kept):
    cleared(kept, **OF_FIRST)
    assert keys(kept) == []


def test_its_state_is_kept_if_that_is_said(kept):
    cleared(kept, **OF_FIRST, keep_task_state=True)
    assert keys(kept) == ["k"]


def test_the_journal_tells_why_a_key_is_gone(kept):
    cleared(kept, **OF_FIRST)
    state, deleted = kept.get("/_stateroom/journal?newest=true&limit=2").json["events"][-2:]
    assert state["note"] == "success → none: cleared"
    assert deleted["op"] == "delete"
    assert deleted["parent"] == state["seq"]


def test_without_more_it_is_a_dry_run_of_those_that_failed(kept):
    assert cleared(kept, dag_run_id=FIRST) == []
    (task,) = cleared(kept, dag_run_id=FIRST, only_failed=False)
    assert task["id"] == EARLIER
    assert keys(kept) == ["k"]


def test_one_that_runs_is_to_restart_under_its_id(shop):
    assert shop.put(f"/execution/store/ti/{TI}/k", json={"value": 1}).status_code == 204
    (task,) = cleared(shop, **EVERY, dag_run_id=MANUAL, task_ids=["r"])
    assert task["id"] == TI
    assert task["state"] == "restarting"
    assert keys(shop, MANUAL) == []


def test_one_that_runs_may_be_left_alone(shop):
    body = {**EVERY, "dag_run_id": MANUAL, "task_ids": ["r"], "prevent_running_task": True}
    answer = shop.post(PATH, json=body)
    assert answer.status_code == 409
    assert shop.get(f"{TASKS.format(MANUAL)}/r").json["state"] == "running"


@pytest.mark.parametrize("task_ids", [[["pm", 1]], ["pm"]])
def test_a_mapped_one_is_named_with_or_without_its_index(shop, task_ids):
    (task,) = cleared(shop, **EVERY, dag_run_id=MANUAL, task_ids=task_ids)
    assert task["map_index"] == 1
    assert shop.get(f"{TASKS.format(MANUAL)}/pm/1").json["try_number"] == 2


def test_another_map_index_is_left(shop):
    assert cleared(shop, **EVERY, dag_run_id=MANUAL, task_ids=[["pm", 0]]) == []


def test_one_that_waits_for_a_retry_keeps_its_number(shop):
    report = {"state": "up_for_retry", "end_date": "2026-02-01T12:45:30Z"}
    assert shop.patch(f"/execution/task-instances/{TI}/state", json=report).status_code == 204
    (task,) = cleared(shop, **EVERY, dag_run_id=MANUAL, task_ids=["r"])
    assert task["state"] is None
    assert task["try_number"] == 2


def test_ids_name_exactly_those(shop):
    (task,) = cleared(shop, **EVERY, dag_run_id=MANUAL, task_instance_ids=[MAPPED])
    assert task["map_index"] == 1
    body = {**EVERY, "dag_run_id": MANUAL, "task_instance_ids": [MAPPED]}
    assert shop.post(PATH, json=body).status_code == 404


def test_only_those_that_run(shop):
    tasks = cleared(shop, dry_run=True, only_failed=False, only_running=True, dag_run_id=MANUAL)
    assert {task["state"] for task in tasks} == {"running"}


def test_runs_by_their_dates(shop):
    range_ = {"start_date": "2026-01-30T00:00:00Z", "end_date": "2026-01-31T00:00:00Z"}
    (task,) = cleared(shop, dry_run=True, only_failed=False, **range_)
    assert task["id"] == EARLIER


@pytest.mark.parametrize(
    ("member", "runs"), [("include_past", {FIRST}), ("include_future", {MANUAL})]
)
def test_runs_before_and_after_one(shop, member, runs):
    tasks = cleared(shop, dry_run=True, only_failed=False, dag_run_id=SECOND, **{member: True})
    assert {task["dag_run_id"] for task in tasks} == runs


def test_the_run_is_queued_again(kept):
    cleared(kept, **OF_FIRST)
    run = kept.get(f"/api/v2/dags/shop/dagRuns/{FIRST}").json
    assert run["state"] == "queued"
    assert run["start_date"] is None


def test_the_run_may_stay_as_it_is(kept):
    cleared(kept, **OF_FIRST, reset_dag_runs=False)
    assert kept.get(f"/api/v2/dags/shop/dagRuns/{FIRST}").json["state"] == "success"


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"dag_run_id": "x"}, 404, "Dag Run id x not found in dag shop"),
        (
            {"dag_run_id": UNDATED, "include_past": True},
            400,
            "Cannot use include_past or include_future with no logical_date"
            "(e.g. manually or asset-triggered).",
        ),
    ],
)
def test_a_run_that_cannot_be_meant(shop, body, status, detail):
    answer = shop.post(PATH, json=body)
    assert answer.status_code == status
    assert answer.json["detail"] == detail


def test_a_dag_that_is_unknown(shop):
    assert shop.post(PATH.replace("shop", "x"), json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"only_failed": True, "only_running": True}, "only_failed and only_running both"),
        ({"start_date": "2026-02-01T00:00:00Z", "dag_run_id": "x"}, "dag_run_id or start_date"),
        ({"end_date": "2026-02-01T00:00:00Z", "dag_run_id": "x"}, "dag_run_id or end_date"),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "end_date is sooner"),
        ({"task_ids": []}, "at least 1 element"),
        ({"task_ids": ["a"], "task_group_id": "g"}, "Only one of task_ids or task_group_id"),
        ({"task_instance_ids": [TI], "task_ids": ["a"]}, "cannot be combined"),
        ({"task_instance_ids": [TI]}, "requires one dag_run_id"),
        ({"whole_expansion_ids": [TI]}, "must be a subset of"),
    ],
)
def test_members_that_contradict_each_other(shop, body, message):
    answer = shop.post(PATH, json=body)
    assert answer.status_code == 422
    (problem,) = answer.json["detail"]
    assert problem["loc"] == ["body"]
    assert message in problem["msg"]


@pytest.mark.parametrize(("value", "problem"), [("x", "bool_parsing"), (None, "bool_type")])
def test_a_bad_word_for_what_to_keep(shop, value, problem):
    answer = shop.post(PATH, json={"keep_task_state": value})
    assert [each["type"] for each in answer.json["detail"]] == [problem]


@pytest.mark.parametrize("member", ["include_upstream", "include_downstream"])
def test_relatives_are_not_emulated(shop, member):
    answer = shop.post(PATH, json={member: True})
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "not_emulated"


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("user", 200)])
def test_who_may_clear(guarded, role, status):
    headers = bearer(tokens.for_role(SECRET, role))
    assert guarded.post(PATH, json={}, headers=headers).status_code == status


def test_in_3_3_it_is_not_emulated(client):
    assert client.post(PATH, json={}).json["detail"]["reason"] == "not_emulated"
