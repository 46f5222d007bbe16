"""The Core API's lists of Dags, dag runs, task instances and attempts."""

import pytest

from tests.support.shop import FIRST, MANUAL, SECOND, TI, UNDATED, WAITING

DAGS = "/api/v2/dags"
RUNS = f"{DAGS}/shop/dagRuns"
TASKS = f"{RUNS}/{MANUAL}/taskInstances"
RETRY = {"state": "up_for_retry", "end_date": "2026-02-01T12:45:30.5Z"}
NO_CURSORS = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
NOT_SORTABLE = "Ordering with 'nope' is disallowed or the attribute does not exist on the model"


def names(answer, part, name):
    assert answer.status_code == 200, answer.text
    return [row[name] for row in answer.json[part]]


def dag_ids(client, query=""):
    return names(client.get(f"{DAGS}?{query}"), "dags", "dag_id")


def run_ids(client, query="", url=RUNS):
    return names(client.get(f"{url}?{query}"), "dag_runs", "dag_run_id")


def task_ids(client, query="", url=TASKS):
    return names(client.get(f"{url}?{query}"), "task_instances", "task_id")


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("run_id_prefix_pattern=scheduled__2026-01-3", [FIRST, SECOND]),
        ("run_id_prefix_pattern=scheduled__2026-01-31|manual__und", [SECOND, UNDATED]),
        ("run_id_prefix_pattern=__2026", []),
        ("dag_id_prefix_pattern=sho&run_id_prefix_pattern=manual__2", [MANUAL]),
        ("dag_id_prefix_pattern=hop", []),
    ],
)
def test_runs_are_listed_by_how_their_ids_begin(query, listed, shop):
    assert run_ids(shop, query, f"{DAGS}/~/dagRuns") == listed


@pytest.mark.parametrize(
    ("query", "runs"),
    [
        ("run_id_prefix_pattern=scheduled", {FIRST}),
        ("run_id_prefix_pattern=scheduled|manual__und", {FIRST, UNDATED}),
        ("dag_id_prefix_pattern=hop", set()),
    ],
)
def test_tasks_are_listed_by_how_the_ids_of_runs_begin(query, runs, shop):
    answer = shop.get(f"{DAGS}/~/dagRuns/~/taskInstances?{query}")
    assert set(names(answer, "task_instances", "dag_run_id")) == runs


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("", ["bare", "paused", "shop"]),
        ("order_by=-dag_id", ["shop", "paused", "bare"]),
        ("limit=1&offset=1", ["paused"]),
        ("paused=true", ["paused"]),
        ("paused=false", ["bare", "shop"]),
    ],
)
def test_dags_are_listed(shop, query, listed):
    assert dag_ids(shop, query) == listed


def test_a_stale_dag_is_listed_on_request(shop):
    shop.put("/_stateroom/fixture", json={"dags": [{"dag_id": "paused", "is_stale": True}]})
    assert dag_ids(shop) == ["bare", "shop"]
    assert dag_ids(shop, "exclude_stale=false") == ["bare", "paused", "shop"]


def test_a_dag_with_all_its_facts(shop):
    tag = {"dag_id": "shop", "dag_display_name": "shop"}
    dag = shop.get(f"{DAGS}/shop").json
    assert dag == {
        "dag_id": "shop",
        "dag_display_name": "shop",
        "is_paused": False,
        "is_stale": False,
        "last_parsed_time": None,
        "last_parse_duration": None,
        "last_expired": None,
        "bundle_name": "fixture",
        "bundle_version": None,
        "relative_fileloc": "shop.py",
        "fileloc": "/dev/null",
        "description": None,
        "timetable_summary": None,
        "timetable_description": None,
        "timetable_partitioned": False,
        "timetable_periodic": False,
        "tags": [{"name": "a", **tag}, {"name": "b", **tag}],
        "max_active_tasks": 16,
        "max_active_runs": 16,
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": False,
        "has_import_errors": False,
        "next_dagrun_logical_date": "2026-02-03T00:00:00Z",
        "next_dagrun_data_interval_start": None,
        "next_dagrun_data_interval_end": None,
        "next_dagrun_run_after": None,
        "allowed_run_types": None,
        "owners": ["alice", "bob"],
        "is_backfillable": False,
        "file_token": "shop",
    }
    assert dag in shop.get(DAGS).json["dags"]


@pytest.mark.parametrize("path", ["nope", "paused", "nope/dagRuns", "paused/dagRuns"])
def test_a_dag_without_a_version_is_not_found(shop, path):
    answer = shop.get(f"{DAGS}/{path}")
    dag_id = path.split("/")[0]
    assert answer.status_code == 404
    assert answer.json == {"detail": f"The Dag with ID: `{dag_id}` was not found"}


def test_a_dag_that_only_has_runs_is_shown(shop):
    assert shop.get(f"{DAGS}/bare").json["owners"] == ["airflow"]
    assert run_ids(shop, url=f"{DAGS}/bare/dagRuns") == ["r"]


def test_a_dag_run_with_all_its_facts(shop):
    run = shop.get(f"{RUNS}/{FIRST}").json
    (version,) = run.pop("dag_versions")
    assert version["dag_id"] == "shop"
    assert run == {
        "dag_run_id": FIRST,
        "dag_id": "shop",
        "logical_date": "2026-01-30T00:00:00Z",
        "queued_at": None,
        "start_date": "2026-01-31T00:00:01.500000Z",
        "end_date": "2026-01-31T00:02:00Z",
        "duration": 118.5,
        "data_interval_start": "2026-01-30T00:00:00Z",
        "data_interval_end": "2026-01-31T00:00:00Z",
        "run_after": "2026-01-30T00:00:00Z",
        "last_scheduling_decision": None,
        "run_type": "scheduled",
        "state": "success",
        "triggered_by": None,
        "triggering_user_name": None,
        "conf": {},
        "note": None,
        "bundle_version": None,
        "dag_display_name": "shop",
        "partition_key": None,
        "partition_date": None,
    }


def test_a_run_without_task_instances_has_no_version(shop):
    run = shop.get(f"{RUNS}/{WAITING}").json
    assert run["dag_versions"] == []
    assert run["queued_at"] is not None


def test_a_dag_run_that_does_not_exist(shop):
    answer = shop.get(f"{RUNS}/nope")
    assert answer.status_code == 404
    message = "The DagRun with dag_id: `shop` and run_id: `nope` was not found"
    assert answer.json == {"detail": message}


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("", [FIRST, SECOND, MANUAL, UNDATED, WAITING]),
        ("order_by=-id&limit=2", [WAITING, UNDATED]),
        ("order_by=dag_run_id&limit=1", [WAITING]),
        ("order_by=-duration&limit=1", [FIRST]),
        ("state=success&state=failed", [FIRST, SECOND]),
        ("run_type=scheduled", [FIRST, SECOND]),
        ("logical_date_gte=2026-01-31T00:00:00Z", [SECOND, MANUAL]),
        ("logical_date_gt=2026-01-31T00:00:00Z", [MANUAL]),
        ("logical_date_lte=2026-01-31T00:00:00Z", [FIRST, SECOND]),
        ("run_after_lt=2026-01-31T00:00:00Z", [FIRST]),
    ],
)
def test_dag_runs_are_listed(shop, query, listed):
    assert run_ids(shop, query) == listed


def test_the_runs_of_all_dags(shop):
    answer = shop.get(f"{DAGS}/~/dagRuns?limit=1")
    assert answer.json["total_entries"] == 6
    assert {name: answer.json[name] for name in NO_CURSORS} == NO_CURSORS


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("", ["r", "make", "use", "grp.g1", "resume", "pm"]),
        ("order_by=-map_index&limit=1", ["pm"]),
        ("order_by=-rendered_map_index&limit=1", ["pm"]),
        ("limit=0", []),
        ("offset=999", []),
        ("state=queued", ["use", "resume"]),
        ("state=none", ["grp.g1"]),
        ("state=no_status&state=success", ["grp.g1", "pm"]),
        ("task_id=pm", ["pm"]),
        ("logical_date_gt=2026-02-02T00:00:00Z", []),
    ],
)
def test_task_instances_are_listed(shop, query, listed):
    assert task_ids(shop, query) == listed


def test_task_instances_of_all_runs(shop):
    assert task_ids(shop, "task_id=r", f"{RUNS}/~/taskInstances") == ["r", "r", "r"]
    answer = shop.get(f"{DAGS}/~/dagRuns/~/taskInstances")
    assert answer.json["total_entries"] == 8


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        (f"~/dagRuns/{MANUAL}", 400, "dag_id is required when dag_run_id is specified"),
        ("shop/dagRuns/nope", 404, "DagRun with dag_id: `shop` and run_id: `nope` was not found"),
        ("nope/dagRuns/~", 404, "The Dag with ID: `nope` was not found"),
    ],
)
def test_task_instances_of_what_does_not_exist(shop, path, status, message):
    answer = shop.get(f"{DAGS}/{path}/taskInstances")
    assert answer.status_code == status
    assert answer.json == {"detail": message}


def test_the_mapped_task_instances_of_a_task(shop):
    assert task_ids(shop, url=f"{TASKS}/pm/listMapped") == ["pm"]
    assert task_ids(shop, "state=failed", f"{TASKS}/pm/listMapped") == []


@pytest.mark.parametrize(
    ("task_id", "message"),
    [("r", "Task id r is not mapped"), ("nope", "Task id nope not found")],
)
def test_mapped_ones_of_a_task_that_is_not_mapped(shop, task_id, message):
    answer = shop.get(f"{TASKS}/{task_id}/listMapped")
    assert answer.status_code == 404
    assert answer.json == {"detail": message}


@pytest.mark.parametrize("url", [DAGS, RUNS, TASKS, f"{TASKS}/pm/listMapped"])
@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("limit=x", 422, "int_parsing"),
        ("limit=-1", 422, "greater_than_equal"),
        ("offset=-1", 422, "greater_than_equal"),
        ("order_by=nope", 400, NOT_SORTABLE),
    ],
)
def test_an_invalid_page_or_order(shop, url, query, status, detail):
    answer = shop.get(f"{url}?{query}")
    assert answer.status_code == status
    assert detail in answer.text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("state=x", "Invalid value for state. Valid values are queued, running, success, failed"),
        ("run_type=x", "Invalid value for run type. Valid values are backfill, scheduled, manual"),
    ],
)
def test_an_invalid_value_of_a_filter_comes_first(shop, query, message):
    answer = shop.get(f"{RUNS}?{query}&limit=x")
    assert answer.status_code == 422
    assert answer.json["detail"].startswith(message)


@pytest.mark.parametrize(
    "url",
    [
        f"{DAGS}?tags=a",
        f"{RUNS}?cursor=",
        f"{TASKS}?pool=default_pool",
        f"{TASKS}/pm/listMapped?try_number=1",
    ],
)
def test_a_filter_that_is_not_emulated_is_not_ignored(shop, url):
    answer = shop.get(url)
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "not_emulated"
    assert answer.json["detail"]["route"].endswith("=")


def test_attempts_are_listed_former_ones_first(shop):
    attempts = shop.get(f"{TASKS}/r/tries").json
    assert attempts["total_entries"] == 1
    assert attempts["task_instances"][0]["state"] == "running"
    assert "id" not in attempts["task_instances"][0]


def test_an_attempt_up_for_retry_is_listed_as_failed(shop):
    assert shop.patch(f"/execution/task-instances/{TI}/state", json=RETRY).status_code == 204
    (attempt,) = shop.get(f"{TASKS}/r/tries").json["task_instances"]
    assert attempt["state"] == "failed"
    assert attempt["operator_name"] is None
    assert attempt["duration"] == 870.5


def test_one_attempt_is_the_current_one_first(shop):
    shop.patch(f"/execution/task-instances/{TI}/state", json=RETRY)
    attempt = shop.get(f"{TASKS}/r/tries/1").json
    assert attempt["state"] == "up_for_retry"


@pytest.mark.parametrize("path", ["pm/1/tries/1", "pm/tries/1?map_index=1"])
def test_one_attempt_by_its_map_index(shop, path):
    assert shop.get(f"{TASKS}/{path}").json["map_index"] == 1


def test_attempts_by_a_map_index(shop):
    assert shop.get(f"{TASKS}/pm/1/tries").json["total_entries"] == 1


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("nope/tries", "task_id: `nope` and map_index: `-1` was not found"),
        ("pm/7/tries", "task_id: `pm` and map_index: `7` was not found"),
        ("r/tries/9", "task_id: `r`, try_number: `9` and map_index: `-1` was not found"),
    ],
)
def test_attempts_that_do_not_exist(shop, path, part):
    answer = shop.get(f"{TASKS}/{path}")
    assert answer.status_code == 404
    assert answer.json["detail"].endswith(part)


@pytest.mark.parametrize("path", ["r/tries/x", "pm/x/tries", "pm/x/tries/1"])
def test_numbers_in_a_path_have_to_be_numbers(shop, path):
    answer = shop.get(f"{TASKS}/{path}")
    assert answer.status_code == 422
    assert answer.json["detail"][0]["type"] == "int_parsing"


@pytest.mark.parametrize(
    "url", [f"{DAGS}/nope/dagRuns", f"{RUNS}/nope/taskInstances", f"{TASKS}/r/listMapped"]
)
def test_what_does_not_exist_is_told_before_an_invalid_order(shop, url):
    assert shop.get(f"{url}?order_by=nope").status_code == 404


def test_problems_of_a_list_are_in_the_order_of_its_parameters(shop):
    answer = shop.get(f"{TASKS}?limit=x&logical_date_gte=x&offset=x")
    locs = [problem["loc"][1] for problem in answer.json["detail"]]
    assert locs == ["logical_date_gte", "limit", "offset"]


@pytest.mark.parametrize(("url", "status"), [(RUNS, 422), (TASKS, 200)])
def test_only_task_instances_may_have_no_status(shop, url, status):
    assert shop.get(f"{url}?state=no_status").status_code == status
