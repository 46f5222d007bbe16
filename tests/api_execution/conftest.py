import pytest

from tests.support.shop import SHOP


@pytest.fixture
def shop(empty):
    """A client of an open service that holds ``SHOP``."""
    answer = empty.put("/_stateroom/fixture?strict=true", json=SHOP)
    assert answer.status_code == 204, answer.text
    return empty


@pytest.fixture
def new_shop(start):
    """The same of a service with a journal of its own."""
    client = start().test_client()
    assert client.put("/_stateroom/fixture", json=SHOP).status_code == 204
    return client
