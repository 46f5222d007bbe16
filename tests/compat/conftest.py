import pytest

from tests.support.shop import SHOP
from tests.support.world import SECRET, WORLD, admin


@pytest.fixture(scope="session")
def app_of_3_4():
    """A service like Airflow 3.4, shared by tests that leave only rows behind."""
    from app import create_app

    app = create_app({"db": ":memory:", "compat": "3.4"})
    yield app
    app.extensions["stateroom"].store.close()


@pytest.fixture
def empty(app_of_3_4):
    """A client of an open service like Airflow 3.4 that holds nothing but a journal."""
    client = app_of_3_4.test_client()
    assert client.post("/_stateroom/reset").status_code == 204
    return client


@pytest.fixture
def guarded(start):
    """A client without a token, of a service like Airflow 3.4 with a secret."""
    client = start(jwt_secret=SECRET, compat="3.4").test_client()
    for document in (WORLD, SHOP):
        answer = client.put("/_stateroom/fixture", json=document, headers=admin())
        assert answer.status_code == 204, answer.text
    return client
