"""Fixtures: an app on a memory database, its client, services that are really served, real Airflow clients."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from app import create_app
from state import tokens
from state.process import ServerProcess
from state.store import Store

from .airflow_process import AirflowProcess, Place
from .connections import Connection

CONFORMANCE = Path(__file__).parent / "conformance"
SECRET = "a secret of the tests, as long as HS512 would like its keys to be, or longer"
TI, MAPPED = (f"019b0000-0000-7000-8000-00000000000{number}" for number in (1, 2))
RUN = "manual__2026-01-01T00:00:00+00:00"
EXTRACT = {"dag_id": "etl", "run_id": RUN, "task_id": "extract"}
WORLD = {
    "dag_runs": [{"dag_id": "etl", "run_id": RUN}],
    "task_instances": [
        {"id": TI, **EXTRACT, "state": "running"},
        {"id": MAPPED, "dag_id": "etl", "run_id": RUN, "task_id": "mapped", "map_index": 0, "state": "running"},
    ],
    "assets": [{"id": 1, "name": "orders", "uri": "s3://bucket/orders"}],
    "task_state_store": [{**EXTRACT, "key": "job_id", "value": "job-42"}],
    "asset_state_store": [{"asset": "orders", "key": "watermark", "value": "2026-01-01"}],
}
TASK_KEY = f"/execution/store/ti/{TI}/job_id"
ASSET_KEY = "/execution/store/asset/by-name/value?name=orders&key=watermark"
CORE_TASK = f"/api/v2/dags/etl/dagRuns/{RUN}/taskInstances/extract/state-store"
CORE_ASSET = "/api/v2/assets/1/state-store"


@pytest.fixture
def app():
    app = create_app({"db": ":memory:"})
    yield app
    app.extensions["stateroom"].store.close()


@pytest.fixture
def store(tmp_path):
    """A store in a file, as a service has it."""
    store = Store(str(tmp_path / "stateroom.db"))
    yield store
    store.close()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def namespace(app):
    return app.extensions["stateroom"].store.namespace()


@pytest.fixture
def app_with(tmp_path, monkeypatch):
    """Makes an app whose backend is one of tests.small_backends."""
    monkeypatch.setenv("SMALL_BACKEND_ROOT", str(tmp_path / "objects"))
    made = []

    def make(name, **settings):
        backend = f"tests.small_backends.{name}"
        made.append(create_app({"db": str(tmp_path / "stateroom.db"), "backend": backend, **settings}))
        return made[-1]

    yield make
    for app in made:
        app.extensions["stateroom"].store.close()


@pytest.fixture(scope="session")
def open_app():
    """An app for tests that leave nothing but rows behind; making one takes longer than such a test."""
    app = create_app({"db": ":memory:"})
    yield app
    app.extensions["stateroom"].store.close()


@pytest.fixture
def world(open_app):
    """A client of an open service that holds a little of everything."""
    client = open_app.test_client()
    assert client.post("/_stateroom/reset").status_code == 204
    assert client.put("/_stateroom/fixture", json=WORLD).status_code == 204
    return client


@pytest.fixture
def start():
    """Makes apps with given settings, on a memory database unless they say otherwise; each is closed at the end."""
    apps = []

    def start(**settings):
        apps.append(create_app({"db": ":memory:", **settings}))
        return apps[-1]

    yield start
    for app in apps:
        app.extensions["stateroom"].store.close()


@pytest.fixture
def guarded(start):
    """A client of a service with a secret that holds the same; it has no token by itself."""
    app = start(jwt_secret=SECRET)
    client = app.test_client()
    assert client.put("/_stateroom/fixture", json=WORLD, headers=admin()).status_code == 204
    return client


@pytest.fixture
def connect():
    """Makes connections, and closes them."""
    with contextlib.ExitStack() as stack:

        def make(server):
            connection = Connection(server)
            stack.callback(connection.close)
            return connection

        yield make


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def admin(secret=SECRET):
    return bearer(tokens.for_role(secret, "admin"))


@pytest.fixture(scope="session")
def served():
    """One served process, on a memory database; its tests reset it."""
    with ServerProcess(["--db", ":memory:"]) as process:
        yield process


@pytest.fixture(scope="session")
def recorded_fixture():
    return json.loads((CONFORMANCE / "fixture.json").read_text())


@pytest.fixture(scope="session", params=[None, "a secret of 64 bytes " * 4], ids=["open", "secret"])
def place(request, tmp_path_factory):
    """A served Stateroom for real Airflow clients: an open one, and one with a secret."""
    passwords = tmp_path_factory.mktemp("passwords") / "passwords.json"
    passwords.write_text('{"admin": "sesame"}')
    environ = {**os.environ, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords)}
    secret = ["--jwt-secret", request.param] if request.param else []
    with ServerProcess(["--db", ":memory:", *secret], environ) as process:
        yield Place(process.url, request.param, "sesame")


@pytest.fixture(scope="session")
def sdk(tmp_path_factory):
    """The Task SDK's client, in its own process."""
    process = AirflowProcess("sdk.py", tmp_path_factory.mktemp("airflow"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def core_client(tmp_path_factory):
    """``apache-airflow-client``, in its own process."""
    process = AirflowProcess("core_client.py", tmp_path_factory.mktemp("airflow"))
    yield process
    process.close()
