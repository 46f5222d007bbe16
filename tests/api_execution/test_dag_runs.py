"""Dags and their runs, as tasks ask for them."""

import pytest

from tests.support.shop import FIRST, MANUAL, SECOND, UNDATED

RUNS = "/execution/dag-runs"
BEFORE = "logical_date=2026-02-01T12:30:00Z"
DETAIL = {
    "dag_id": "shop",
    "run_id": MANUAL,
    "logical_date": "2026-02-01T12:30:00Z",
    "data_interval_start": None,
    "data_interval_end": None,
    "run_after": "2026-02-01T12:30:00Z",
    "start_date": "2026-02-01T12:30:02Z",
    "end_date": None,
    "clear_number": 0,
    "run_type": "manual",
    "state": "running",
    "conf": {"n": 3},
    "triggering_user_name": "admin",
    "consumed_asset_events": [],
    "partition_key": "p1",
    "partition_date": None,
    "note": None,
    "team_name": None,
}


def test_a_dag_run_with_all_its_facts(shop):
    assert shop.get(f"{RUNS}/shop/{MANUAL}").json == DETAIL


def test_a_run_without_a_conf_has_an_empty_one(shop):
    assert shop.get(f"{RUNS}/shop/{FIRST}").json["conf"] == {}


def test_the_state_of_a_dag_run(shop):
    assert shop.get(f"{RUNS}/shop/{SECOND}/state").json == {"state": "failed"}


@pytest.mark.parametrize("path", ["shop/nope", "nope/nope", "shop/nope/state"])
def test_a_dag_run_that_does_not_exist(shop, path):
    answer = shop.get(f"{RUNS}/{path}")
    dag_id = path.split("/")[0]
    message = f"Dag run with dag_id '{dag_id}' and run_id 'nope' was not found"
    assert answer.status_code == 404
    assert answer.json == {"detail": {"reason": "not_found", "message": message}}


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("dag_id=shop", 5),
        ("dag_id=nope", 0),
        ("dag_id=shop&states=success&states=failed", 2),
        (f"dag_id=shop&run_ids={FIRST}&run_ids=nope", 1),
        ("dag_id=shop&logical_dates=2026-01-30T00:00:00Z", 1),
        ("dag_id=shop&logical_dates=2026-01-30T00:00:01Z", 0),
    ],
)
def test_dag_runs_are_counted(shop, query, number):
    assert shop.get(f"{RUNS}/count?{query}").json == number


@pytest.mark.parametrize(
    ("query", "run_id"),
    [
        (BEFORE, SECOND),
        (f"{BEFORE}&state=success", FIRST),
        ("logical_date=2026-01-31T00:00:00Z", FIRST),
    ],
)
def test_the_previous_run_is_the_last_before_a_date(shop, query, run_id):
    assert shop.get(f"{RUNS}/previous?dag_id=shop&{query}").json["run_id"] == run_id


@pytest.mark.parametrize(
    "query", ["dag_id=shop&logical_date=2026-01-30T00:00:00Z", f"dag_id=nope&{BEFORE}"]
)
def test_no_previous_run_is_null(shop, query):
    answer = shop.get(f"{RUNS}/previous?{query}")
    assert answer.status_code == 200
    assert answer.json is None


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("dag_id=shop", ["query", "logical_date"]),
        (BEFORE, ["query", "dag_id"]),
        (f"dag_id=shop&{BEFORE}&state=x", ["query", "state"]),
    ],
)
def test_an_invalid_query_for_the_previous_run(shop, query, loc):
    answer = shop.get(f"{RUNS}/previous?{query}")
    assert answer.status_code == 422
    assert [item["loc"] for item in answer.json["detail"]] == [loc]


def test_a_run_may_be_called_previous(shop):
    run = {"dag_id": "shop", "run_id": "previous", "state": "queued"}
    shop.put("/_stateroom/fixture", json={"dag_runs": [run]})
    assert shop.get(f"{RUNS}/shop/previous").json["state"] == "queued"


def test_triggering_a_run_is_not_emulated(shop):
    answer = shop.post(f"{RUNS}/shop/{UNDATED}", json={})
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "not_emulated"


def test_a_dag_has_sorted_tags_and_its_next_run(shop):
    assert shop.get("/execution/dags/shop").json == {
        "dag_id": "shop",
        "is_paused": False,
        "bundle_name": "fixture",
        "bundle_version": None,
        "relative_fileloc": "shop.py",
        "owners": "alice,bob",
        "tags": ["a", "b"],
        "next_dagrun": "2026-02-03T00:00:00Z",
    }


def test_a_dag_may_be_paused(shop):
    assert shop.get("/execution/dags/paused").json["is_paused"] is True


def test_a_dag_that_has_runs_need_not_be_described(shop):
    assert shop.get("/execution/dags/bare").json["owners"] == "airflow"


def test_an_unknown_dag(shop):
    answer = shop.get("/execution/dags/nope")
    message = "The Dag with dag_id: `nope` was not found"
    assert answer.status_code == 404
    assert answer.json == {"detail": {"reason": "not_found", "message": message}}
