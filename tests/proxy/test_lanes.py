"""Which threads a call takes in front of an Airflow."""

import pytest

from state.model import tokens
from tests.support.world import (
    ASSET_KEY,
    CORE_ASSET,
    CORE_TASK,
    SECRET,
    TASK_KEY,
    TI,
    WORLD,
    admin,
    bearer,
)
from web.operation import LEARNING, PASSED, REPORTING, SLOW
from web.server.lanes import lane_of

WORKER = bearer(tokens.for_task_instance(SECRET, TI))


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", "/", PASSED),
        ("PATCH", "/execution/task-instances/1/run", REPORTING),
        ("GET", "/api/v2/assets/1", PASSED),
        ("GET", "/api/v2/dags/a/dagRuns/b/taskInstances/state-store", PASSED),
        ("GET", TASK_KEY, LEARNING),
        ("GET", ASSET_KEY, LEARNING),
        ("GET", CORE_ASSET, LEARNING),
        ("PUT", f"{CORE_TASK}/a/b", LEARNING),
        ("GET", CORE_TASK, None),
        ("GET", "/execution/store/ti/no-uuid/key", None),
        ("GET", "/_stateroom/health", None),
        ("GET", "/_stateroom/pages/", SLOW),
        ("GET", "/_stateroom/pages/journal", SLOW),
        ("GET", f"/ns/other{TASK_KEY}", None),
    ],
)
def test_a_call_is_passed_on_asks_or_is_answered(app, method, path, lane):
    path, _, query = path.partition("?")
    assert lane_of(app)(method, path, query) == lane


def test_what_is_known_needs_no_question(app):
    client = app.test_client()
    client.put("/_stateroom/fixture", json=WORLD, headers=admin())
    client.get(TASK_KEY, headers=WORKER)
    assert lane_of(app)("GET", TASK_KEY, "") is None
    client.post("/_stateroom/reset", headers=admin())
    assert lane_of(app)("GET", TASK_KEY, "") == LEARNING


def test_the_writer_of_an_asset_may_have_to_be_asked_for(app):
    client = app.test_client()
    client.put("/_stateroom/fixture", json=WORLD, headers=admin())
    client.get(ASSET_KEY, headers=WORKER)
    path, _, query = ASSET_KEY.partition("?")
    assert lane_of(app)("GET", path, query) is None
    assert lane_of(app)("PUT", path, query) == LEARNING
