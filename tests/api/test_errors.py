"""Errors: a status for each, a shape for each API, and the way back through the client."""

import re
from unittest.mock import Mock

import pytest

from state import errors
from web.errors import STATUS, InvalidInput, NotEmulated, status_of


def leaves(kind=errors.StateError):
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in leaves(below))]


OURS = [kind for kind in leaves() if kind.__module__ == "state.errors"]


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = re.findall(r"─ (\w+)", errors.__doc__)
    assert sorted(["StateError", *drawn]) == sorted(kind.__name__ for kind in OURS)


@pytest.mark.parametrize("kind", OURS)
def test_every_error_has_a_status_and_a_reason(kind):
    error = kind.__new__(kind)
    assert 400 <= status_of(error) < 600
    assert kind.reason.replace("_", "").replace(" ", "").isalpha()


def test_only_the_database_and_the_backend_may_answer_5xx():
    storage = {errors.DatabaseFull, errors.DatabaseReplaced, errors.StoreError}
    backend = {errors.BackendFailed, errors.BackendTimeout, errors.ReferenceBusy}
    assert {kind for kind, status in STATUS.items() if status >= 500} == storage | backend


def test_a_failure_of_the_database_is_answered_in_each_shape(start, monkeypatch):
    client = start().test_client()
    monkeypatch.setattr(
        "state.store.keyspaces.Keyspace.set",
        Mock(side_effect=errors.DatabaseFull("no room left")),
    )
    client.post("/_stateroom/assets", json={"name": "a"})
    core = client.put("/api/v2/assets/1/state-store/k", json={"value": 1})
    execution = client.put("/execution/store/asset/by-name/value?name=a&key=k", json={"value": 1})
    assert core.status_code == 507
    assert core.json == {"detail": "no room left"}
    facts = {"reason": "database_full", "message": "no room left"}
    assert execution.status_code == 507
    assert execution.json == {"detail": facts}


def test_an_unexpected_exception_is_a_500_that_names_it(start, monkeypatch):
    client = start().test_client()
    monkeypatch.setattr("state.store.fixtures.parts", lambda *arguments: 1 / 0)
    answer = client.get("/_stateroom/fixture")
    assert answer.status_code == 500
    assert answer.json["detail"]["reason"] == "internal_error"
    assert "ZeroDivisionError" in answer.json["detail"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/nowhere", {"detail": "Not Found"}),
        ("/execution/nowhere", {"detail": "Not Found"}),
        ("/api/v2/nowhere", {"error": "API route not found"}),
    ],
)
def test_a_path_that_is_not_found(world, path, body):
    assert world.get(path).json == body


@pytest.mark.parametrize("path", ["/_stateroom/nowhere", "/_stateroom", "/_stateroom/"])
def test_a_path_that_the_control_api_does_not_have(world, path):
    detail = world.get(path).json["detail"]
    assert detail["reason"] == "not_found"
    assert path in detail["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/v2/version", "GET"),
        ("PATCH", "/api/v2/assets/1/state-store/k", "GET"),
        ("GET", "/_stateroom/reset", "POST"),
    ],
)
def test_a_method_that_a_path_does_not_take(world, method, path, allowed):
    answer = world.open(path, method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/api/v2/pools", "GET /api/v2/pools"),
        (
            "POST",
            "/execution/dag-runs/d/r/clear",
            "POST /execution/dag-runs/{dag_id}/{run_id}/clear",
        ),
        (
            "PATCH",
            "/execution/connection-tests/x",
            "PATCH /execution/connection-tests/{connection_test_id}",
        ),
    ],
)
def test_a_route_that_is_not_emulated_is_named(world, method, path, route):
    answer = world.open(path, method=method, json={})
    assert answer.status_code == 400
    assert answer.content_type == "application/json"
    assert answer.json["detail"]["reason"] == "not_emulated"
    assert answer.json["detail"]["route"] == route


def test_errors_with_a_status_of_their_own():
    assert status_of(InvalidInput([])) == 422
    assert status_of(NotEmulated.__new__(NotEmulated)) == 400
