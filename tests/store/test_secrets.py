"""Secrets of connections and variables in fixture documents, and where they never appear."""

import json
import logging

import pytest

from app import create_app
from state.errors import SettingError

FIXTURE = "/_stateroom/fixture"
PASSWORD = "correct-horse"
TOKEN = "battery-staple"
VALUE = "xkcd-936"
NESTED = '{"user": "u", "password": "tr0ub4dor"}'
SECRETS = (PASSWORD, TOKEN, VALUE, "tr0ub4dor")
DOCUMENT = {
    "variables": [
        {"key": "api-key", "value": VALUE, "description": "the shop's"},
        {"key": "db", "value": NESTED},
        {"key": "plain", "value": "hello"},
    ],
    "connections": [
        {"conn_id": "bare", "conn_type": "http"},
        {
            "conn_id": "my-pg.1",
            "conn_type": "postgres",
            "host": "db.example.com",
            "login": "user",
            "password": PASSWORD,
            "port": 5432,
            "extra": json.dumps({"token": TOKEN}),
        },
    ],
}
ENVIRON = {
    "STATEROOM_VAR_API_KEY": VALUE,
    "STATEROOM_VAR_DB": NESTED,
    "STATEROOM_CONN_MY_PG_1_PASSWORD": PASSWORD,
    "STATEROOM_CONN_MY_PG_1_EXTRA": json.dumps({"token": TOKEN}),
}


@pytest.fixture
def client_with():
    """Makes clients of services with given environment variables."""
    apps = []

    def client_with(environ, **settings):
        apps.append(create_app({"db": ":memory:", **settings}, environ))
        return apps[-1].test_client()

    yield client_with
    for app in apps:
        app.extensions["stateroom"].store.close()


@pytest.fixture
def client(client_with):
    client = client_with({})
    assert client.put(FIXTURE, json=DOCUMENT).status_code == 204
    return client


def parts(document):
    return {name: document[name] for name in DOCUMENT}


def test_an_export_names_variables_in_place_of_secrets(client):
    exported = client.get(FIXTURE).json
    assert not any(secret in json.dumps(exported) for secret in SECRETS)
    assert exported["variables"] == [
        {
            "key": "api-key",
            "value": {"$env": "STATEROOM_VAR_API_KEY"},
            "description": "the shop's",
        },
        {"key": "db", "value": {"$env": "STATEROOM_VAR_DB"}},
        {"key": "plain", "value": "hello"},
    ]
    assert exported["connections"] == [
        DOCUMENT["connections"][0],
        {
            **DOCUMENT["connections"][1],
            "password": {"$env": "STATEROOM_CONN_MY_PG_1_PASSWORD"},
            "extra": {"$env": "STATEROOM_CONN_MY_PG_1_EXTRA"},
        },
    ]


def test_an_export_has_the_secrets_if_asked(client):
    assert parts(client.get(f"{FIXTURE}?with_secrets=1").json) == DOCUMENT


def test_an_empty_namespace_exports_neither_part(client_with):
    exported = client_with({}).get(FIXTURE).json
    assert "variables" not in exported
    assert "connections" not in exported


def test_secrets_are_read_from_the_environment(client, client_with):
    other = client_with(ENVIRON)
    assert other.put(f"{FIXTURE}?strict=1", json=client.get(FIXTURE).json).status_code == 204
    assert parts(other.get(f"{FIXTURE}?with_secrets=1").json) == DOCUMENT


def test_a_missing_variable_of_the_environment_is_named(client, client_with):
    environ = {**ENVIRON}
    del environ["STATEROOM_CONN_MY_PG_1_PASSWORD"]
    other = client_with(environ)
    answer = other.put(FIXTURE, json=client.get(FIXTURE).json)
    assert answer.status_code == 422
    detail = answer.json["detail"]
    assert detail["where"] == "connections[1].password"
    assert "STATEROOM_CONN_MY_PG_1_PASSWORD is not set" in detail["message"]
    assert "variables" not in other.get(FIXTURE).json


def test_similar_ids_get_names_of_their_own(client_with):
    client = client_with({})
    ids = ("a-b", "a.b", "a_b")
    connections = [
        {"conn_id": conn_id, "conn_type": "http", "password": conn_id} for conn_id in ids
    ]
    client.put(FIXTURE, json={"connections": connections})
    names = [row["password"]["$env"] for row in client.get(FIXTURE).json["connections"]]
    first = "STATEROOM_CONN_A_B_PASSWORD"
    assert names == [first, f"{first}_2", f"{first}_3"]


@pytest.mark.parametrize(
    "placeholder",
    [
        {"$env": "HOME"},
        {"$env": "AIRFLOW__API_AUTH__JWT_SECRET"},
        {"$env": "STATEROOM_CONN_"},
        {"$env": "STATEROOM_CONN_A", "more": 1},
        {"$env": 5},
        {},
    ],
)
def test_no_other_variable_of_the_environment_is_read(client_with, placeholder):
    client = client_with({"HOME": "h", "STATEROOM_CONN_A": "a", "STATEROOM_CONN_": "b"})
    connection = {"conn_id": "c", "conn_type": "http", "password": placeholder}
    answer = client.put(FIXTURE, json={"connections": [connection]})
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == "connections[0].password"


@pytest.mark.parametrize("extra", ["[1]", "nonsense", '"text"', "[" * 100_000])
def test_an_extra_that_airflow_cannot_hold_is_refused(client_with, extra):
    connection = {"conn_id": "c", "conn_type": "http", "extra": extra}
    answer = client_with({}).put(FIXTURE, json={"connections": [connection]})
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == "connections[0].extra"
    assert extra not in answer.text


def test_a_reset_reads_the_environment_again(tmp_path, client, client_with):
    path = tmp_path / "fixture.json"
    path.write_text(json.dumps(client.get(FIXTURE).json))
    environ = {**ENVIRON}
    other = client_with(environ, fixture=str(path))
    environ["STATEROOM_VAR_API_KEY"] = "rotated"
    other.post("/_stateroom/reset")
    assert other.get("/execution/variables/api-key").json["value"] == "rotated"


def test_a_namespace_is_created_with_secrets_of_the_environment(client, client_with):
    other = client_with(ENVIRON)
    body = {"name": "mine", "fixture": client.get(FIXTURE).json}
    assert other.post("/_stateroom/namespaces", json=body).status_code == 201
    answer = other.get("/ns/mine/execution/connections/my-pg.1")
    assert answer.json["password"] == PASSWORD


def test_secrets_are_in_no_listing_page_or_log(client, caplog):
    caplog.set_level(logging.DEBUG)
    client.put("/execution/variables/api-key", json={"val": VALUE, "description": "d"})
    client.put("/execution/variables/db", json={"val": NESTED})
    client.put("/_stateroom/snapshots/one")
    client.put(FIXTURE, json={"connections": [{**DOCUMENT["connections"][1], "port": 1}]})
    client.put(FIXTURE, json={"connections": [{**DOCUMENT["connections"][1], "port": "x"}]})
    client.put("/_stateroom/snapshots/two")
    paths = (
        *("/_stateroom/journal", "/_stateroom/snapshots/diff?a=one&b=two", FIXTURE),
        *("/_stateroom/snapshots", "/_stateroom/namespaces", "/_stateroom/health", "/openapi.json"),
        *("/", "/bench", "/bench?a=one&b=two", "/references", "/live"),
    )
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert not any(secret in answer.text for secret in SECRETS), path
    assert not any(secret in caplog.text for secret in SECRETS)


def test_an_error_does_not_repeat_a_secret(client):
    connection = {**DOCUMENT["connections"][1], "port": "x", "extra": f"not JSON: {TOKEN}"}
    answer = client.put(FIXTURE, json={"connections": [connection]})
    assert answer.status_code == 422
    assert not any(secret in answer.text for secret in SECRETS)
    answer = client.put(FIXTURE, json={"connections": [{**connection, "port": 1}]})
    assert answer.status_code == 422
    assert not any(secret in answer.text for secret in SECRETS)


def test_the_database_has_no_secret_in_its_journal(client, client_with):
    client.put("/execution/variables/api-key", json={"val": VALUE})
    store = client.application.extensions["stateroom"].store
    store.log.flush()
    with store.reading() as db:
        rows = [str(tuple(row)) for row in db.execute("SELECT * FROM journal")]
    assert rows
    assert not any(secret in row for secret in SECRETS for row in rows)


def test_an_empty_secret_is_none(client_with):
    client = client_with({})
    variables = [{"key": "token", "value": ""}]
    connections = [{"conn_id": "c", "conn_type": "http", "password": "", "extra": ""}]
    client.put(FIXTURE, json={"variables": variables, "connections": connections})
    exported = client.get(FIXTURE).json
    assert exported["variables"] == variables
    assert exported["connections"] == [{"conn_id": "c", "conn_type": "http", "extra": ""}]


def test_a_start_names_the_missing_variable_of_the_environment(tmp_path, client, client_with):
    path = tmp_path / "fixture.json"
    path.write_text(json.dumps(client.get(FIXTURE).json))
    with pytest.raises(SettingError, match="STATEROOM_VAR_API_KEY is not set"):
        client_with({}, fixture=str(path))


def test_variables_keep_a_fixture_from_being_loaded_again(tmp_path, client_with):
    path = tmp_path / "fixture.json"
    path.write_text(json.dumps({"variables": [{"key": "k", "value": "old"}]}))
    settings = {"db": str(tmp_path / "stateroom.db"), "fixture": str(path)}
    first = client_with({}, **settings)
    first.put("/execution/variables/k", json={"val": "new"})
    first.application.extensions["stateroom"].store.close()
    assert client_with({}, **settings).get("/execution/variables/k").json["value"] == "new"


def test_a_reset_of_variables_alone_leaves_a_snapshot(tmp_path, client_with):
    client = client_with({}, db=str(tmp_path / "stateroom.db"))
    client.put("/execution/variables/k", json={"val": "v"})
    client.post("/_stateroom/reset")
    (snapshot,) = client.get("/_stateroom/snapshots").json["snapshots"]
    assert snapshot["name"] == "before-reset"


def test_a_host_with_a_password_is_a_secret_too(client_with):
    client = client_with({"STATEROOM_CONN_HOOK_HOST": "https://me:hunter2@example.com"})
    host = {"$env": "STATEROOM_CONN_HOOK_HOST"}
    connection = {"conn_id": "hook", "conn_type": "http", "host": host}
    client.put(FIXTURE, json={"connections": [connection]})
    answer = client.get("/execution/connections/hook")
    assert answer.json["host"] == "https://me:hunter2@example.com"
    assert client.get(FIXTURE).json["connections"] == [connection]
