"""What tasks ask about task instances: counts, states, previous ones, inlets and outlets."""

import pytest

from tests.support.shop import EARLIER, FIRST, MAKE, MANUAL, TI, UNDATED_TI, UNKNOWN, USE

OWN = "/execution/task-instances"
SHOP_RUN = f"dag_id=shop&run_ids={MANUAL}"


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("dag_id=shop", 8),
        (SHOP_RUN, 6),
        ("dag_id=nope", 0),
        (f"{SHOP_RUN}&run_ids={FIRST}", 7),
        (f"{SHOP_RUN}&states=running", 2),
        (f"{SHOP_RUN}&states=null", 1),
        (f"{SHOP_RUN}&states=null&states=queued", 3),
        (f"{SHOP_RUN}&states=nonsense", 0),
        ("dag_id=shop&task_ids=r&task_ids=pm", 4),
        ("dag_id=shop&task_ids=pm&map_index=1", 1),
        ("dag_id=shop&task_ids=pm&map_index=2", 0),
        ("dag_id=shop&logical_dates=2026-01-30T01:00:00%2B01:00", 1),
        ("dag_id=shop&task_group_id=grp", 1),
        (f"dag_id=shop&task_group_id=grp&run_ids={FIRST}", 0),
    ],
)
def test_task_instances_are_counted(shop, query, number):
    assert shop.get(f"{OWN}/count?{query}").json == number


@pytest.mark.parametrize("path", ["count", "states"])
@pytest.mark.parametrize(
    ("dag_id", "group", "message"),
    [
        ("shop", "nope", "Task group nope not found in DAG shop"),
        ("bare", "grp", "The Dag with ID: `bare` was not found"),
        ("nope", "grp", "The Dag with ID: `nope` was not found"),
    ],
)
def test_a_task_group_that_a_dag_does_not_have(shop, path, dag_id, group, message):
    answer = shop.get(f"{OWN}/{path}?dag_id={dag_id}&task_group_id={group}")
    assert answer.status_code == 404
    assert answer.json == {"detail": {"reason": "not_found", "message": message}}


@pytest.mark.parametrize("path", ["count", "states"])
@pytest.mark.parametrize(
    ("query", "loc", "kind"),
    [
        ("", ["query", "dag_id"], "missing"),
        ("dag_id=d&map_index=x", ["query", "map_index"], "int_parsing"),
        (
            "dag_id=d&logical_dates=2026-01-30T00:00:00Z&logical_dates=x",
            ["query", "logical_dates", 1],
            "datetime_from_date_parsing",
        ),
    ],
)
def test_an_invalid_filter_is_told_with_its_place(shop, path, query, loc, kind):
    answer = shop.get(f"{OWN}/{path}?{query}")
    assert answer.status_code == 422
    assert [(item["loc"], item["type"]) for item in answer.json["detail"]] == [(loc, kind)]


def test_states_are_by_run_and_task_with_map_index(shop):
    states = shop.get(f"{OWN}/states?{SHOP_RUN}&task_ids=pm&task_ids=r&task_ids=grp.g1").json
    assert states == {"task_states": {MANUAL: {"r": "running", "grp.g1": None, "pm_1": "success"}}}


def test_states_of_a_group_leave_other_tasks_out(shop):
    answer = shop.get(f"{OWN}/states?{SHOP_RUN}&task_group_id=grp").json
    assert answer["task_states"] == {MANUAL: {"grp.g1": None}}


def test_states_of_a_group_and_of_tasks_are_both_sent(shop):
    answer = shop.get(f"{OWN}/states?{SHOP_RUN}&task_group_id=grp&task_ids=r").json
    assert answer["task_states"] == {MANUAL: {"r": "running", "grp.g1": None}}


def test_a_superseded_attempt_is_not_counted(shop):
    retry = {"state": "up_for_retry", "end_date": "2026-02-01T12:40:00Z"}
    assert shop.patch(f"{OWN}/{TI}/state", json=retry).status_code == 204
    assert shop.get(f"{OWN}/count?{SHOP_RUN}&task_ids=r").json == 1


def test_the_previous_task_instance_is_the_last_before_a_date(shop):
    answer = shop.get(f"{OWN}/previous/shop/r?logical_date=2026-02-01T12:30:00Z")
    assert answer.json == {
        "task_id": "r",
        "dag_id": "shop",
        "run_id": FIRST,
        "logical_date": "2026-01-30T00:00:00Z",
        "start_date": "2026-01-31T00:00:10Z",
        "end_date": "2026-01-31T00:01:00.125000Z",
        "state": "success",
        "try_number": 1,
        "map_index": -1,
        "duration": 50.125,
    }


@pytest.mark.parametrize(
    ("path", "run_id"),
    [
        ("shop/r", MANUAL),
        ("shop/r?state=success", FIRST),
        ("shop/pm?map_index=1", MANUAL),
    ],
)
def test_the_previous_task_instance_by_other_filters(shop, path, run_id):
    assert shop.get(f"{OWN}/previous/{path}").json["run_id"] == run_id


@pytest.mark.parametrize(
    "path", ["shop/pm", "shop/nope", "nope/r", "shop/r?logical_date=2026-01-30T00:00:00Z"]
)
def test_no_previous_task_instance_is_null(shop, path):
    answer = shop.get(f"{OWN}/previous/{path}")
    assert answer.status_code == 200
    assert answer.json is None


def test_an_invalid_state_lists_those_that_there_are(shop):
    answer = shop.get(f"{OWN}/previous/shop/r?state=x")
    assert answer.status_code == 422
    assert "'removed', 'scheduled', 'queued'" in answer.json["detail"][0]["msg"]


def test_breadcrumbs_are_the_task_instances_that_have_ended(shop):
    answer = shop.get(f"{OWN}/breadcrumbs?dag_id=shop&run_id={MANUAL}")
    crumb = {"task_id": "pm", "map_index": 1, "state": "success", "operator": "EmptyOperator"}
    assert answer.json == {"breadcrumbs": [{**crumb, "duration": 50.125}]}


def test_a_skipped_task_instance_has_no_duration(shop):
    skip = {"tasks": ["use"]}
    assert shop.patch(f"{OWN}/{TI}/skip-downstream", json=skip).status_code == 204
    crumbs = shop.get(f"{OWN}/breadcrumbs?dag_id=shop&run_id={MANUAL}").json["breadcrumbs"]
    durations = {crumb["task_id"]: crumb["duration"] for crumb in crumbs}
    assert durations == {"pm": 50.125, "use": None}


def test_the_previous_successful_run_has_interval_and_dates(shop):
    assert shop.get(f"{OWN}/{TI}/previous-successful-dagrun").json == {
        "data_interval_start": "2026-01-30T00:00:00Z",
        "data_interval_end": "2026-01-31T00:00:00Z",
        "start_date": "2026-01-31T00:00:01.500000Z",
        "end_date": "2026-01-31T00:02:00Z",
    }


@pytest.mark.parametrize("ti_id", [EARLIER, UNDATED_TI, UNKNOWN])
def test_without_a_previous_successful_run_all_is_null(shop, ti_id):
    answer = shop.get(f"{OWN}/{ti_id}/previous-successful-dagrun")
    assert answer.status_code == 200
    assert set(answer.json.values()) == {None}


@pytest.mark.parametrize(
    ("ti_id", "inactive"),
    [
        (MAKE, [{"name": "retired", "uri": "s3://b/retired", "type": "Asset"}]),
        (USE, [{"name": "new", "uri": "s3://new", "type": "Asset"}]),
        (TI, []),
    ],
)
def test_inlets_and_outlets_that_are_not_active(shop, ti_id, inactive):
    answer = shop.get(f"{OWN}/{ti_id}/validate-inlets-and-outlets")
    assert answer.json == {"inactive_assets": inactive}


def test_inlets_of_an_unknown_task_instance(shop):
    answer = shop.get(f"{OWN}/{UNKNOWN}/validate-inlets-and-outlets")
    assert answer.status_code == 404
    assert answer.json["detail"]["message"] == "Task Instance not found"
