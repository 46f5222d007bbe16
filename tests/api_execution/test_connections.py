"""Connections of the Execution API, as Airflow 3.3.2 answers, and its ping."""

import pytest

from tests.support.world import bearer

PATH = "/execution/connections"
FULL = {
    "conn_id": "full",
    "conn_type": "postgres",
    "host": "db.example.com",
    "schema": "public",
    "login": "user",
    "password": "p@ss/word",
    "port": 5432,
    "extra": '{"sslmode": "require"}',
}
BARE = {**dict.fromkeys(FULL), "conn_id": "bare", "conn_type": "http"}


@pytest.fixture
def client(world):
    bare = {"conn_id": "bare", "conn_type": "http"}
    connections = [{**FULL, "description": "all members"}, bare]
    answer = world.put("/_stateroom/fixture", json={"connections": connections})
    assert answer.status_code == 204
    return world


@pytest.mark.parametrize("connection", [FULL, BARE], ids=["full", "bare"])
def test_a_connection_comes_with_its_eight_members(client, connection):
    assert client.get(f"{PATH}/{connection['conn_id']}").json == connection


@pytest.mark.parametrize("conn_id", ["nope", "FULL", " "])
def test_an_unknown_connection_is_named(client, conn_id):
    answer = client.get(f"{PATH}/{conn_id}")
    message = f"Connection with ID {conn_id} not found"
    assert answer.status_code == 404
    assert answer.json == {"detail": {"reason": "not_found", "message": message}}


@pytest.mark.parametrize("path", ["", "/", "/a/b", "/a%2Fb", "/full%0A", "/fu%0All"])
def test_other_paths_are_not_found(client, path):
    answer = client.get(PATH + path)
    assert answer.status_code == 404
    assert answer.json == {"detail": "Not Found"}


def test_a_slash_too_many_is_redirected(client):
    answer = client.get(f"{PATH}/full/?a=b")
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"http://localhost{PATH}/full?a=b"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_a_connection_can_only_be_read(client, method):
    answer = client.open(f"{PATH}/full", method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


def test_a_token_is_needed_where_there_is_a_secret(guarded):
    assert guarded.get(f"{PATH}/full").status_code == 401
    assert guarded.get(f"{PATH}/full", headers=bearer("wrong")).status_code == 403


def test_a_reset_removes_the_connections(client):
    client.post("/_stateroom/reset")
    assert client.get(f"{PATH}/full").status_code == 404


def test_members_that_are_not_given_keep_their_values(client):
    change = {"conn_id": "full", "conn_type": "mysql", "port": None}
    client.put("/_stateroom/fixture", json={"connections": [change]})
    assert client.get(f"{PATH}/full").json == {**FULL, "conn_type": "mysql", "port": None}


def test_an_empty_password_is_none(client):
    """As in Airflow, where an empty login or extra stays."""
    empty = dict.fromkeys(("password", "login", "extra"), "")
    change = {"conn_id": "full", "conn_type": "postgres", **empty}
    client.put("/_stateroom/fixture", json={"connections": [change]})
    expected = {**FULL, **empty, "password": None}
    assert client.get(f"{PATH}/full").json == expected


def test_the_ping_names_the_check_of_tokens(guarded):
    answer = guarded.get("/execution/health/ping")
    checks = ["airflow.api_fastapi.auth.tokens.JWTValidator"]
    assert answer.status_code == 200
    assert answer.json == {"ok": checks, "failing": {}}
