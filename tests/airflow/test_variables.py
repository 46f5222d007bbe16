"""The Task SDK's own client reads and sets variables, and reads connections."""

import uuid

import pytest

from tests.airflow.worker import Worker

pytestmark = pytest.mark.airflow

OK = {"class": "OKResponse", "ok": True, "type": "OKResponse"}
CONNECTION = {
    "conn_id": "warehouse",
    "conn_type": "postgres",
    "host": "db.example.com",
    "schema": "public",
    "login": "user",
    "password": "p@ss/word",
    "port": 5432,
    "extra": '{"sslmode": "require"}',
}


@pytest.fixture
def worker(sdk, server):
    """A worker in a namespace that has two connections."""
    name = uuid.uuid4().hex
    bare = {"conn_id": "bare", "conn_type": "http"}
    body = {"name": name, "fixture": {"connections": [CONNECTION, bare]}}
    path = server.control("namespaces", body)["path"]
    worker = Worker(sdk, server)
    worker.connection["url"] += path
    return worker


@pytest.mark.parametrize("key", ["k", "a/b", "a b+c", "100%", "ü☃", "keys2"])
def test_a_variable_is_set_got_and_deleted(worker, key):
    assert worker.call("variables.set", key, "hello", "a greeting") == OK
    answer = worker.call("variables.get", key)
    assert answer["class"] == "VariableResponse"
    assert answer["value"] == "hello"
    assert worker.call("variables.delete", key) == OK
    assert worker.call("variables.get", key)["error"] == "VARIABLE_NOT_FOUND"


def test_a_variable_without_a_value_is_the_word_none(worker):
    assert worker.call("variables.set", "k", None) == OK
    assert worker.call("variables.get", "k")["value"] == "None"


def test_keys_are_listed_by_prefix_and_page(worker):
    for key in ("b_1", "b_2", "b%", "a"):
        worker.call("variables.set", key, "v")
    answer = worker.call("variables.keys", prefix="b_", limit=1, offset=1)
    assert answer["keys"] == ["b_2"]
    assert answer["total_entries"] == 2


def test_a_connection_comes_with_its_secrets(worker):
    answer = worker.call("connections.get", "warehouse")
    assert answer["class"] == "ConnectionResponse"
    answer["schema"] = answer.pop("schema_")
    assert {name: answer[name] for name in CONNECTION} == CONNECTION


def test_a_connection_may_have_little_more_than_its_type(worker):
    answer = worker.call("connections.get", "bare")
    assert answer["conn_type"] == "http"
    assert answer["password"] is None


def test_an_unknown_connection_is_not_found(worker):
    assert worker.call("connections.get", "nope")["error"] == "CONNECTION_NOT_FOUND"
