"""Routes of Airflow's that Stateroom does not have: an error names them, to authorised callers."""

import re

import pytest

from tests.support.world import SECRET, TI, admin, bearer
from web.api.not_emulated import routes, templates

PATHS = [(template, method) for _, template, methods in routes() for method in methods]


def filled(template):
    return re.sub(r"{.*?}", "x", template)


@pytest.mark.parametrize(("template", "method"), PATHS)
def test_each_route_is_named_by_its_template(world, template, method):
    answer = world.open(filled(template), method=method, json={})
    assert answer.status_code == 400
    assert answer.json["detail"]["route"] == f"{method} {template}"


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/v2/connections/enqueue-test", "/api/v2/connections/enqueue-test"),
        ("/api/v2/connections/test-enqueue", "/api/v2/connections/{connection_id}"),
    ],
)
def test_the_template_with_most_words_is_the_one(path, template):
    assert templates(path)["GET"] == template


@pytest.mark.parametrize(
    "path", ["/execution/hitlDetails/", "/api/v2/dags/d/x/y", "/api/v2", "/api/v2/dags\n"]
)
def test_other_paths_are_not_routes(path):
    assert templates(path) == {}


def test_a_method_that_airflow_does_not_take_either(world):
    answer = world.put("/execution/hitlDetails/x", json={})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


def test_a_slash_too_many_is_redirected_as_airflow_does(world):
    answer = world.get("/execution/hitlDetails/x/?a=b")
    assert answer.status_code == 307
    assert answer.headers["Location"] == "http://localhost/execution/hitlDetails/x?a=b"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/execution/hitlDetails/x", {}, 401),
        ("/execution/hitlDetails/x", bearer("wrong"), 403),
        ("/api/v2/pools", {}, 401),
        ("/api/v2/pools", admin(SECRET), 400),
    ],
)
def test_only_an_authorised_caller_gets_the_route(guarded, path, headers, status):
    assert guarded.get(path, headers=headers).status_code == status


def test_a_namespace_has_none_of_them_either(world):
    assert world.get("/ns/default/api/v2/pools").json["detail"]["reason"] == "not_emulated"


def test_routes_that_stateroom_has_are_not_among_them(world):
    assert templates(f"/execution/store/ti/{TI}/k") == {}
