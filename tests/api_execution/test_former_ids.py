"""What the id of a former attempt still reaches, while its successor waits and afterwards."""

import pytest

from state.model import tokens
from tests.support.world import SECRET, TASK_KEY, TI, WORLD, admin, bearer

NEXT = "019b0000-0000-7000-8000-0000000000aa"
UNKNOWN = "019b0000-0000-7000-8000-0000000000ff"
CALLS = f"/execution/task-instances/{TI}"
WORKER = {"hostname": "h", "pid": 7}
STARTED = {**WORKER, "state": "running", "unixname": "u", "start_date": "2026-02-01T12:00:00Z"}
ENDED = {"state": "up_for_retry", "end_date": "2026-02-01T12:00:00Z"}
NOT_FOUND = {"detail": "Task Instance not found"}


def queue(client, ti_id=NEXT, state="queued"):
    """Let the scheduler's part be done: the next attempt has an id, and may run."""
    attempt = {**WORLD["task_instances"][0], "id": ti_id, "state": state, "try_number": 2}
    answer = client.put("/_stateroom/fixture", json={"task_instances": [attempt]})
    assert answer.status_code == 204


@pytest.fixture
def retried(world):
    """An open service whose task instance has ended as up_for_retry."""
    assert world.patch(f"{CALLS}/state", json=ENDED).status_code == 204
    return world


def test_the_state_of_an_attempt_up_for_retry_is_readable(retried):
    assert retried.get(TASK_KEY).json == {"value": "job-42"}


def test_its_reading_is_its_own_in_the_journal(retried):
    retried.get(TASK_KEY)
    read = retried.get("/_stateroom/journal?newest=1").json["events"][-1]
    assert read["op"] == "get"
    assert read["status"] == 200
    assert read["actor"]["ti_id"] == TI


def test_an_explanation_agrees_with_the_reading(retried):
    query = {"ti_id": TI, "key": "job_id"}
    assert retried.get("/_stateroom/explain", query_string=query).json["found"] is True


@pytest.mark.parametrize("state", ["queued", "running"])
def test_it_is_not_readable_once_the_next_one_is_there(retried, state):
    queue(retried, state=state)
    assert retried.get(TASK_KEY).status_code == 404


def test_an_attempt_before_it_is_not_readable(world):
    queue(world, state="running")
    ended = world.patch(f"/execution/task-instances/{NEXT}/state", json=ENDED)
    assert ended.status_code == 204
    assert world.get(TASK_KEY).status_code == 404
    assert world.get(TASK_KEY.replace(TI, NEXT)).json == {"value": "job-42"}


def test_the_attempt_to_be_retried_writes_nothing(retried):
    assert retried.put(TASK_KEY, json={"value": "late"}).status_code == 404
    assert retried.delete(TASK_KEY).status_code == 404
    assert retried.delete(f"/execution/store/ti/{TI}").status_code == 404
    assert retried.get(TASK_KEY).json == {"value": "job-42"}


def test_the_attempt_to_be_retried_does_not_run(retried):
    assert retried.patch(f"{CALLS}/run", json=STARTED).status_code == 404
    assert retried.put(f"{CALLS}/heartbeat", json=WORKER).status_code == 410
    assert retried.patch(f"{CALLS}/state", json=ENDED).status_code == 404


def test_with_a_secret_it_is_not_readable_as_in_airflow(guarded):
    token = bearer(tokens.for_task_instance(SECRET, TI))
    assert guarded.patch(f"{CALLS}/state", json=ENDED, headers=token).status_code == 204
    assert guarded.get(TASK_KEY, headers=token).status_code == 404
    explained = guarded.get(
        "/_stateroom/explain", query_string={"ti_id": TI, "key": "job_id"}, headers=admin()
    )
    assert explained.json["found"] is False


# what Airflow 3.3.2 answers (tests/wire/run.json: rendered.label, heartbeat.*, state.up_for_retry)


@pytest.mark.parametrize("ti_id", [TI, UNKNOWN])
def test_a_label_for_an_id_that_is_not_current_is_404(retried, ti_id):
    path = f"/execution/task-instances/{ti_id}/rendered-map-index"
    answer = retried.patch(path, json="a label")
    assert answer.status_code == 404
    assert answer.json == NOT_FOUND


def test_a_former_attempt_waits_for_no_reschedule(world):
    rescheduled = {**ENDED, "state": "up_for_reschedule", "reschedule_date": ENDED["end_date"]}
    path = f"/execution/task-reschedules/{TI}/start_date"
    assert world.patch(f"{CALLS}/state", json=rescheduled).status_code == 204
    assert world.get(path).json is not None
    queue(world)
    assert world.get(path).json is None
