"""The Flask class: cached routes lead to the same views as uncached ones."""

import pytest
from flask import request

from tests.support.world import CORE_TASK, TASK_KEY
from web.server import app as server_app


@pytest.mark.parametrize(
    "path", [TASK_KEY, CORE_TASK, "/api/v2/dags", "/nowhere", "/_stateroom/reset"]
)
def test_the_second_answer_is_the_first(world, path):
    first = world.get(path)
    second = world.get(path)
    assert first.status_code == second.status_code
    assert first.data == second.data
    assert first.headers.get("Allow") == second.headers.get("Allow")


def test_each_method_is_cached_separately(world):
    assert world.get(TASK_KEY).status_code == 200
    assert world.put(TASK_KEY, json={"value": 2}).status_code == 204
    assert world.post(TASK_KEY, json={}).status_code == 405
    assert world.get(TASK_KEY).json == {"value": 2}


def test_two_apps_do_not_share_their_cache(world, start):
    assert world.get(CORE_TASK).json["total_entries"] == 1
    assert start().test_client().get(CORE_TASK).json["total_entries"] == 0


def test_the_cache_is_limited_in_number_and_length(start, monkeypatch):
    monkeypatch.setattr(server_app, "_REMEMBERED", 10)
    app = start()
    for number in range(30):
        app.test_client().get(f"/execution/store/ti/x/{number}")
    app.test_client().get("/execution/store/ti/x/" + "k" * 1000)
    assert 1 < len(app.url_map.known) <= 10
    assert all(len(path) <= server_app._LONG for _, path in app.url_map.known)


def test_changed_view_arguments_do_not_enter_the_cache(open_app):
    with open_app.test_request_context(TASK_KEY):
        adapter = open_app.create_url_adapter(request)
        adapter.match(return_rule=True)[1].clear()
        assert adapter.match(return_rule=True)[1]["key"] == "job_id"
