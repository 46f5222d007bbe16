"""Fixtures: an app on a memory database, its client, services that are really served, real Airflow clients."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app import create_app
from state.process import ServerProcess

from .airflow_process import AirflowProcess, Place

CONFORMANCE = Path(__file__).parent / "conformance"


@pytest.fixture
def app():
    app = create_app({"db": ":memory:"})
    yield app
    app.extensions["stateroom"].store.close()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def namespace(app):
    return app.extensions["stateroom"].store.namespace()


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
