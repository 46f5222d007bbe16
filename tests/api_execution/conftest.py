import pytest

from tests.support.shop import SHOP


@pytest.fixture
def new_shop(start):
    """A client of an open service that holds ``SHOP``, with a journal of its own."""
    client = start().test_client()
    assert client.put("/_stateroom/fixture", json=SHOP).status_code == 204
    return client
