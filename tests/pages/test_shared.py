"""The variables and connections on the page of a namespace."""

import pytest

from tests.support.pages import text_of

FIXTURE = "/_stateroom/fixture"
CONNECTION = {
    "conn_id": "warehouse",
    "conn_type": "postgres",
    "host": "https://me:hunter2@db.example.com",
    "login": "etl",
    "password": "correct-horse",
    "port": 5432,
    "extra": '{"token": "battery-staple"}',
}


@pytest.fixture
def put(world):
    def put(**document):
        assert world.put(FIXTURE, json=document).status_code == 204
        return world.get("/bench")

    return put


def test_a_namespace_without_any_says_so(put):
    text = text_of(put())
    assert text.count("There are none: a fixture document brings them") == 2


def test_a_variable_is_shown(put):
    text = text_of(put(variables=[{"key": "a/b", "value": "hello", "description": "a greeting"}]))
    assert "a/b hello a greeting" in text


def test_a_secret_variable_is_hidden(put):
    answer = put(variables=[{"key": "api_key", "value": "hunter2"}])
    assert "api_key ***" in text_of(answer)
    assert "hunter2" not in answer.text


def test_a_hostile_variable_is_escaped(put):
    hostile = "<script>alert(1)</script>"
    answer = put(variables=[{"key": hostile, "value": hostile, "description": hostile}])
    assert hostile not in answer.text
    assert hostile in text_of(answer)


def test_a_long_value_is_shortened(put):
    answer = put(variables=[{"key": "long", "value": "x" * 1000}])
    assert f"{'x' * 299}…" in answer.text
    assert "x" * 300 not in answer.text


def test_a_huge_value_is_not_shown(put):
    answer = put(variables=[{"key": "huge", "value": "x" * 100_000}])
    assert "huge 100,000 characters" in text_of(answer)
    assert "x" * 20 not in answer.text


def test_a_connection_is_shown_without_its_secrets(put):
    answer = put(connections=[CONNECTION])
    text = text_of(answer)
    assert "warehouse postgres https://***@db.example.com – etl 5432 password, extra, host" in text
    for secret in ("hunter2", "correct-horse", "battery-staple"):
        assert secret not in answer.text


def test_rows_beyond_the_first_are_counted(put):
    many = [{"key": f"key-{number:03}", "value": ""} for number in range(203)]
    text = text_of(put(variables=many))
    assert "key-199 empty" in text
    assert "key-200" not in text
    assert "… and 3 more" in text


def test_each_namespace_shows_its_own(world, put):
    put(variables=[{"key": "only-here", "value": "v"}])
    world.post("/_stateroom/namespaces", json={"name": "bare"})
    text = text_of(world.get("/ns/bare/bench"))
    world.delete("/_stateroom/namespaces/bare")
    assert "only-here" not in text


def test_the_overview_still_says_how_to_begin(world):
    world.post("/_stateroom/reset")
    world.put(FIXTURE, json={"variables": [{"key": "k", "value": "v"}]})
    assert "No state yet" in text_of(world.get("/"))
