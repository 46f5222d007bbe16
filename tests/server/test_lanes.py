"""Which lane each call takes: its view says it, and the server asks the app."""

import pytest

from tests.support.world import ASSET_KEY, CORE_TASK, TASK_KEY, TI
from web.operation import BACKEND, SLOW, WAITING, Operation, lane
from web.server.lanes import lane_of


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", TASK_KEY, None),
        ("PUT", TASK_KEY, None),
        ("GET", ASSET_KEY, None),
        ("GET", "/api/v2/version", None),
        ("GET", "/login", None),
        ("GET", "/static/pages.css", None),
        ("GET", "/_stateroom/health", None),
        ("GET", "/_stateroom/journal", SLOW),
        ("GET", "/_stateroom/journal?after=3&wait=5", WAITING),
        ("GET", "/_stateroom/journal?await=5", SLOW),
        ("POST", "/_stateroom/reset", SLOW),
        ("GET", "/_stateroom/references", SLOW),
        ("POST", "/_stateroom/references/check", BACKEND),
        ("GET", "/_stateroom/references/orphans", BACKEND),
        ("GET", f"/_stateroom/values/ti/{TI}?key=k", BACKEND),
        ("GET", "/", SLOW),
        ("GET", "/live", WAITING),
        ("GET", "/key", SLOW),
        ("POST", "/key", BACKEND),
        ("GET", "/references/orphans", BACKEND),
        ("GET", "/nowhere", None),
        ("POST", "/live", None),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/ns/other"])
def test_a_call_takes_the_lane_that_its_view_names(open_app, world, prefix, method, path, lane):
    path, _, query = (prefix + path).partition("?")
    assert lane_of(open_app)(method, path, query) == lane


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", TASK_KEY, WAITING),
        ("DELETE", CORE_TASK, WAITING),
        ("GET", f"/_stateroom/values/ti/{TI}?key=k", WAITING),
        ("GET", f"/ns/calm{TASK_KEY}", None),
        ("GET", "/api/v2/version", None),
        ("GET", "/_stateroom/faults", SLOW),
        ("POST", "/key", WAITING),
        ("POST", "/_stateroom/references/check", WAITING),
        ("GET", "/key", SLOW),
    ],
)
def test_a_call_that_faults_may_delay_takes_the_waiting_lane(open_app, world, method, path, lane):
    world.post("/_stateroom/faults", json={"latency": 0.001})
    path, _, query = path.partition("?")
    assert lane_of(open_app)(method, path, query) == lane


def test_a_key_of_any_letters_finds_its_view(open_app):
    path = f"{TASK_KEY}ü/☃".encode().decode("latin-1")
    assert lane_of(open_app)("GET", f"/ns/ü{path}", "") is None
    assert lane_of(open_app)("GET", f"/_stateroom/values/ti/{TI}ü".encode().decode("latin-1"), "")


def test_a_new_view_says_all_about_itself(start):
    """The lane, and what the faults and the journal ask, come from the one place above the view."""
    app = start()

    @app.get("/long")
    @Operation((200, None), lane=SLOW)
    def long():
        return "long"

    @app.get("/page")
    @lane(BACKEND)
    def page():
        return "page"

    assert lane_of(app)("GET", "/long", "") == SLOW
    assert lane_of(app)("GET", "/page", "") == BACKEND
