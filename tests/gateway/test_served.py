"""A served process: start-up errors, headers, and calls beside others that hang."""

import os
import threading
import time
from pathlib import Path

import pytest
import requests

from app import create_app
from state.backends.hooks import Hooks
from state.client.http import StateroomClient
from state.model import envelope
from state.model.reference_facts import Facts
from state.model.scopes import AssetScope
from state.process import ServerProcess
from state.store.store import Store
from state.worker.accessors import AssetStateStoreAccessor
from tests.support.backends import small
from tests.support.connections import refusal
from tests.support.values import Values
from web.server.lanes import BACKEND_THREADS, lane_of
from web.server.waitress import Server

CHECKOUT = str(Path(__file__).parents[2])


def environ(tmp_path, **more):
    return {**os.environ, "SMALL_BACKEND_ROOT": str(tmp_path), "PYTHONPATH": CHECKOUT, **more}


# ---------------------------------------------------------------- start


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("nowhere.Backend", "No module named 'nowhere'"),
        ("tests.support.backends.small.Nothing", "has no attribute 'Nothing'"),
        ("json.JSONDecoder", "overrides no hook"),
        ("file", "set STATEROOM_BACKEND_BASE"),
        ("tests.support.backends.small.Broken", "OSError: no route to s3://***@bucket"),
    ],
)
def test_a_backend_that_cannot_be_loaded_stops_the_start(tmp_path, backend, message):
    options = ["--db", str(tmp_path / "x.db"), "--backend", backend]
    status, line = refusal(*options, environ=environ(tmp_path))
    assert status == 2
    assert message in line
    Store(str(tmp_path / "x.db")).close()  # the file is unlocked


PROPOSED = "AIRFLOW__WORKERS__STATE_BACKEND"
RELEASED = "AIRFLOW__WORKERS__STATE_STORE_BACKEND"
FOLDER = "tests.support.backends.small.Folder"


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({PROPOSED: FOLDER}, FOLDER),
        ({PROPOSED: "nowhere.X", RELEASED: FOLDER}, FOLDER),
        ({}, "metastore"),
    ],
)
def test_the_environment_names_the_backend(tmp_path, variables, name):
    with ServerProcess(["--db", ":memory:"], environ(tmp_path, **variables)) as process:
        assert (
            requests.get(f"{process.url}/_stateroom/health", timeout=5).json()["backend"]["name"]
            == name
        )


@pytest.fixture
def filed(tmp_path):
    """Apps on the built-in file backend, all with one base."""
    apps = []

    def make(name):
        config = {"db": str(tmp_path / name), "backend": "file"}
        apps.append(create_app(config, {"STATEROOM_BACKEND_BASE": str(tmp_path / "objects")}))
        return Values(apps[-1])

    yield make
    for app in apps:
        app.extensions["stateroom"].store.close()


def test_the_built_in_file_backend_serves_the_gateway(filed, tmp_path):
    values = filed("a.db")
    assert values.put({"a": 1}) == (204, None)
    assert values.put({"a": 2}) == (204, None)
    assert values.call("GET") == (200, {"value": {"a": 2}})
    ((ref, row),) = values.ledger().items()
    database_id = values.service.store.identity.database_id
    assert ref.startswith(f"{tmp_path}/objects/{database_id}/default/")
    assert row["backend"] == "file"
    assert values.call("DELETE") == (204, None)
    assert [path.name for path in (tmp_path / "objects").rglob("*") if path.is_file()] == ["claim"]


def test_the_base_is_not_touched_before_the_first_write(filed, tmp_path):
    values = filed("a.db")
    assert values.call("GET")[0] == 404
    assert values.http.get("/_stateroom/health").status_code == 200
    assert not (tmp_path / "objects").exists()


def test_a_base_that_cannot_be_written_refuses_writes_only(filed, tmp_path):
    (tmp_path / "objects").write_text("not a folder")
    values = filed("a.db")
    assert values.put(1)[0] == 502
    assert values.call("GET")[0] == 404
    (tmp_path / "objects").unlink()
    assert values.put(1)[0] == 204


def test_a_replaced_database_is_no_fault_of_the_backend(filed, tmp_path):
    values = filed("a.db")
    values.put(1)
    values.service.backend.place.expire()
    (claim,) = (tmp_path / "objects").rglob("claim")
    claim.write_text('{"claim": "of another"}')
    (tmp_path / "a.db").rename(tmp_path / "elsewhere.db")
    status, answer = values.put(2)
    assert status == 503
    assert answer["detail"]["reason"] == "database_replaced"


def test_health_names_the_place_that_a_copy_gets(filed, tmp_path):
    values = filed("a.db")
    values.put(1)
    before = values.http.get("/_stateroom/health").json["realm"]
    (claim,) = (tmp_path / "objects").rglob("claim")
    claim.write_text('{"claim": "of another", "database": "/b.db", "host": "b", "at": "today"}')
    values.service.backend.place.expire()
    assert values.call("PUT", key="second", json={"value": 2})[0] == 204
    after = values.http.get("/_stateroom/health").json["realm"]
    assert after != before
    assert f"/{after}/" in values.task.get("second")[envelope.MARKER]
    assert values.call("GET") == (200, {"value": 1})


def test_databases_sharing_a_base_keep_each_others_objects(filed):
    first = filed("a.db")
    second = filed("b.db")
    second.put("theirs")
    first.task.set("stolen", second.task.get("k"), facts=Facts.of("file", "theirs"))
    assert first.call("GET", key="stolen")[0] == 403
    first.call("DELETE", key="stolen")
    body = {"older_than": 0, "confirm": True}
    result = first.http.post("/_stateroom/references/orphans/remove", json=body).get_json()
    assert result["removed"] == []
    assert [row["verdict"] for row in result["left"]] == ["unknown owner"]
    assert second.call("GET") == (200, {"value": "theirs"})


# ---------------------------------------------------------------- the wire


@pytest.fixture
def client(served):
    client = StateroomClient(served.url)
    client.call("POST", "/_stateroom/reset")
    client.call("POST", "/_stateroom/assets", json={"name": "orders", "uri": "s3://bucket/orders"})
    return client


@pytest.fixture
def task(client):
    task_instance = client.call(
        "POST", "/_stateroom/task-instances", json={"dag_id": "d", "task_id": "t"}
    ).json()
    return client.task(task_instance["id"])


@pytest.fixture(params=["task", "by name", "by uri"])
def keyspace(request, client, task):
    named = {"by name": {"name": "orders"}, "by uri": {"uri": "s3://bucket/orders"}}
    return task if request.param == "task" else client.asset(**named[request.param])


def test_facts_and_replaced_references_travel_beside_the_body(keyspace):
    facts = Facts.of("my.Backend", "ü")
    assert keyspace.set("k", envelope.wrap("s3://b/ü 1"), facts=facts) is None
    assert keyspace.fetch("k") == (envelope.wrap("s3://b/ü 1"), facts)
    assert keyspace.set("k", 1) == "s3://b/ü 1"
    assert keyspace.fetch("k") == (1, None)


def test_bodies_stay_airflows(client, task):
    task.set("k", envelope.wrap("s3://b/1"), facts=Facts.of("my.Backend", 1))
    answer = client.call("GET", task.locate("k")[0])
    assert answer.json() == {"value": envelope.wrap("s3://b/1")}
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("header", ["nonsense", "backend=x; size=1; sha256=short", "=" * 9000])
def test_an_unreadable_header_is_ignored(client, task, header):
    body = {"value": envelope.wrap("s3://b/1"), "expires_at": None}
    answer = client.call("PUT", task.locate("k")[0], json=body, headers={"Stateroom-Ref": header})
    assert answer.status_code == 204
    assert task.fetch("k") == (envelope.wrap("s3://b/1"), None)


def test_an_asset_has_one_scope_by_name_and_by_uri(client):
    assert client.asset(uri="s3://bucket/orders").scope == AssetScope(name="orders")
    assert client.asset(name="orders").scope == AssetScope(name="orders")


def test_clear_by_uri_removes_an_object_written_by_name(client, tmp_path):
    hooks = Hooks(small.Folder(str(tmp_path)), "tests.Folder")
    by_name = client.asset(name="orders")
    by_uri = client.asset(uri="s3://bucket/orders")
    AssetStateStoreAccessor(by_name, by_name.scope, hooks).set("k", {"a": 1})
    accessor = AssetStateStoreAccessor(by_uri, by_uri.scope, hooks)
    assert accessor.get("k") == {"a": 1}
    accessor.clear()
    assert list(hooks.backend.iter_refs()) == []


ORDERS = {"name": "orders", "uri": "s3://bucket/orders", "group": "asset", "extra": {}}
MISSING = [{"type": "missing", "loc": ["query", "name"], "msg": "Field required", "input": None}]


@pytest.mark.parametrize(
    ("query", "status", "answer"),  # as Airflow 3.3.2 answers
    [
        ("by-name?name=orders", 200, ORDERS),
        ("by-uri?uri=s3://bucket/orders", 200, ORDERS),
        (
            "by-name?name=nope",
            404,
            {"detail": {"reason": "not_found", "message": "Asset with name nope not found"}},
        ),
        (
            "by-uri?uri=nope",
            404,
            {"detail": {"reason": "not_found", "message": "Asset with URI nope not found"}},
        ),
        (
            "by-name?name=",
            404,
            {"detail": {"reason": "not_found", "message": "Asset with name  not found"}},
        ),
        ("by-name", 422, {"detail": MISSING}),
    ],
)
def test_workers_look_an_asset_up(client, query, status, answer):
    response = requests.get(f"{client.url}/execution/assets/{query}", timeout=5)
    assert response.status_code == status
    assert response.json() == answer
    assert response.headers["content-type"] == "application/json"


def test_a_post_to_an_asset_by_name_is_refused(client):
    response = requests.post(f"{client.url}/execution/assets/by-name?name=orders", timeout=5)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"


# ---------------------------------------------------------------- stuck calls


@pytest.fixture
def stuck(app_with):
    """A server whose backend hangs in all the calls that a test makes of it."""
    app = app_with("Hanging", backend_timeout=30)
    values = Values(app)
    values.put(1)
    values.backend.hang_in = "deserialize"
    server = Server(app, "127.0.0.1", 0, 2**20, lane_of(app))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    values.url = server.url
    values.callers = []
    yield values
    values.backend.go_on.set()
    for caller in values.callers:
        caller.join()
    server.close()


def hang(stuck, count):
    """Make calls that hang, and wait until the backend has all of them."""
    url = f"{stuck.url}{stuck.path}?key=k"
    for _ in range(count):
        stuck.callers.append(threading.Thread(target=lambda: requests.get(url, timeout=60)))
        stuck.callers[-1].start()
    for _ in range(count):
        assert stuck.backend.entered.acquire(timeout=20)


def test_with_twenty_stuck_calls_everything_else_answers(stuck):
    hang(stuck, 20)
    stuck.task.set("plain", 1)
    for path in (
        f"/execution/store/ti/{stuck.ti_id}/plain",
        "/api/v2/assets",
        "/_stateroom/health",
        "/_stateroom/fixture",
        "/_stateroom/references",
    ):
        assert requests.get(stuck.url + path, timeout=5).status_code == 200
    assert (
        requests.put(f"{stuck.url}{stuck.path}?key=other", json={"value": 2}, timeout=5).status_code
        == 204
    )


def test_when_all_threads_are_taken_a_call_is_refused_quickly(stuck):
    hang(stuck, BACKEND_THREADS)
    start = time.monotonic()
    answer = requests.get(f"{stuck.url}{stuck.path}?key=k", timeout=5)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert time.monotonic() - start < 5
    assert (
        requests.get(f"{stuck.url}/_stateroom/health", timeout=5).json()["backend"]["running"]
        == BACKEND_THREADS
    )
