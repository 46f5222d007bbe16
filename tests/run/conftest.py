import os
from pathlib import Path

import pytest

from state.client.http import StateroomClient
from state.client.stateroom import Stateroom
from state.run.run import Options
from tests.run.processes import end, folder_of_workers

PLUGINS = Path(__file__).with_name("plugins")


@pytest.fixture
def namespace(served):
    """A namespace of the served process, as a handle."""
    stateroom = Stateroom(served.url).create_namespace()
    yield stateroom
    stateroom.drop()


@pytest.fixture
def client(namespace):
    """A client of the namespace."""
    return StateroomClient(namespace.url)


@pytest.fixture
def notes(tmp_path):
    """A file in which tasks note what they do; its path is for ``$NOTES``."""
    path = tmp_path / "notes"
    path.touch()
    return path


@pytest.fixture(scope="module")
def kept_in(tmp_path_factory):
    """The folder of a worker that the tests of a module use."""
    folder = tmp_path_factory.mktemp("kept")
    yield str(folder)
    end(folder)


@pytest.fixture(scope="module")
def kept_airflow(airflow_python):
    """Where a handle finds Airflow; its worker is kept for the tests of a module."""
    with folder_of_workers() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATEROOM_AIRFLOW_PYTHON", airflow_python)
        patch.setenv("XDG_RUNTIME_DIR", home)
        patch.setenv("AIRFLOW_HOME", home)
        yield patch


@pytest.fixture
def options(airflow_python, kept_in, notes):
    variables = {
        **os.environ,
        "XDG_RUNTIME_DIR": kept_in,
        "AIRFLOW_HOME": kept_in,
        "PYTHONPATH": str(PLUGINS),
        "NOTES": str(notes),
    }
    return Options(variables, airflow_python)
