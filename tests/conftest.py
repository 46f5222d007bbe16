"""Fixtures: an app on a memory database, its client, and a service that is really served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import create_app
from state.process import ServerProcess
from state.store import Store

CONFORMANCE = Path(__file__).parent / "conformance"


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
def served():
    """One served process, on a memory database; its tests reset it."""
    with ServerProcess(["--db", ":memory:"]) as process:
        yield process


@pytest.fixture(scope="session")
def recorded_fixture():
    return json.loads((CONFORMANCE / "fixture.json").read_text())
