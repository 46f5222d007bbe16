"""Which version of Airflow a service says it emulates."""

import pytest

from tests.support.world import TASK_KEY
from web.server.banner import banner


def test_the_version_is_that_of_the_release_that_was_measured(empty, client):
    assert empty.get("/api/v2/version").json["version"] == "3.4.0b2"
    assert client.get("/api/v2/version").json["version"] == "3.3.2"


@pytest.mark.parametrize(("compat", "named"), [("3.3", "3.3"), ("3.4", "3.4.0b2")])
def test_the_start_up_lines_name_it(start, compat, named):
    service = start(compat=compat).extensions["stateroom"]
    first = banner(service, "http://127.0.0.1:8103", False, "stateroom").splitlines()[0]
    assert first.endswith(f", like Airflow {named}")


def test_the_health_names_the_setting(empty):
    assert empty.get("/_stateroom/health").json["compat"] == "3.4"


def test_the_description_names_it(empty, client):
    assert "Apache Airflow 3.4.0b2" in empty.get("/openapi.json").json["info"]["description"]
    assert "Apache Airflow 3.3.2" in client.get("/openapi.json").json["info"]["description"]


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [({}, "2026-10-30"), ({"Airflow-API-Version": "2026-06-30"}, "2026-06-30")],
)
def test_the_newest_version_of_the_api_is_echoed(world, sent, echoed):
    answer = world.get(TASK_KEY, headers=sent)
    assert answer.status_code == 200
    assert answer.headers["airflow-api-version"] == echoed


def test_a_namespace_that_is_not_there_is_answered_too(world):
    answer = world.get(f"/ns/nope{TASK_KEY}")
    assert answer.status_code == 404
    assert answer.headers["airflow-api-version"] == "2026-10-30"
