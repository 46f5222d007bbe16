"""Answers to clients of older versions of the Execution API, whose SDK refuses new members."""

import pytest

from tests.support.shop import FIRST, MANUAL, ORDERS, RESUMED, SECOND, USE

PROCESS = {"state": "running", "hostname": "h", "unixname": "u", "pid": 1}
PROCESS["start_date"] = "2026-02-01T12:40:00Z"
BEFORE = "logical_date=2026-02-01T12:30:00Z"
PREVIOUS = f"dag-runs/previous?dag_id=shop&{BEFORE}"
NEWEST = {"team_name", "partition_date"}


def context(client, version, ti_id=USE):
    headers = {"Airflow-API-Version": version}
    answer = client.patch(f"/execution/task-instances/{ti_id}/run", json=PROCESS, headers=headers)
    assert answer.status_code == 200
    return answer.json


def get(client, path, version):
    return client.get(f"/execution/{path}", headers={"Airflow-API-Version": version})


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        ("2026-06-30", set()),
        ("2026-04-06", NEWEST),
        ("2026-01-01", {*NEWEST, "partition_key", "note"}),
        ("2025-10-27", {*NEWEST, "partition_key", "note", "triggering_user_name"}),
        ("2025-05-20", {*NEWEST, "partition_key", "note", "triggering_user_name", "state"}),
    ],
)
def test_a_run_context_has_the_members_of_its_version(shop, version, missing):
    known = set(context(shop, "2026-06-30")["dag_run"])
    assert known - set(context(shop, version)["dag_run"]) == missing


def test_consumed_events_have_no_partition_key(shop):
    (event,) = context(shop, "2026-04-06")["dag_run"]["consumed_asset_events"]
    assert "partition_key" not in event


def test_before_2026_04_06_upstream_map_indexes_are_null(shop):
    assert "upstream_map_indexes" not in context(shop, "2026-04-06")
    assert context(shop, "2025-11-05")["upstream_map_indexes"] is None


def test_before_2026_04_06_next_kwargs_are_serialised_otherwise(shop):
    old = context(shop, "2025-11-05", RESUMED)
    inner = {"__var": {}, "__type": "dict"}
    assert old["next_kwargs"] == {"__var": {"a": [inner, 1]}, "__type": "dict"}
    assert "start_date" not in old


def serialised(name, data):
    return {"__classname__": name, "__version__": 1, "__data__": data}


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (
            serialised("datetime.datetime", {"timestamp": 1767225600.0, "tz": None}),
            {"__var": 1767225600.0, "__type": "datetime"},
        ),
        (serialised("datetime.timedelta", 1.5), {"__var": 1.5, "__type": "timedelta"}),
        (
            serialised("builtins.tuple", [1, serialised("builtins.set", [2])]),
            {"__var": [1, {"__var": [2], "__type": "set"}], "__type": "tuple"},
        ),
        (serialised("datetime.date", "2026-01-01"), "2026-01-01"),
        (serialised("decimal.Decimal", 1.5), "1.5"),
    ],
)
def test_values_in_next_kwargs_have_their_old_types(shop, new, old):
    attempt = {"id": RESUMED, "dag_id": "shop", "run_id": MANUAL, "task_id": "resume"}
    attempt["next_kwargs"] = {"a": new}
    shop.put("/_stateroom/fixture", json={"task_instances": [attempt]})
    kwargs = context(shop, "2025-11-05", RESUMED)["next_kwargs"]
    assert kwargs == {"__var": {"a": old}, "__type": "dict"}


@pytest.mark.parametrize(
    "kwargs", [{"a": serialised("my.Class", {})}, {"__var": {"a": 1}, "__type": "dict"}]
)
def test_next_kwargs_that_cannot_be_serialised_otherwise_stay(shop, kwargs):
    attempt = {"id": RESUMED, "dag_id": "shop", "run_id": MANUAL, "task_id": "resume"}
    attempt["next_kwargs"] = kwargs
    shop.put("/_stateroom/fixture", json={"task_instances": [attempt]})
    assert context(shop, "2025-11-05", RESUMED)["next_kwargs"] == kwargs


def test_next_kwargs_of_the_newest_client_stay(shop):
    new = context(shop, "2026-06-30", RESUMED)
    assert new["next_kwargs"] == {"a": [{}, 1]}
    assert new["start_date"] == "2026-02-01T12:31:00Z"


def test_a_run_that_has_not_started_has_the_date_it_waits_for(shop):
    run = {"dag_id": "shop", "run_id": MANUAL, "start_date": None}
    shop.put("/_stateroom/fixture", json={"dag_runs": [run]})
    assert context(shop, "2026-04-06")["dag_run"]["start_date"] is None
    assert context(shop, "2025-11-05")["dag_run"]["start_date"] == "2026-02-01T12:30:00Z"


@pytest.mark.parametrize(("version", "conf"), [("2025-10-27", None), ("2025-09-23", {})])
def test_before_2025_10_27_a_conf_is_never_null(shop, version, conf):
    run = {"dag_id": "shop", "run_id": MANUAL, "conf": None}
    shop.put("/_stateroom/fixture", json={"dag_runs": [run]})
    assert context(shop, version)["dag_run"]["conf"] == conf


@pytest.mark.parametrize("path", [f"dag-runs/shop/{FIRST}", PREVIOUS])
def test_a_dag_run_before_2026_06_30(shop, path):
    new = get(shop, path, "2026-06-30").json
    assert set(new) - set(get(shop, path, "2026-04-06").json) == NEWEST


def test_events_before_2026_04_06_have_no_partition_key(shop):
    path = f"asset-events/by-asset?{ORDERS}"
    assert "partition_key" in get(shop, path, "2026-04-06").json["asset_events"][0]
    later = get(shop, f"{path}&after=2026-02-01T11:00:00Z", "2025-11-05").json
    assert "partition_key" not in later["asset_events"][0]


def test_consumed_events_are_not_for_clients_before_2026_04_06(shop):
    """Airflow 3.3.2 answers 500."""
    answer = get(shop, f"asset-events/by-asset?{ORDERS}", "2025-11-05")
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "client_too_old"


@pytest.mark.parametrize("version", ["2025-08-10", "2025-11-05"])
def test_the_previous_run_by_a_path_has_offsets(shop, version):
    run = get(shop, f"dag-runs/shop/previous?{BEFORE}", version).json
    assert run["run_id"] == SECOND
    assert run["start_date"] == "2026-02-01T00:00:01+00:00"
    assert NEWEST <= set(run)


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (PREVIOUS, "2025-11-05"),
        ("dags/shop", "2025-11-05"),
        ("assets/by-alias?alias_name=both", "2026-04-06"),
    ],
)
def test_a_route_that_an_older_version_does_not_have(shop, path, version):
    answer = get(shop, path, version)
    assert answer.status_code == 404
    assert answer.json == {"detail": "Not Found"}


@pytest.mark.parametrize(
    ("path", "version"),
    [(f"dag-runs/shop/{FIRST}", "2025-11-05"), (f"dag-runs/shop/previous?{BEFORE}", "2025-05-20")],
)
def test_a_path_that_an_older_version_only_posts_to(shop, path, version):
    answer = get(shop, path, version)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
