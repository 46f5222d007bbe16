"""Reports of clients of Airflow 3.4.0b2, which have members that 3.3 does not know."""

import pytest

from tests.support.world import TI, WORLD

FIXTURE = "/_stateroom/fixture"
STATE = f"/execution/task-instances/{TI}/state"
ENDED = {"end_date": "2026-02-01T12:00:00Z", "rendered_map_index": None}
SUCCESS = {**ENDED, "state": "success", "task_outlets": [], "outlet_events": []}
REPORTS = [
    {**SUCCESS, "loop_decision": None},
    {**ENDED, "state": "failed", "retry_reason": None},
    {**ENDED, "state": "failed", "retry_reason": "no use"},
    {**ENDED, "state": "skipped", "retry_reason": None, "loop_decision": None},
    {**ENDED, "state": "up_for_retry", "retry_delay_seconds": None, "retry_reason": "later"},
]


def send(client, report, version):
    return client.patch(STATE, json=report, headers={"Airflow-API-Version": version})


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_of_a_newer_client_is_taken(world, report):
    assert send(world, report, "2026-10-30").status_code == 204


def test_its_members_are_unknown_from_clients_of_3_3(world):
    answer = send(world, REPORTS[0], "2026-06-30")
    assert answer.status_code == 422
    assert ["body", "success", "loop_decision"] in [item["loc"] for item in answer.json["detail"]]


@pytest.mark.parametrize("report", [{**SUCCESS, "x": 1}, {**SUCCESS, "retry_reason": None}])
def test_a_member_that_no_version_has_is_refused(world, report):
    assert send(world, report, "2026-10-30").status_code == 422


@pytest.mark.parametrize("report", [[], None, {"state": ["success"], "loop_decision": None}])
def test_a_report_of_another_shape_is_refused(world, report):
    assert send(world, report, "2026-10-30").status_code == 422


STOPPED = {**ENDED, "state": "server_terminated", "hostname": "h", "pid": 7, "retry_reason": None}


def test_a_worker_that_was_told_to_end_its_task_may_say_so(world):
    current = {**WORLD["task_instances"][0], "id": "019b0000-0000-7000-8000-0000000000aa"}
    assert world.put(FIXTURE, json={"task_instances": [current]}).status_code == 204
    assert send(world, STOPPED, "2026-10-30").status_code == 204
    event = world.get("/_stateroom/journal?newest=1").json["events"][-1]
    assert event["note"] == "its worker has ended the task, because a call was refused"
    assert event["actor"]["ti_id"] == TI


def test_of_an_unknown_task_instance_it_is_404(world):
    assert world.post("/_stateroom/reset").status_code == 204
    assert send(world, STOPPED, "2026-10-30").status_code == 404


def test_from_a_client_of_3_3_it_is_no_state(world):
    assert send(world, STOPPED, "2026-06-30").status_code == 422
