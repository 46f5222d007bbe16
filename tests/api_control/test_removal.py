"""Task instances and assets are deleted with all that they hold, and the journal keeps it."""

import pytest

from tests.support.world import EXTRACT, RUN, TI

TASKS = "/_stateroom/task-instances"
ASSETS = "/_stateroom/assets"
KEY = f"/execution/store/ti/{TI}/job_id"
SNAPSHOT = "/_stateroom/snapshots/before"


def delete_task(client):
    return client.delete(TASKS, query_string=EXTRACT)


def delete_asset(client):
    return client.delete(ASSETS, query_string={"name": "orders"})


def test_a_task_instance_goes_with_its_attempts_and_keys(world):
    world.post(TASKS, json=EXTRACT)
    answer = delete_task(world)
    assert answer.status_code == 200
    assert answer.json == {"attempts": 2, "keys": 1}
    assert world.get(TASKS, query_string=EXTRACT).status_code == 404
    assert world.get(KEY).status_code == 404


def test_its_run_stays(world):
    delete_task(world)
    assert world.get(f"/api/v2/dags/etl/dagRuns/{RUN}").status_code == 200


def test_a_second_time_it_is_not_found(world):
    delete_task(world)
    delete_asset(world)
    assert delete_task(world).status_code == 404
    assert delete_asset(world).status_code == 404


def test_an_asset_goes_with_its_keys(world):
    answer = delete_asset(world)
    assert answer.status_code == 200
    assert answer.json == {"keys": 1}
    assert world.get("/_stateroom/fixture").json["asset_state_store"] == []
    assert world.get(ASSETS, query_string={"name": "orders"}).json == {"assets": []}


def test_the_journal_tells_of_it_and_keeps_the_history(world):
    delete_task(world)
    query = {**EXTRACT, "map_index": -1, "newest": 1}
    removal, effect = world.get("/_stateroom/journal", query_string=query).json["events"][-2:]
    assert removal["op"] == "remove"
    assert removal["note"] == "1 attempt, 1 key"
    assert removal["scope"]["task_id"] == "extract"
    assert effect["op"] == "delete"
    assert effect["parent"] == removal["seq"]
    history = world.get("/_stateroom/history", query_string={**EXTRACT, "key": "job_id"})
    assert [event["op"] for event in history.json["history"]][-2:] == ["set", "delete"]


def test_explain_says_with_what_a_key_was_deleted(world):
    delete_task(world)
    world.post(TASKS, json=EXTRACT)
    query = {**EXTRACT, "key": "job_id"}
    sentence = world.get("/_stateroom/explain", query_string=query).json["sentence"]
    assert "It was deleted with what it belonged to, by the Control API" in sentence


def test_a_task_instance_can_be_made_anew(world):
    delete_task(world)
    made = world.post(TASKS, json=EXTRACT).json
    assert made["try_number"] == 1
    assert world.get(f"/execution/store/ti/{made['id']}/job_id").status_code == 404


def test_a_snapshot_brings_a_task_instance_back(world):
    before = world.get("/_stateroom/fixture").json
    world.put(SNAPSHOT)
    delete_task(world)
    assert world.post(f"{SNAPSHOT}/restore").status_code == 204
    assert world.get("/_stateroom/fixture").json == before


def test_a_snapshot_brings_an_asset_back(world):
    before = world.get("/_stateroom/fixture").json
    world.put(SNAPSHOT)
    delete_asset(world)
    assert world.post(f"{SNAPSHOT}/restore").status_code == 204
    assert world.get("/_stateroom/fixture").json == before


@pytest.mark.parametrize("missing", ["dag_id", "run_id", "task_id"])
def test_coordinates_have_to_be_whole(world, missing):
    query = {name: value for name, value in EXTRACT.items() if name != missing}
    assert world.delete(TASKS, query_string=query).status_code == 422


def test_the_ledger_forgets_the_scope_of_a_reference(world):
    world.put(KEY, json={"value": {"__airflow_state_ref__": "s3://removed/key"}})
    delete_task(world)
    rows = world.get("/_stateroom/references").json["references"]
    assert [row["scope"] for row in rows if row["ref"] == "s3://removed/key"] == [None]
