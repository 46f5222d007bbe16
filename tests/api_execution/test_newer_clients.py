"""Reports of clients of Airflow 3.4.0b2, which have members that 3.3 does not know."""

import pytest

from tests.support.world import TI

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
