"""The Control API: fixtures, attempts, assets, cleaning, reset and health; every error says where
it is.
"""

import json

import pytest

from tests.support.world import (
    ASSET_KEY,
    CORE_ASSET,
    CORE_TASK,
    EXTRACT,
    RUN,
    TASK_KEY,
    TI,
    WORLD,
    admin,
    bearer,
)

FIXTURE = "/_stateroom/fixture"
ATTEMPT = "/_stateroom/task-instances"
ASSETS = "/_stateroom/assets"
NEW_TI = "019b0000-0000-7000-8000-0000000000aa"

STATUSES = [
    ("GET", "/_stateroom/health", None, 200),
    ("GET", FIXTURE, None, 200),
    ("PUT", FIXTURE, {}, 204),
    ("PUT", FIXTURE, None, 422),
    ("PUT", FIXTURE, {"assets": [{}]}, 422),
    ("POST", FIXTURE, {}, 405),
    ("POST", ATTEMPT, {"dag_id": "d", "task_id": "t"}, 201),
    ("POST", ATTEMPT, {"dag_id": "d"}, 422),
    ("POST", ASSETS, {"name": "new"}, 201),
    ("POST", ASSETS, {"name": "orders"}, 201),
    ("POST", ASSETS, {"name": "orders", "uri": "other"}, 422),
    ("POST", "/_stateroom/clean", None, 200),
    ("POST", "/_stateroom/clean?dry_run=perhaps", None, 422),
    ("POST", "/_stateroom/reset", None, 204),
    ("POST", "/_stateroom/reset?to=empty", None, 204),
    ("POST", "/_stateroom/reset?to=nowhere", None, 422),
    ("GET", "/_stateroom/nowhere", None, 404),
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
    ("method", "path", "body", "status"), [row for row in STATUSES if row[3] >= 400]
)
def test_an_error_has_a_reason_and_a_message(world, method, path, body, status):
    answer = world.open(path, method=method, json=body)
    assert {"reason", "message"} <= set(answer.json["detail"])


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/_stateroom/clean?dry_run=perhaps", "query.dry_run"),
        ("/_stateroom/reset?to=nowhere", "query.to"),
        (ASSETS + "?strict=maybe", "query.strict"),
    ],
)
def test_an_invalid_query_option_is_named_and_changes_nothing(world, path, where):
    before = world.get(FIXTURE).json
    answer = world.post(path, json={"name": "new"})
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == where
    assert world.get(FIXTURE).json == before


# ---------------------------------------------------------------- errors

BAD_DOCUMENTS = [
    ([], "body"),
    ({"config": 5}, "config"),
    ({"config": {"clear_on_success": "yes"}}, "config.clear_on_success"),
    ({"config": {"jwt_secret": ""}}, "config.jwt_secret"),
    ({"dag_runs": {}}, "dag_runs"),
    ({"dag_runs": [5]}, "dag_runs[0]"),
    ({"dag_runs": [{"dag_id": "d"}]}, "dag_runs[0].run_id"),
    (
        {"dag_runs": [{"dag_id": "d", "run_id": "r", "logical_date": "soon"}]},
        "dag_runs[0].logical_date",
    ),
    ({"task_instances": [{"id": 5, **EXTRACT}]}, "task_instances[0].id"),
    ({"task_instances": [{"id": NEW_TI, **EXTRACT, "run_id": "nope"}]}, "task_instances[0].run_id"),
    ({"task_instances": [{"id": TI, **EXTRACT, "task_id": "other"}]}, "task_instances[0].id"),
    ({"assets": [{"id": 2, "name": "orders", "uri": "u"}]}, "assets[0].name"),
    ({"assets": [{"id": 2, "name": "n", "uri": "s3://bucket/orders"}]}, "assets[0].uri"),
    ({"assets": [{"id": 2, "name": "\ud800", "uri": "u"}]}, "assets[0].name"),
    ({"task_state_store": [{**EXTRACT, "key": "k", "value": None}]}, "task_state_store[0].value"),
    (
        {"task_state_store": [{**EXTRACT, "task_id": "nope", "key": "k", "value": 1}]},
        "task_state_store[0]",
    ),
    (
        {"asset_state_store": [{"asset": "nope", "key": "k", "value": 1}]},
        "asset_state_store[0].asset",
    ),
    (
        {"asset_state_store": [{"asset": "orders", "key": "k", "value": 1, "last_updated_by": 5}]},
        "asset_state_store[0].last_updated_by",
    ),
]


@pytest.mark.parametrize(
    ("document", "where"), BAD_DOCUMENTS, ids=[where for _, where in BAD_DOCUMENTS]
)
def test_a_bad_row_is_named_and_changes_nothing(world, document, where):
    before = world.get(FIXTURE).json
    good = {"dag_runs": [{"dag_id": "new", "run_id": "new"}]}
    answer = world.put(
        FIXTURE, json={**good, **document} if isinstance(document, dict) else document
    )
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == where
    assert where in answer.json["detail"]["message"]
    assert world.get(FIXTURE).json == before


def test_the_shape_of_an_error(world):
    detail = world.post(ATTEMPT, json={"task_id": 5}).json["detail"]
    errors = [
        {"where": "dag_id", "message": "Field required"},
        {"where": "task_id", "message": "Input should be a valid string"},
    ]
    message = "dag_id: Field required; task_id: Input should be a valid string"
    assert detail == {
        "reason": "invalid_input",
        "message": message,
        "where": "dag_id",
        "errors": errors,
    }


def test_an_error_found_in_the_database_has_the_same_shape(world):
    detail = world.post(ASSETS, json={"name": "orders", "uri": "other"}).json["detail"]
    why = "the active asset 1 already has the name 'orders'"
    errors = [{"where": "name", "message": why}]
    assert detail == {
        "reason": "bad_document",
        "message": f"name: {why}",
        "where": "name",
        "errors": errors,
    }


def test_a_message_lists_at_most_five_errors(world):
    detail = world.put(FIXTURE, json={"dag_runs": [{}] * 100}).json["detail"]
    assert len(detail["errors"]) == 200
    assert detail["message"].endswith("; and 195 more")


@pytest.mark.parametrize(
    ("raw", "status", "words"),
    [
        (b'{"assets":', 422, "character 10: not JSON: Expecting value"),
        (b'{"a": "\xff"}', 400, "There was an error parsing the body"),
        (b"[" * 100_000, 400, "There was an error parsing the body"),
        (b"1" * 10_000, 400, "There was an error parsing the body"),
    ],
)
def test_invalid_json_is_refused_with_a_reason(world, raw, status, words):
    answer = world.put(FIXTURE, data=raw, content_type="application/json")
    assert answer.status_code == status
    assert answer.json["detail"]["message"] == words


# ---------------------------------------------------------------- unknown members

UNKNOWN = {"assets": [{"id": 2, "name": "n", "uri": "u", "color": "g"}], "comment": "hello"}


def test_unknown_members_are_ignored_and_named(world):
    answer = world.put(FIXTURE, json=UNKNOWN)
    assert answer.status_code == 204
    assert answer.headers["Stateroom-Ignored"] == "comment, assets[0].color"


def test_unknown_members_are_refused_if_asked_to(world):
    answer = world.put(FIXTURE + "?strict=1", json=UNKNOWN)
    assert [error["where"] for error in answer.json["detail"]["errors"]] == [
        "comment",
        "assets[0].color",
    ]
    assert world.get("/api/v2/assets").json["total_entries"] == 1


@pytest.mark.parametrize("path", [ATTEMPT, ASSETS])
def test_unknown_members_are_named_on_the_other_routes_too(world, path):
    body = {"dag_id": "d", "task_id": "t", "name": "n", "shape": "round"}
    assert "shape" in world.post(path, json=body).headers["Stateroom-Ignored"]
    assert world.post(path + "?strict=true", json=body).status_code == 422


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\r\nSet-Cookie: x", "a\\r\\nSet-Cookie: x"),
        ("é\0\\", "\\xe9\\x00\\\\"),
        ("x" * 999, "x" * 120),
    ],
)
def test_a_hostile_member_name_harms_no_header(world, name, shown):
    assert world.put(FIXTURE, json={name: 1}).headers["Stateroom-Ignored"] == shown


def test_the_header_does_not_grow_without_end(world):
    header = world.put(FIXTURE, json={f"m{number}": 1 for number in range(60)}).headers[
        "Stateroom-Ignored"
    ]
    assert header.count(",") == 50
    assert header.endswith(", and 10 more")


# ---------------------------------------------------------------- attempts and assets


def test_a_new_task_instance_gets_a_manual_run(client):
    attempt = client.post(ATTEMPT, json={"dag_id": "d", "task_id": "t"}).json
    assert attempt["run_id"].startswith("manual__")
    assert [run["run_id"] for run in client.get(FIXTURE).json["dag_runs"]] == [attempt["run_id"]]


def test_a_new_task_instance_is_unmapped_and_in_its_first_try(client):
    attempt = client.post(ATTEMPT, json={"dag_id": "d", "task_id": "t"}).json
    assert attempt["map_index"] == -1
    assert attempt["try_number"] == 1


def test_a_new_task_instance_can_write_state(client):
    attempt = client.post(ATTEMPT, json={"dag_id": "d", "task_id": "t"}).json
    assert (
        client.put(f"/execution/store/ti/{attempt['id']}/k", json={"value": 1}).status_code == 204
    )


def test_known_coordinates_are_the_next_attempt(world):
    attempt = world.post(ATTEMPT, json=EXTRACT).json
    assert attempt["try_number"] == 2
    assert attempt["id"] != TI
    assert world.get(f"/execution/store/ti/{attempt['id']}/job_id").json == {"value": "job-42"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", TASK_KEY, None),
        ("PUT", TASK_KEY, {"value": 1}),
        ("DELETE", TASK_KEY, None),
        ("DELETE", f"/execution/store/ti/{TI}", None),
        (
            "PATCH",
            f"/execution/task-instances/{TI}/state",
            {"state": "success", "end_date": "2026-01-01T00:00:00Z"},
        ),
        ("PUT", ASSET_KEY, {"value": 1}),
    ],
)
def test_the_attempt_before_is_unknown_and_can_write_nothing(guarded, method, path, body):
    attempt = guarded.post(ATTEMPT, json=EXTRACT, headers=admin()).json
    token = {"Authorization": f"Bearer {attempt['token']}"}
    zombie = guarded.get(FIXTURE, headers=admin()).json["task_instances"][0]["id"]
    guarded.post(ATTEMPT, json=EXTRACT, headers=admin())
    assert (
        guarded.open(path.replace(TI, zombie), method=method, json=body, headers=token).status_code
        == 404
    )
    assert guarded.get(CORE_TASK + "/job_id", headers=admin()).json["value"] == "job-42"
    assert guarded.get(CORE_ASSET + "/watermark", headers=admin()).json["value"] == "2026-01-01"


def test_a_token_of_an_attempt_opens_its_store(guarded):
    attempt = guarded.post(ATTEMPT, json=EXTRACT, headers=admin()).json
    answer = guarded.get(
        f"/execution/store/ti/{attempt['id']}/job_id",
        headers={"Authorization": f"Bearer {attempt['token']}"},
    )
    assert answer.json == {"value": "job-42"}


def test_an_asset_has_its_name_for_a_uri(client):
    assert client.post(ASSETS, json={"name": "a"}).json == {"id": 1, "name": "a", "uri": "a"}
    assert client.post(ASSETS, json={"name": "b", "uri": "u"}).json == {
        "id": 2,
        "name": "b",
        "uri": "u",
    }


def test_a_known_asset_is_returned_as_it_is(world):
    assert world.post(ASSETS, json={"name": "orders"}).json == {
        "id": 1,
        "name": "orders",
        "uri": "s3://bucket/orders",
    }


# ---------------------------------------------------------------- clean, reset, health


def test_clean_removes_expired_keys_and_dry_run_only_counts(world):
    world.put(CORE_TASK + "/old", json={"value": 1, "expires_at": "2020-01-01T00:00:00Z"})
    world.put(CORE_TASK + "/new", json={"value": 1, "expires_at": "2999-01-01T00:00:00Z"})
    clean = [
        world.post("/_stateroom/clean" + query).json for query in ("?dry_run=1", "", "?dry_run=0")
    ]
    assert clean == [{"expired": 1}, {"removed": 1}, {"removed": 0}]
    assert [entry["key"] for entry in world.get(CORE_TASK).json["task_state_store"]] == [
        "job_id",
        "new",
    ]


@pytest.fixture
def seeded(start, tmp_path):
    """A client of a service that was started with a fixture."""
    path = tmp_path / "fixture.json"
    path.write_text(json.dumps(WORLD))
    return start(fixture=str(path)).test_client()


def test_reset_returns_to_the_fixture_of_the_start(seeded):
    seeded.put(CORE_ASSET + "/watermark", json={"value": "later"})
    seeded.put(
        FIXTURE,
        json={"config": {"clear_on_success": True}, "dag_runs": [{"dag_id": "x", "run_id": "x"}]},
    )
    assert seeded.post("/_stateroom/reset").status_code == 204
    document = seeded.get(FIXTURE).json
    assert document["config"] == {}
    assert [run["run_id"] for run in document["dag_runs"]] == [RUN]
    assert seeded.get(CORE_ASSET + "/watermark").json["value"] == "2026-01-01"


def test_reset_to_empty_forgets_the_fixture_once(seeded):
    seeded.post("/_stateroom/reset?to=empty")
    assert not any(seeded.get(FIXTURE).json.values())
    seeded.post("/_stateroom/reset")
    assert seeded.get(FIXTURE).json["assets"] == [
        {"id": 1, "name": "orders", "uri": "s3://bucket/orders", "active": True}
    ]


def test_reset_without_a_fixture_forgets_everything(world):
    world.post("/_stateroom/reset")
    assert not any(world.get(FIXTURE).json.values())
    assert world.get(TASK_KEY).status_code == 404


def test_health(world):
    facts = world.get("/_stateroom/health").json
    assert facts.pop("uptime") >= 0
    assert facts.pop("realm").endswith("/default")
    assert facts.pop("backend") == {"name": "metastore", "most": 32, "running": 0, "stuck": 0}
    assert facts == {
        "status": "healthy",
        "version": "0.1.0",
        "compat": "3.3",
        "database": ":memory:",
    }


def test_health_of_a_database_that_cannot_be_read(app, client):
    app.extensions["stateroom"].store.close()
    answer = client.get("/_stateroom/health")
    assert answer.status_code == 503
    assert answer.json["status"] == "unhealthy"
    assert "closed" in answer.json["problem"]


# ---------------------------------------------------------------- the current attempt


def test_the_current_attempt_comes_with_a_token(guarded):
    guarded.post(ATTEMPT, json=EXTRACT, headers=admin())
    latest = guarded.post(ATTEMPT, json=EXTRACT, headers=admin()).json
    current = guarded.get(ATTEMPT, query_string=EXTRACT, headers=admin()).json
    assert {**current, "token": ""} == {**latest, "token": ""}
    token = bearer(current["token"])
    answer = guarded.put(f"/execution/store/ti/{current['id']}/k", json={"value": 1}, headers=token)
    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("asked", "status"), [({**EXTRACT, "map_index": 7}, 404), ({"dag_id": "etl"}, 422)]
)
def test_a_task_instance_that_is_not_there_is_404(world, asked, status):
    assert world.get(ATTEMPT, query_string=asked).status_code == status
