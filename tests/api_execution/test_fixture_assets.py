"""Dags, aliases, asset events and reschedules in fixture documents."""

import pytest

from tests.support.shop import FIRST, MANUAL, RESUMED, SHOP, TI, UNDATED

FIXTURE = "/_stateroom/fixture"
NEW = ("dags", "asset_aliases", "asset_events", "task_reschedules")


def export(client):
    return client.get(FIXTURE).json


def test_an_export_has_what_the_document_said(shop):
    document = export(shop)
    dags = {dag["dag_id"]: dag for dag in document["dags"]}
    assert dags["paused"] == {"dag_id": "paused", "is_paused": True}
    assert dags["shop"]["tasks"][0] == {
        "task_id": "make",
        "outlets": [
            {"name": "orders", "uri": "s3://b/orders"},
            {"name": "retired", "uri": "s3://b/retired"},
        ],
    }
    assert document["asset_aliases"] == [
        {"name": "both", "assets": ["orders", "customers"]},
        {"name": "none", "group": "people", "assets": []},
    ]
    event = {**SHOP["asset_events"][0], "id": 1, "asset": "orders"}
    del event["source_map_index"]  # its default
    assert document["asset_events"][0] == event
    assert document["task_reschedules"] == [{**SHOP["task_reschedules"][0], "ti": TI}]


def test_an_export_leaves_out_what_has_its_default(shop):
    document = export(shop)
    assert document["asset_events"][1] == {
        "id": 2,
        "asset": "orders",
        "timestamp": "2026-02-01T11:00:00Z",
        "partition_key": "p0",
    }
    retired = {"id": 2, "name": "retired", "uri": "s3://b/retired", "active": False}
    assert retired in document["assets"]


def test_a_namespace_without_them_exports_none_of_them(world):
    assert not set(NEW) & set(export(world))


def test_an_export_can_be_imported(shop):
    document = export(shop)
    assert shop.post("/_stateroom/reset").status_code == 204
    assert not set(NEW) & set(export(shop))
    assert shop.put(FIXTURE + "?strict=true", json=document).status_code == 204
    assert export(shop) == document


def test_a_document_may_be_applied_twice(shop):
    before = export(shop)
    assert shop.put(FIXTURE, json=SHOP).status_code == 204
    assert export(shop) == before


def test_an_asset_of_a_shared_name_is_exported_by_its_id(shop):
    event = {"asset": 4, "id": 9, "timestamp": "2026-02-01T11:00:00Z"}
    shop.put(FIXTURE, json={"asset_events": [event]})
    assert export(shop)["asset_events"][-1] == event


def test_facts_of_a_dag_that_are_not_given_stay(shop):
    shop.put(FIXTURE, json={"dags": [{"dag_id": "shop", "is_paused": True}]})
    dag = shop.get("/execution/dags/shop").json
    assert dag["is_paused"] is True
    assert dag["owners"] == "alice,bob"


def test_an_extra_that_is_not_given_stays(shop):
    asset = {"id": 1, "name": "orders", "uri": "s3://b/orders"}
    shop.put(FIXTURE, json={"assets": [asset]})
    assert shop.get("/execution/assets/by-name?name=orders").json["extra"] == {"n": 1}


def test_reschedules_are_those_of_the_attempt(shop):
    answer = shop.get(f"/execution/task-reschedules/{TI}/start_date")
    assert answer.json == "2026-02-01T12:31:00Z"


def test_a_new_list_of_reschedules_replaces_the_old_one(shop):
    later = {**SHOP["task_reschedules"][0], "ti": TI, "start_date": "2026-02-01T13:00:00Z"}
    shop.put(FIXTURE, json={"task_reschedules": [later]})
    answer = shop.get(f"/execution/task-reschedules/{TI}/start_date")
    assert answer.json == "2026-02-01T13:00:00Z"


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"asset_events": [{"asset": "nope"}]}, "asset_events[0].asset"),
        ({"asset_events": [{"asset": 77}]}, "asset_events[0].asset"),
        (
            {"asset_events": [{"asset": 1, "created_dagruns": [["shop", "nope"]]}]},
            "asset_events[0].created_dagruns[0]",
        ),
        ({"asset_aliases": [{"name": "a", "assets": ["nope"]}]}, "asset_aliases[0].assets[0]"),
        (
            {"dags": [{"dag_id": "d", "tasks": [{"task_id": "t", "inlets": ["nope"]}]}]},
            "dags[0].tasks[0].inlets[0]",
        ),
        (
            {"task_reschedules": [{**SHOP["task_reschedules"][0], "ti": "nope"}]},
            "task_reschedules[0].ti",
        ),
    ],
)
def test_what_a_document_refers_to_has_to_exist(shop, document, where):
    answer = shop.put(FIXTURE, json=document)
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == where
    assert "; add it to " in answer.json["detail"]["message"]


@pytest.mark.parametrize("asset", [None, True, 1.5, ["a"], {"name": "a"}, {"name": 1, "uri": "u"}])
def test_an_invalid_reference_to_an_asset(shop, asset):
    answer = shop.put(FIXTURE, json={"asset_events": [{"asset": asset}]})
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == "asset_events[0].asset"


def test_an_id_beyond_64_bits_is_refused(shop):
    answer = shop.put(FIXTURE, json={"asset_events": [{"asset": 2**63}]})
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "bad_document"
    assert answer.json["detail"]["where"] == "asset_events[0].asset"


def test_an_export_has_the_facts_of_runs_and_attempts(shop):
    document = export(shop)
    runs = {run["run_id"]: run for run in document["dag_runs"]}
    assert runs[FIRST] == {
        **SHOP["dag_runs"][0],
        "start_date": "2026-01-31T00:00:01.500000Z",
        "run_after": "2026-01-30T00:00:00Z",
    }
    assert runs[MANUAL]["conf"] == {"n": 3}
    assert runs[MANUAL]["triggering_user_name"] == "admin"
    assert "conf" not in runs[UNDATED]
    attempts = {attempt["id"]: attempt for attempt in document["task_instances"]}
    assert attempts[TI]["hostname"] == "h"
    assert attempts[TI]["start_date"] == "2026-02-01T12:31:00Z"
    assert attempts[RESUMED]["next_kwargs"] == {"a": [{}, 1]}
    assert "pid" not in attempts[RESUMED]


def test_a_conf_of_null_is_exported(shop):
    run = {"dag_id": "shop", "run_id": UNDATED, "conf": None}
    shop.put(FIXTURE, json={"dag_runs": [run]})
    runs = {run["run_id"]: run for run in export(shop)["dag_runs"]}
    assert runs[UNDATED]["conf"] is None
