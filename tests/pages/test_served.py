"""Pages of a served process: a viewer keeps no call waiting."""

import socket
import time

import pytest
import requests

from state.process import ServerProcess
from tests.support.space import Space

OPEN = 20  # pages


@pytest.fixture
def watched():
    """A namespace with many pages open that follow its writes."""
    with ServerProcess(["--db", ":memory:"]) as process:
        space = Space(process.url, "watched")
        space.ti = space.task()
        last = space.http.get(f"{space.url}/_stateroom/journal").json()["last"]
        space.polls = [_begin(f"{space.url}/live?after={last}") for _ in range(OPEN)]
        time.sleep(0.3)
        yield space
        for poll in space.polls:
            poll.close()


def _begin(url):
    """Send a request and do not wait for its answer."""
    host, path = url.removeprefix("http://").split("/", 1)
    name, port = host.split(":")
    connection = socket.create_connection((name, int(port)), timeout=10)
    connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return connection


def test_open_pages_keep_no_call_waiting(watched):
    begun = time.monotonic()
    for path in ("/", "/references", "/bench", "/execution/health", "/_stateroom/health"):
        assert requests.get(watched.url + path, timeout=5).status_code == 200
    watched.write(watched.ti, "cursor", 1)
    assert time.monotonic() - begun < 5


def test_a_write_answers_every_page_that_waits(watched):
    watched.write(watched.ti, "cursor", {"page": 1})
    heads = [poll.recv(65536) for poll in watched.polls]
    assert all(head.startswith(b"HTTP/1.1 200") and b"Stateroom-Last" in head for head in heads)
