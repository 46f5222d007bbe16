"""Inputs of a view: keys in paths, queries, bodies and their content types."""

import json
from urllib.parse import quote

import pytest

from tests.support.world import CORE_TASK, TASK_KEY, TI
from web.request.parsing import is_json, load_again

ODD_KEYS = [
    "/a",
    "a/",
    "a//b",
    "//",
    "a b",
    "a%2Fb",
    "%",
    "?",
    "#",
    "a?b=c",
    "&",
    "+",
    "é",
    "注文",
    "🎈",
    "..x",
    "a\\b",
    "'",
    '"',
    "a;b",
    "~",
    "\t",
    "\0",
    "x" * 1000,
    "state-store",
    "clear",
    "None",
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_arrives_as_it_was_meant(world, key):
    path = TASK_KEY.replace("job_id", quote(key, safe=""))
    assert world.put(path, json={"value": key}).status_code == 204
    assert world.get(path).json == {"value": key}
    keys = [entry["key"] for entry in world.get(CORE_TASK).json["task_state_store"]]
    assert sorted(keys) == sorted({"job_id", key})


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_in_a_query_arrives_too(world, key):
    query = {"name": "orders", "key": key}
    assert (
        world.put(
            "/execution/store/asset/by-name/value", query_string=query, json={"value": 1}
        ).status_code
        == 204
    )
    assert world.get("/execution/store/asset/by-name/value", query_string=query).json == {
        "value": 1
    }


def test_neighbouring_keys_are_different_keys(world):
    for number, key in enumerate(["a", "/a", "a/", "A", "%61"]):
        world.put(f"{CORE_TASK}/{quote(key, safe='')}", json={"value": number})
    entries = world.get(CORE_TASK).json["task_state_store"]
    assert {entry["key"]: entry["value"] for entry in entries if entry["key"] != "job_id"} == {
        "a": 0,
        "/a": 1,
        "a/": 2,
        "A": 3,
        "%61": 4,
    }


def test_no_key_is_redirected(world):
    answer = world.get(f"/execution/store/ti/{TI}//a")
    assert answer.status_code == 404
    assert answer.json["detail"]["message"] == "Task state store key '/a' not found"


def test_of_a_parameter_given_twice_the_last_counts(world):
    both = "name=nope&name=orders&key=x&key=watermark"
    assert world.get(f"/execution/store/asset/by-name/value?{both}").json == {"value": "2026-01-01"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/problem+json", True),
        ("", False),
        ("text/plain", False),
        ("application/jsonp", False),
        ("application/x-www-form-urlencoded", False),
        ("text/json", False),
        ("application/json-seq", False),
    ],
)
def test_what_counts_as_json(kind, expected):
    assert is_json(kind) == expected


@pytest.mark.parametrize(
    "body", ["{", '{"value": }', "'x'", "{'value': 1}", "\x00", '{"value": 1} x']
)
def test_broken_json_is_named_by_its_place(world, body):
    answer = world.put(TASK_KEY, data=body, content_type="application/json")
    (problem,) = answer.json["detail"]
    assert answer.status_code == 422
    assert problem["type"] == "json_invalid"
    assert problem["loc"][0] == "body"
    assert 0 <= problem["loc"][1] <= len(body)


def put_nested(client, path, depth):
    """Put a list of lists of lists…; return the status."""
    body = '{"value": ' + "[" * depth + "]" * depth + "}"
    return client.put(path, data=body, content_type="application/json").status_code


@pytest.mark.parametrize("depth", [100, 250])
@pytest.mark.parametrize("path", [TASK_KEY, CORE_TASK + "/k"])
def test_a_nested_value_is_stored(world, path, depth):
    assert put_nested(world, path, depth) == 204


@pytest.mark.parametrize("depth", [1_000, 5_000, 100_000])
def test_a_value_nested_too_deep_is_refused_in_both_apis(world, depth):
    status = put_nested(world, TASK_KEY, depth)
    assert status in (400, 422)
    assert put_nested(world, CORE_TASK + "/k", depth) == status


def test_the_body_is_checked_before_the_token(guarded):
    assert guarded.put(TASK_KEY, data="{", content_type="application/json").status_code == 422
    assert (
        guarded.put(TASK_KEY, data=json.dumps({}), content_type="application/json").status_code
        == 401
    )


def test_there_is_no_head_and_no_options_where_airflow_has_none(world):
    assert [
        world.open(TASK_KEY, method=method).status_code for method in ("HEAD", "OPTIONS", "TRACE")
    ] == [405] * 3


def test_short_parameters_are_cached_and_long_ones_are_not(world):
    load_again.cache_clear()
    for _ in range(3):
        assert world.get("/api/v2/assets?limit=1&order_by=-name").json["total_entries"] == 1
        assert world.get("/api/v2/assets?limit=x").status_code == 422
        assert world.get("/api/v2/assets?order_by=name&order_by=" + "x" * 2000).status_code == 400
    cache = load_again.cache_info()
    assert cache.hits == 2
    assert cache.currsize == 1
