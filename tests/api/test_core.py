"""The Core API: every status of every route, its error shape, pages, expiry and retention."""

from datetime import datetime, timedelta, timezone

import pytest

from tests.support.world import CORE_ASSET, CORE_TASK, RUN

UNKNOWN = CORE_TASK.replace("extract", "nope")
MAPPED = CORE_TASK.replace("extract", "mapped")
NO_ASSET = CORE_ASSET.replace("1", "9")

STATUSES = [
    ("GET", CORE_TASK, None, 200),
    ("GET", UNKNOWN, None, 200),
    ("GET", CORE_TASK + "?limit=-1", None, 422),
    ("GET", CORE_TASK + "?map_index=-2", None, 422),
    ("GET", CORE_TASK + "/job_id", None, 200),
    ("GET", CORE_TASK + "/nope", None, 404),
    ("GET", UNKNOWN + "/job_id", None, 404),
    ("PUT", CORE_TASK + "/k", {"value": 1}, 204),
    ("PUT", CORE_TASK + "/k", {"value": None}, 422),
    ("PUT", CORE_TASK + "/k", {"value": "x" * 65_534}, 422),
    ("PUT", UNKNOWN + "/k", {"value": 1}, 404),
    ("PUT", UNKNOWN + "/k", {"value": None}, 404),
    ("PATCH", CORE_TASK + "/job_id", {"value": 1}, 200),
    ("PATCH", CORE_TASK + "/job_id", {"value": 1, "expires_at": None}, 422),
    ("PATCH", CORE_TASK + "/nope", {"value": 1}, 404),
    ("DELETE", CORE_TASK + "/job_id", None, 204),
    ("DELETE", CORE_TASK + "/nope", None, 204),
    ("DELETE", UNKNOWN + "/job_id", None, 404),
    ("DELETE", CORE_TASK, None, 204),
    ("DELETE", UNKNOWN, None, 404),
    ("DELETE", UNKNOWN + "?all_map_indices=true", None, 404),
    ("GET", CORE_ASSET, None, 200),
    ("GET", NO_ASSET, None, 404),
    ("GET", CORE_ASSET.replace("1", "x"), None, 422),
    ("GET", CORE_ASSET + "/watermark", None, 200),
    ("GET", CORE_ASSET + "/nope", None, 404),
    ("PUT", CORE_ASSET + "/k", {"value": 1}, 204),
    ("PUT", CORE_ASSET + "/k", {"value": 1, "expires_at": "default"}, 422),
    ("PUT", NO_ASSET + "/k", {"value": 1}, 404),
    ("PATCH", CORE_ASSET + "/watermark", {"value": 1}, 405),
    ("DELETE", CORE_ASSET + "/watermark", None, 204),
    ("DELETE", NO_ASSET + "/watermark", None, 404),
    ("DELETE", CORE_ASSET, None, 204),
    ("DELETE", NO_ASSET, None, 404),
    ("GET", "/api/v2/assets", None, 200),
    ("GET", "/api/v2/assets?order_by=nope", None, 400),
    ("GET", "/api/v2/assets?limit=x", None, 422),
    ("GET", "/api/v2/version", None, 200),
    ("GET", "/api/v2/monitor/health", None, 200),
    ("GET", "/api/v2/nowhere", None, 404),
    ("GET", "/api/v2/pools", None, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), STATUSES)
def test_each_status_of_each_route(world, method, path, body, status):
    answer = world.open(path, method=method, json=body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"), [row for row in STATUSES if row[3] != 204]
)
def test_an_answer_with_a_body_is_json(world, method, path, body, status):
    answer = world.open(path, method=method, json=body)
    assert answer.content_type == "application/json"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (CORE_TASK + "/nope", "Task state store key 'nope' not found"),
        (CORE_ASSET + "/nope", "Asset state store key 'nope' not found"),
        (NO_ASSET, "Asset with id 9 not found"),
    ],
)
def test_the_shape_of_what_is_not_found(world, path, detail):
    assert world.get(path).json == {"detail": detail}


def test_the_shape_of_an_invalid_body(world):
    missing = {"type": "missing", "loc": ["body", "value"], "msg": "Field required", "input": {}}
    assert world.put(CORE_TASK + "/k", json={}).json == {"detail": [missing]}


def test_an_entry_of_a_task(world):
    entry = world.get(CORE_TASK + "/job_id").json
    assert entry.pop("updated_at").endswith("Z")
    assert entry == {"key": "job_id", "value": "job-42", "expires_at": None}


def test_an_entry_of_an_asset_names_its_writer(world):
    world.put(CORE_ASSET + "/k", json={"value": 1})
    writer = world.get(CORE_ASSET + "/k").json["last_updated_by"]
    assert writer == {
        "kind": "api",
        "dag_id": None,
        "run_id": None,
        "task_id": None,
        "map_index": None,
    }


def test_pages_are_sorted_by_key_and_count_everything(world):
    for key in "cab":
        world.put(f"{MAPPED}/{key}?map_index=0", json={"value": key})
    page = world.get(MAPPED + "?map_index=0&limit=2&offset=1").json
    assert [entry["key"] for entry in page["task_state_store"]] == ["b", "c"]
    assert page["total_entries"] == 3


def test_a_page_is_no_longer_than_the_limit_allows(start):
    client = start().test_client()
    client.put("/_stateroom/fixture", json={"config": {"maximum_page_limit": 1}})
    for name in "ab":
        client.post("/_stateroom/assets", json={"name": name})
    assert len(client.get("/api/v2/assets?limit=50").json["assets"]) == 1


def days_left(client, key):
    expires_at = client.get(f"{CORE_TASK}/{key}").json["expires_at"]
    left = expires_at and datetime.fromisoformat(expires_at.replace("Z", "+00:00")) - datetime.now(
        timezone.utc
    )
    return left and round(left / timedelta(days=1))


@pytest.mark.parametrize(("days", "expected"), [(30, 30), (7, 7), (0, None)])
def test_default_means_the_retention_that_is_configured(world, days, expected):
    world.put("/_stateroom/fixture", json={"config": {"default_retention_days": days}})
    world.put(CORE_TASK + "/k", json={"value": 1, "expires_at": "default"})
    assert days_left(world, "k") == expected


def test_a_negative_retention_has_no_default(world):
    world.put("/_stateroom/fixture", json={"config": {"default_retention_days": -1}})
    assert world.put(CORE_TASK + "/k", json={"value": 1}).status_code == 400
    assert world.put(CORE_TASK + "/k", json={"value": 1, "expires_at": None}).status_code == 204


def test_the_size_limit_is_configured(world):
    world.put("/_stateroom/fixture", json={"config": {"max_value_storage_bytes": 4}})
    assert [world.put(CORE_TASK + "/k", json={"value": n}).status_code for n in (1234, 12345)] == [
        204,
        422,
    ]


def test_assets_are_chosen_and_ordered(world):
    world.put(
        "/_stateroom/fixture",
        json={
            "assets": [
                {"id": 2, "name": "old", "uri": "u2", "active": False},
                {"id": 3, "name": "orbit", "uri": "u3"},
            ]
        },
    )

    def names(query):
        return [asset["name"] for asset in world.get("/api/v2/assets" + query).json["assets"]]

    assert names("") == ["orders", "orbit"]
    assert names("?name_prefix_pattern=or&order_by=name") == ["orbit", "orders"]
    assert names("?only_active=false&order_by=-id") == ["orbit", "old", "orders"]


def test_a_body_that_is_too_large_is_413_in_every_api(start):
    client = start(max_body="1KiB").test_client()
    paths = (CORE_TASK + "/k", f"/execution/store/ti/{RUN}/k", "/_stateroom/fixture")
    answers = [client.put(path, json={"value": "x" * 2000}) for path in paths]
    assert [answer.status_code for answer in answers] == [413] * 3
    assert all("--max-body" in answer.text for answer in answers)
