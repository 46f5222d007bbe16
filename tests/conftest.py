"""Fixtures: an app on a memory database, its client, served processes, Airflow clients."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from flask.templating import Environment
from jinja2 import BytecodeCache

try:
    from app import create_app
except ImportError as error:
    advice = "python -m pytest --noconftest tests/project/test_layers.py"
    message = f"{error}; where modules import each other in a circle, `{advice}` says what to do"
    raise ImportError(message) from error
from state.process import ServerProcess
from state.store.store import Store
from tests.support.airflow_process import AirflowProcess, ServedStateroom, airflow_venv
from tests.support.connections import Connection
from tests.support.shop import SHOP
from tests.support.world import SECRET, WORLD, admin
from web.server.app import App

os.environ.pop("COLUMNS", None)  # of pytest-xdist: what a command prints goes into a pipe
RECORDED = Path(__file__).parent / "wire"


class CompiledTemplates(BytecodeCache):
    """Templates that an app of this process has compiled, for the apps after it."""

    def __init__(self):
        self.code = {}

    def load_bytecode(self, bucket):
        bucket.code = self.code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket):
        self.code[bucket.key, bucket.checksum] = bucket.code


class SharedEnvironment(Environment):
    """The templates of an app, compiled once for all apps: most tests of pages make their own."""

    templates = CompiledTemplates()

    def __init__(self, app, **options):
        super().__init__(app, bytecode_cache=self.templates, **options)


App.jinja_environment = SharedEnvironment


def pytest_configure():
    """Let Python keep what it has compiled, also where it is told not to: a run starts the service
    more than a hundred times, and compiling it took a quarter of the time of each start.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers():
    """For ``-n auto`` one more than there are processors: many tests wait, for a process or a
    deadline, and leave one idle.
    """
    workers = yield
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return workers
    return workers + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the collected tests out of garbage collections.

    There are thousands, and looking through all of them took a quarter of a run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


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
    """Makes an app whose backend is one of tests.support.backends.small."""
    monkeypatch.setenv("SMALL_BACKEND_ROOT", str(tmp_path / "objects"))
    apps = []

    def make(name, **settings):
        backend = f"tests.support.backends.small.{name}"
        apps.append(
            create_app({"db": str(tmp_path / "stateroom.db"), "backend": backend, **settings})
        )
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["stateroom"].store.close()


@pytest.fixture(scope="session")
def open_app():
    """An app shared by tests that leave only rows behind; making one takes longer than a test."""
    app = create_app({"db": ":memory:"})
    yield app
    app.extensions["stateroom"].store.close()


@pytest.fixture
def empty(open_app):
    """A client of an open service that holds nothing but the journal of the tests before."""
    client = open_app.test_client()
    assert client.post("/_stateroom/reset").status_code == 204
    return client


@pytest.fixture
def shop(empty):
    """A client of an open service that holds ``SHOP``."""
    answer = empty.put("/_stateroom/fixture?strict=true", json=SHOP)
    assert answer.status_code == 204, answer.text
    return empty


@pytest.fixture
def world(empty):
    """A client of an open service with the entries of ``WORLD``."""
    assert empty.put("/_stateroom/fixture", json=WORLD).status_code == 204
    return empty


@pytest.fixture
def start():
    """Makes apps with given settings, on a memory database by default; closes them at the end."""
    apps = []

    def start(**settings):
        apps.append(create_app({"db": ":memory:", **settings}))
        return apps[-1]

    yield start
    for app in apps:
        app.extensions["stateroom"].store.close()


@pytest.fixture(scope="session")
def guarded_app():
    """An app with a secret, shared like ``open_app``."""
    app = create_app({"db": ":memory:", "jwt_secret": SECRET})
    yield app
    app.extensions["stateroom"].store.close()


@pytest.fixture
def guarded(guarded_app):
    """A client without a token, of a service with a secret and the entries of ``WORLD``."""
    client = guarded_app.test_client()
    assert client.post("/_stateroom/reset", headers=admin()).status_code == 204
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


@pytest.fixture
def interruptible():
    """Lets processes that a test starts heed SIGINT and SIGHUP, also in a run that ignores them.

    A shell without job control has SIGINT ignored in what it starts with ``&``; nohup has SIGHUP.
    """
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGHUP, hangup)


@pytest.fixture(scope="session")
def airflow_python():
    """The Python of an environment with Airflow."""
    return str(airflow_venv() / "bin/python")


@pytest.fixture(scope="session")
def served():
    """One served process, on a memory database; its tests reset it."""
    with ServerProcess(["--db", ":memory:"]) as process:
        yield process


@pytest.fixture(scope="session")
def recorded_fixture():
    return json.loads((RECORDED / "fixture.json").read_text())


@pytest.fixture(scope="session", params=[None, "a secret of 64 bytes " * 4], ids=["open", "secret"])
def server(request, tmp_path_factory):
    """A served Stateroom for real Airflow clients: an open one, and one with a secret."""
    passwords = tmp_path_factory.mktemp("passwords") / "passwords.json"
    passwords.write_text('{"admin": "sesame"}')
    environ = {**os.environ, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords)}
    secret = ["--jwt-secret", request.param] if request.param else []
    with ServerProcess(["--db", ":memory:", *secret], environ) as process:
        yield ServedStateroom(process.url, request.param, "sesame")


@pytest.fixture(scope="session")
def sdk(tmp_path_factory):
    """The Task SDK's client, in its own process."""
    process = AirflowProcess("sdk.py", tmp_path_factory.mktemp("airflow"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def core_client(tmp_path_factory):
    """``apache-airflow-client``, in its own process; skips the test if it is not there."""
    python = airflow_venv() / "bin/python"
    imported = subprocess.run([python, "-c", "import airflow_client"], stderr=subprocess.DEVNULL)
    if imported.returncode:
        pytest.skip(f"needs apache-airflow-client in the environment of {python}")
    process = AirflowProcess("core_client.py", tmp_path_factory.mktemp("airflow"))
    yield process
    process.close()


def pytest_collection_finish(session):
    """Let the collector of garbage pass over what collecting the tests has left: it stays."""
    gc.collect()
    gc.freeze()
