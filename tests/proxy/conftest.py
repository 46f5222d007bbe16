"""A service in front of a small server."""

import pytest

from tests.proxy.small import Upstream, served
from tests.support.connections import running
from tests.support.world import SECRET


@pytest.fixture
def upstream():
    return Upstream()


@pytest.fixture
def upstream_url(upstream):
    with served(upstream) as url:
        yield url


@pytest.fixture
def app(start, upstream_url):
    return start(upstream=upstream_url, jwt_secret=SECRET, upstream_timeout=0.5)


@pytest.fixture
def proxy(app):
    """The service, served."""
    with running(app) as server:
        yield server
