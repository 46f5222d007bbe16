import pytest

from state.client.http import StateroomClient
from state.client.stateroom import Stateroom


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
