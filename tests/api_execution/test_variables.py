"""Variables of the Execution API, as Airflow 3.3.2 answers; the recorded scenarios are replayed in
full elsewhere.
"""

import pytest

from tests.support.world import TI, bearer

PATH = "/execution/variables"
KEYS = f"{PATH}/keys"
VARIABLES = {
    "variables": [
        {"key": "plain", "value": "hello", "description": "a greeting"},
        {"key": "p_%_x", "value": "1"},
        {"key": "pXYx", "value": "2"},
        {"key": "team/a/path", "value": "slashes"},
        {"key": "Plan", "value": ""},
    ]
}
TOO_SHORT = {
    "type": "string_too_short",
    "loc": ["path", "variable_key"],
    "msg": "String should have at least 1 character",
    "input": "",
    "ctx": {"min_length": 1},
}


@pytest.fixture
def client(world):
    assert world.put("/_stateroom/fixture", json=VARIABLES).status_code == 204
    return world


def problems(answer):
    assert answer.status_code == 422
    return [(problem["type"], problem["loc"]) for problem in answer.json["detail"]]


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("plain", "plain", "hello"),
        ("Plan", "Plan", ""),
        ("team/a/path", "team/a/path", "slashes"),
        ("team%2Fa%2Fpath", "team/a/path", "slashes"),
        ("p_%25_x", "p_%_x", "1"),
    ],
)
def test_a_variable_comes_with_its_key(client, path, key, value):
    assert client.get(f"{PATH}/{path}").json == {"key": key, "value": value}


@pytest.mark.parametrize("key", ["nope", "plain/", "PLAIN", "it's", "keys/"])
def test_an_unknown_variable_is_named(client, key):
    answer = client.get(f"{PATH}/{key}")
    message = f"Variable with key '{key}' not found"
    assert answer.status_code == 404
    assert answer.json == {"detail": {"reason": "not_found", "message": message}}


@pytest.mark.parametrize("key", ["plain%0A", "pl%0Aain", "%0A"])
def test_a_key_with_a_line_feed_is_no_path(client, key):
    answer = client.delete(f"{PATH}/{key}")
    assert answer.status_code == 404
    assert answer.json == {"detail": "Not Found"}
    assert client.get(f"{PATH}/plain").status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_empty_key_is_refused_twice(client, method):
    answer = client.open(f"{PATH}/", method=method)
    assert answer.status_code == 422
    assert answer.json == {"detail": [TOO_SHORT, TOO_SHORT]}


def test_problems_of_key_and_body_come_in_one_list(client):
    short = ("string_too_short", ["path", "variable_key"])
    found = problems(client.put(f"{PATH}/", json={"val": 1}))
    assert found == [short, short, ("string_type", ["body", "val"])]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "HEAD"])
def test_a_path_without_its_slash_is_redirected(client, method):
    answer = client.open(f"{PATH}?a=b", method=method)
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"http://localhost{PATH}/?a=b"


@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [f"{PATH}/plain", KEYS])
def test_other_methods_are_refused(client, method, path):
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"val": "v"}, "v"),
        ({"val": ""}, ""),
        ({"val": None}, "None"),
        ({"value": "by its other name"}, "by its other name"),
        ({"val": "a\0b", "description": None}, "a\0b"),
    ],
)
def test_a_variable_is_set(client, body, value):
    answer = client.put(f"{PATH}/plain", json=body)
    assert answer.status_code == 201
    assert answer.json == {"message": "Variable successfully set"}
    assert client.get(f"{PATH}/plain").json["value"] == value


@pytest.mark.parametrize(
    ("body", "kind", "loc"),
    [
        ({}, "missing", ["val"]),
        (None, "missing", []),
        ([], "model_attributes_type", []),
        ({"val": 1}, "string_type", ["val"]),
        ({"value": 1}, "string_type", ["value"]),
        ({"val": {"a": 1}}, "string_type", ["val"]),
        ({"val": "a", "value": "b"}, "extra_forbidden", ["value"]),
        ({"val": "a", "description": 5}, "string_type", ["description"]),
        ({"val": "\ud800"}, "string_unicode", ["val"]),
    ],
)
def test_an_invalid_body_is_refused(client, body, kind, loc):
    answer = client.put(f"{PATH}/plain", json=body)
    assert problems(answer) == [(kind, ["body", *loc])]
    assert client.get(f"{PATH}/plain").json["value"] == "hello"


def test_problems_of_a_body_are_in_the_order_of_its_members(client):
    for name in ("val", "value"):
        answer = client.put(f"{PATH}/plain", json={"x": 1, "description": 2, name: 3})
        assert [loc[1] for _, loc in problems(answer)] == [name, "description", "x"]


def test_setting_a_variable_forgets_its_description(client):
    client.put(f"{PATH}/plain", json={"val": "v", "description": "d"})
    client.put(f"{PATH}/plain", json={"val": "v"})
    (variable,) = [row for row in exported(client) if row["key"] == "plain"]
    assert variable == {"key": "plain", "value": "v"}


def exported(client):
    return client.get("/_stateroom/fixture").json["variables"]


@pytest.mark.parametrize("key", ["plain", "team/a/path", "nope"])
def test_a_deleted_variable_is_gone(client, key):
    answer = client.delete(f"{PATH}/{key}")
    assert answer.status_code == 204
    assert answer.data == b""
    assert client.get(f"{PATH}/{key}").status_code == 404


@pytest.mark.parametrize(
    ("query", "keys", "total"),
    [
        ("", ["Plan", "pXYx", "p_%_x", "plain", "team/a/path"], 5),
        ("?prefix=", ["Plan", "pXYx", "p_%_x", "plain", "team/a/path"], 5),
        ("?prefix=p_%25", ["p_%_x"], 1),
        ("?prefix=PLA", ["Plan", "plain"], 2),
        ("?prefix=nope", [], 0),
        ("?limit=2", ["Plan", "pXYx"], 5),
        ("?limit=2&offset=3", ["plain", "team/a/path"], 5),
        ("?offset=5", [], 5),
        ("?prefix=t&prefix=p&limit=10000&offset=1.0", ["pXYx", "p_%_x", "plain"], 4),
    ],
)
def test_keys_are_listed(client, query, keys, total):
    assert client.get(KEYS + query).json == {"keys": keys, "total_entries": total}


@pytest.mark.parametrize(
    ("query", "kind", "name"),
    [
        ("limit=0", "greater_than_equal", "limit"),
        ("limit=10001", "less_than_equal", "limit"),
        ("limit=", "int_parsing", "limit"),
        ("offset=-1", "greater_than_equal", "offset"),
        ("offset=x", "int_parsing", "offset"),
    ],
)
def test_an_invalid_page_is_refused(client, query, kind, name):
    assert problems(client.get(f"{KEYS}?{query}")) == [(kind, ["query", name])]


def test_an_offset_that_no_row_can_have_is_refused(client):
    answer = client.get(f"{KEYS}?offset={2**63}")
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "out_of_range"


def test_a_prefix_may_be_long(client):
    assert client.get(KEYS, query_string={"prefix": "x" * 60_000}).json["total_entries"] == 0


def test_an_older_worker_has_a_variable_of_that_name(client):
    client.put(KEYS, json={"val": "mine"})
    answer = client.get(KEYS, headers={"Airflow-API-Version": "2025-04-11"})
    assert answer.json == {"key": "keys", "value": "mine"}
    assert client.get(KEYS).json["total_entries"] == 6
    assert client.delete(KEYS).status_code == 204


def test_each_namespace_has_variables_of_its_own(client):
    assert client.post("/_stateroom/namespaces", json={"name": "vars"}).status_code == 201
    client.put(f"/ns/vars{PATH}/plain", json={"val": "another"})
    assert client.get(f"{PATH}/plain").json["value"] == "hello"
    client.post("/ns/vars/_stateroom/reset")
    assert client.get(f"/ns/vars{PATH}/plain").status_code == 404
    assert client.get(f"{PATH}/plain").status_code == 200
    client.delete("/_stateroom/namespaces/vars")


def test_a_token_is_needed_where_there_is_a_secret(guarded):
    assert guarded.get(f"{PATH}/plain").status_code == 401
    assert guarded.get(KEYS, headers=bearer("wrong")).status_code == 403
    assert guarded.put(f"{PATH}/plain", json={"val": "v"}).status_code == 401


# ---------------------------------------------------------------- journal


def events(client, op):
    return client.get(f"/_stateroom/journal?op={op}").json["events"]


def token(world):
    answer = world.get(
        "/_stateroom/task-instances?dag_id=etl&task_id=extract"
        "&run_id=manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    )
    return bearer(answer.json["token"])


def test_the_journal_says_which_task_set_a_variable(client):
    client.put(f"{PATH}/limit", json={"val": "5"}, headers=token(client))
    event = events(client, "set_variable")[-1]
    assert event["key"] == "limit"
    assert event["value"] == "5"
    assert event["status"] == 201
    assert event["actor"]["ti_id"] == TI
    assert event["scope"]["task_id"] == "extract"


def test_the_journal_says_which_task_deleted_a_variable(client):
    client.delete(f"{PATH}/plain", headers=token(client))
    client.delete(f"{PATH}/nope")
    deleted, unchanged = events(client, "delete_variable")[-2:]
    assert deleted["key"] == "plain"
    assert deleted["actor"]["ti_id"] == TI
    assert deleted["outcome"] is None
    assert unchanged["outcome"] == "unchanged"
    assert unchanged["scope"] is None


def test_reading_a_variable_leaves_an_event_without_its_value(client):
    last = client.get("/_stateroom/journal?newest=1").json["last"]
    client.get(f"{PATH}/plain")
    (event,) = client.get(f"/_stateroom/journal?after={last}").json["events"]
    assert event["op"] == "get_variable"
    assert "value" not in event


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("api_key", "s3cr3t", "***"),
        ("My Password", "s3cr3t", "***"),
        ("slack-webhook.url", "s3cr3t", "***"),
        ("db", '{"user": "u", "password": "s3cr3t"}', '{"user": "u", "password": "***"}'),
        ("dbs", '[{"token": {"a": ["s3cr3t"]}}]', '[{"token": "***"}]'),
        ("plain", '{"a": [1, 2]}', '{"a": [1, 2]}'),
        ("monkey", "s3cr3t", "s3cr3t"),
    ],
)
def test_the_journal_hides_values_as_airflow_does(client, key, value, shown):
    client.put(f"{PATH}/{key}", json={"val": value})
    assert events(client, "set_variable")[-1]["value"] == shown
    assert client.get(f"{PATH}/{key}").json["value"] == value


def test_further_names_of_secrets_can_be_configured(start):
    from app import create_app

    variable = {"AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "Iban, pin"}
    app = create_app({"db": ":memory:"}, variable)
    client = app.test_client()
    client.put(f"{PATH}/my_iban", json={"val": "DE00"})
    client.put(f"{PATH}/other", json={"val": "DE00"})
    hidden, shown = events(client, "set_variable")
    app.extensions["stateroom"].store.close()
    assert hidden["value"] == "***"
    assert shown["value"] == "DE00"
