"""Task instances in dynamic regions (Airflow 3.4), and map indices in the Core API."""

import pytest

from state.model import tokens
from tests.support.shop import MANUAL
from tests.support.world import bearer

A, B = (f"0b0b0b0b-0000-7000-8000-00000000000{digit}" for digit in "ab")
NIL = "00000000-0000-0000-0000-000000000000"
A0, A1, B0, EXPANDED = (f"019b0000-0000-7000-8000-00000000020{number}" for number in range(4))
RUN = {"dag_id": "shop", "run_id": MANUAL}
REGIONS = {
    "dag_runs": [RUN],
    "dynamic_regions": [
        {"id": A, **RUN, "node_id": "loop"},
        {"id": B, **RUN, "node_id": "expanded"},
    ],
    "task_instances": [
        {"id": A0, **RUN, "task_id": "body", "region_id": A, "region_index": 0, "state": "running"},
        {"id": A1, **RUN, "task_id": "body", "region_id": A, "region_index": 1, "state": "running"},
        {"id": B0, **RUN, "task_id": "body", "region_id": B, "map_index": 0, "state": "running"},
        {"id": EXPANDED, **RUN, "task_id": "expanded", "region_id": B, "region_index": 2},
    ],
    "assets": [{"id": 1, "name": "orders", "uri": "s3://b/orders"}],
}
TASKS = f"/api/v2/dags/shop/dagRuns/{MANUAL}/taskInstances"
BODY = f"{TASKS}/body/state-store"
IN_A0 = f"region_id={A}&region_index=0"
NOT_THERE = "Task instance not found for selected coordinates"


@pytest.fixture
def regions(empty):
    """A client of a service with task instances in regions."""
    answer = empty.put("/_stateroom/fixture?strict=true", json=REGIONS)
    assert answer.status_code == 204, answer.text
    return empty


def test_each_region_has_keys_of_its_own(regions):
    for region in (A, B):
        path = f"{BODY}/k?region_id={region}&region_index=0"
        assert regions.put(path, json={"value": region}).status_code == 204
    assert regions.get(f"{BODY}/k?{IN_A0}").json["value"] == A
    assert regions.get(f"/execution/store/ti/{B0}/k").json == {"value": B}
    assert regions.get(f"/execution/store/ti/{A1}/k").status_code == 404


def test_what_a_worker_in_a_region_writes_is_read_there(regions):
    assert regions.put(f"/execution/store/ti/{A1}/k", json={"value": 1}).status_code == 204
    path = f"{BODY}?region_id={A}&region_index=1&map_index=1"
    assert regions.get(path).json["total_entries"] == 1


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("region_index=0", 400, "region_index requires region_id"),
        (f"{IN_A0}&map_index=1", 400, "map_index conflicts with region_index"),
        ("", 404, NOT_THERE),
        ("map_index=0", 404, NOT_THERE),
        (f"region_id={A}&map_index=0", 404, NOT_THERE),
        (f"region_id={A}", 409, f"Multiple live producers for shop/{MANUAL}/body index -1"),
        ("map_index=-2", 422, "map_index must be greater than or equal to -1"),
    ],
)
def test_a_place_that_names_none_or_several(regions, query, status, detail):
    answer = regions.put(f"{BODY}/k?{query}", json={"value": None})
    assert answer.status_code == status
    assert answer.json["detail"] == detail


def test_a_region_with_one_task_instance_is_enough(regions):
    assert regions.put(f"{BODY}/k?region_id={B}", json={"value": 1}).status_code == 204
    assert regions.get(f"/execution/store/ti/{B0}/k").json == {"value": 1}


def test_a_mapped_task_in_a_region_is_found_by_its_map_index(regions):
    path = f"{TASKS}/expanded/state-store/k?map_index=2"
    assert regions.put(path, json={"value": 1}).status_code == 204
    assert regions.get(f"/execution/store/ti/{EXPANDED}/k").json == {"value": 1}


@pytest.mark.parametrize("region", [NIL, "0b0b0b0b-0000-7000-8000-0000000000ff"])
def test_another_region_has_none_of_them(regions, region):
    path = f"{BODY}/k?region_id={region}&region_index=0"
    answer = regions.put(path, json={"value": 1})
    assert answer.status_code == 404
    assert answer.json["detail"].endswith("task_id='body', map_index=0")


def problems(answer):
    assert answer.status_code == 422
    return [(item["type"], item["loc"][-1]) for item in answer.json["detail"]]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("region_id=x", ("uuid_parsing", "region_id")),
        ("region_index=-2", ("greater_than_equal", "region_index")),
        ("region_index=x", ("int_parsing", "region_index")),
        ("map_index=x", ("int_parsing", "map_index")),
    ],
)
def test_a_clear_lists_a_bad_place_three_times(regions, query, problem):
    assert problems(regions.get(f"{BODY}?{query}")) == [problem]
    assert problems(regions.delete(f"{BODY}?{query}")) == [problem] * 3


def test_a_clear_lists_bad_words_three_and_five_times(world):
    path = f"{TASKS}/r/state-store"
    found = problems(world.delete(f"{path}?map_index=-2&all_map_indices=maybe"))
    assert found.count(("greater_than_equal", "map_index")) == 3
    assert found.count(("bool_parsing", "all_map_indices")) == 5


def test_an_index_that_is_too_low_is_refused_before_a_page(world):
    path = f"{TASKS}/r/state-store?map_index=-2&limit=x"
    assert world.get(path).json["detail"] == "map_index must be greater than or equal to -1"


@pytest.mark.parametrize("path", ["x", "x/tries", "x/tries/1"])
def test_a_bad_map_index_of_a_path_is_listed_twice(world, path):
    found = problems(world.get(f"{TASKS}/r/{path}"))
    assert found == [("int_parsing", "map_index")] * 2


def test_clearing_an_expansion_stays_in_its_region(regions):
    other = {"id": A0.replace("200", "209"), **RUN, "task_id": "expanded", "map_index": 5}
    assert regions.put("/_stateroom/fixture", json={"task_instances": [other]}).status_code == 204
    for ti_id in (EXPANDED, other["id"]):
        assert regions.put(f"/execution/store/ti/{ti_id}/k", json={"value": 1}).status_code == 204
    assert regions.delete(f"{TASKS}/expanded/state-store?all_map_indices=true").status_code == 204
    assert regions.get(f"/execution/store/ti/{EXPANDED}/k").status_code == 404
    assert regions.get(f"/execution/store/ti/{other['id']}/k").status_code == 200


def test_the_writer_of_an_asset_has_its_region(regions):
    token = tokens.make("s" * 64, tokens.EXECUTION_AUDIENCE, {"sub": A1}, 600)
    path = "/execution/store/asset/by-name/value?name=orders&key=k"
    assert regions.put(path, json={"value": 1}, headers=bearer(token)).status_code == 204
    writer = regions.get("/api/v2/assets/1/state-store/k").json["last_updated_by"]
    assert writer["region_id"] == A
    assert writer["region_index"] == 1
    assert writer["map_index"] == -1


def test_a_task_instance_tells_its_region(regions):
    facts = regions.get(f"{TASKS}/body?{IN_A0}").json
    assert facts["id"] == A0
    assert facts["region_id"] == A
    assert facts["region_index"] == 0
    assert facts["map_index"] == -1


def test_one_in_no_region_tells_of_none(regions):
    task = {"id": A0.replace("200", "209"), **RUN, "task_id": "plain"}
    assert regions.put("/_stateroom/fixture", json={"task_instances": [task]}).status_code == 204
    assert not regions.get(f"{TASKS}/plain").json.keys() & {"region_id", "region_index"}


def test_a_mapped_one_in_a_region_stands_in_its_list(regions):
    (mapped,) = regions.get(f"{TASKS}/expanded/listMapped").json["task_instances"]
    assert mapped["map_index"] == 2
    assert regions.get(f"{TASKS}/expanded/2").json["id"] == EXPANDED


def test_regions_are_exported_and_loaded_again(regions):
    assert regions.put(f"{BODY}/k?{IN_A0}", json={"value": 1}).status_code == 204
    document = regions.get("/_stateroom/fixture").json
    assert regions.post("/_stateroom/reset").status_code == 204
    assert regions.put("/_stateroom/fixture?strict=true", json=document).status_code == 204
    assert regions.get("/_stateroom/fixture").json == document
    assert regions.get(f"{BODY}/k?{IN_A0}").json["value"] == 1


def test_they_are_in_a_snapshot(regions):
    before = regions.get("/_stateroom/fixture").json
    assert regions.put("/_stateroom/snapshots/s").status_code < 300
    assert regions.put(f"{BODY}/k?{IN_A0}", json={"value": 1}).status_code == 204
    assert regions.post("/_stateroom/snapshots/s/restore").status_code < 300
    assert regions.get("/_stateroom/fixture").json == before


def test_the_journal_tells_the_region(regions):
    assert regions.put(f"{BODY}/k?{IN_A0}", json={"value": 1}).status_code == 204
    (event,) = regions.get("/_stateroom/journal?newest=true&limit=1").json["events"]
    assert event["scope"] == {**RUN, "task_id": "body", "map_index": 0, "region_id": A}


def test_the_description_has_the_region_where_there_are_any(regions, client):
    path = "/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/state-store"
    for asked, expected in ((regions, True), (client, False)):
        described = asked.get("/openapi.json").json["paths"][path]["get"]["parameters"]
        assert ("region_id" in [each.get("name") for each in described]) is expected
