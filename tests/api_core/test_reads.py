"""Task instances and assets, as the Core API shows them."""

import pytest

from tests.support.shop import EARLIER, FIRST, MAKE, MANUAL, TI, event, outlet, success

RUN = f"/api/v2/dags/shop/dagRuns/{MANUAL}/taskInstances"


def test_a_task_instance_with_all_its_facts(shop):
    document = shop.get(f"{RUN}/r").json
    version = document.pop("dag_version")
    assert document == {
        "id": TI,
        "task_id": "r",
        "dag_id": "shop",
        "dag_run_id": MANUAL,
        "map_index": -1,
        "logical_date": "2026-02-01T12:30:00Z",
        "run_after": "2026-02-01T12:30:00Z",
        "start_date": "2026-02-01T12:31:00Z",
        "end_date": None,
        "duration": None,
        "state": "running",
        "try_number": 1,
        "max_tries": 0,
        "task_display_name": "r",
        "dag_display_name": "shop",
        "hostname": "h",
        "unixname": "u",
        "pool": "default_pool",
        "pool_slots": 1,
        "queue": "default",
        "priority_weight": 1,
        "operator": "EmptyOperator",
        "operator_name": "EmptyOperator",
        "queued_when": None,
        "scheduled_when": None,
        "pid": 4,
        "executor": None,
        "executor_config": "None",
        "note": None,
        "rendered_map_index": None,
        "rendered_fields": {},
        "trigger": None,
        "triggerer_job": None,
    }
    assert version["dag_id"] == "shop"
    assert version["created_at"] == "2026-01-01T00:00:00Z"


def test_a_dag_without_tasks_has_no_version(shop):
    ti_id = "019b0000-0000-7000-8000-000000000201"
    attempt = {"id": ti_id, "dag_id": "bare", "run_id": "r", "task_id": "t"}
    shop.put("/_stateroom/fixture", json={"task_instances": [attempt]})
    answer = shop.get("/api/v2/dags/bare/dagRuns/r/taskInstances/t").json
    assert answer["id"] == ti_id
    assert answer["dag_version"] is None


def test_a_success_has_its_duration(shop):
    shop.patch(f"/execution/task-instances/{MAKE}/state", json=success())
    answer = shop.get(f"{RUN}/make").json
    assert answer["state"] == "success"
    assert answer["duration"] == 870.5


def test_a_mapped_task_instance_has_its_index_as_label(shop):
    answer = shop.get(f"{RUN}/pm/1").json
    assert answer["rendered_map_index"] == "1"
    assert answer["duration"] == 50.125


def test_rendered_fields_and_label_are_shown(shop):
    url = f"/execution/task-instances/{TI}"
    shop.put(f"{url}/rtif", json={"op_args": [1]})
    shop.patch(f"{url}/rendered-map-index", json="a label")
    answer = shop.get(f"{RUN}/r/-1").json
    assert answer["rendered_fields"] == {"op_args": [1]}
    assert answer["rendered_map_index"] == "a label"


def test_no_rendered_fields_at_all_are_refused(shop):
    answer = shop.put(f"/execution/task-instances/{TI}/rtif", json={})
    assert answer.status_code == 422
    assert answer.json == {"detail": "rendered fields cannot be empty"}


def defer(client, ti_id):
    body = {"state": "deferred", "classpath": "mod.Trigger", "next_method": "go"}
    body |= {"trigger_kwargs": {"password": "s3cret"}, "queue": "q"}
    url = f"/execution/task-instances/{ti_id}/state"
    assert client.patch(url, json=body).status_code == 204


def test_a_deferred_task_instance_has_a_trigger(shop):
    defer(shop, TI)
    trigger = shop.get(f"{RUN}/r").json["trigger"]
    assert trigger.pop("created_date").endswith("Z")
    assert trigger == {
        "id": 1,
        "classpath": "mod.Trigger",
        "kwargs": "{}",
        "queue": "q",
        "triggerer_id": None,
    }


def test_triggers_are_numbered(shop):
    defer(shop, TI)
    defer(shop, MAKE)
    assert shop.get(f"{RUN}/make").json["trigger"]["id"] == 2


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pm", "Task instance is mapped, add the map_index value to the URL"),
        (
            "nope",
            f"The Task Instance with dag_id: `shop`, run_id: `{MANUAL}` and task_id: `nope` "
            "was not found",
        ),
        (
            "pm/9",
            f"The Mapped Task Instance with dag_id: `shop`, run_id: `{MANUAL}`, task_id: `pm`, "
            "and map_index: `9` was not found",
        ),
    ],
)
def test_a_task_instance_that_is_not_found(shop, path, message):
    answer = shop.get(f"{RUN}/{path}")
    assert answer.status_code == 404
    assert answer.json == {"detail": message}


def test_a_map_index_has_to_be_a_number(shop):
    answer = shop.get(f"{RUN}/pm/x")
    assert answer.status_code == 422
    assert answer.json["detail"][0]["loc"] == ["path", "map_index"]


def test_a_run_of_its_own_has_a_task_instance_of_its_own(shop):
    answer = shop.get(RUN.replace(MANUAL, FIRST) + "/r")
    assert answer.json["id"] == EARLIER


@pytest.mark.parametrize("path", [f"{RUN}/r/links", "/api/v2/assets/aliases"])
def test_paths_beside_them_are_not_emulated(shop, path):
    answer = shop.get(path)
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "not_emulated"


def test_an_asset_has_its_aliases_and_its_last_event(shop):
    answer = shop.get("/api/v2/assets/1").json
    assert answer["extra"] == {"n": 1}
    assert answer["aliases"] == [{"id": 1, "name": "both", "group": "asset"}]
    assert answer["last_asset_event"] == {"id": 2, "timestamp": "2026-02-01T11:00:00Z"}


def test_an_asset_without_events_has_no_last_one(shop):
    answer = shop.get("/api/v2/assets/2").json
    assert answer["last_asset_event"] == {"id": None, "timestamp": None}


def test_the_last_event_may_be_one_that_a_task_made(shop):
    report = success([outlet("orders", "s3://b/orders")], [event("orders", "s3://b/orders")])
    shop.patch(f"/execution/task-instances/{MAKE}/state", json=report)
    assert shop.get("/api/v2/assets/1").json["last_asset_event"]["id"] == 4


def test_the_list_of_assets_tells_the_same(shop):
    listed = shop.get("/api/v2/assets").json["assets"]
    assert listed == [shop.get(f"/api/v2/assets/{asset_id}").json for asset_id in (1, 3)]


@pytest.mark.parametrize(
    ("asset_id", "status", "message"),
    [
        ("99", 404, "The Asset with ID: `99` was not found"),
        ("-1", 404, "The Asset with ID: `-1` was not found"),
    ],
)
def test_an_asset_that_is_not_found(shop, asset_id, status, message):
    answer = shop.get(f"/api/v2/assets/{asset_id}")
    assert answer.status_code == status
    assert answer.json == {"detail": message}


def test_an_asset_id_has_to_be_a_number(shop):
    answer = shop.get("/api/v2/assets/x")
    assert answer.status_code == 422
    assert answer.json["detail"][0]["loc"] == ["path", "asset_id"]
