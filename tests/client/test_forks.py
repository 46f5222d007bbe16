"""A handle beside a fork: each process has connections of its own."""

import multiprocessing

import pytest

from state.client.http import StateroomClient
from state.client.stateroom import Stateroom

# Python 3.12 warns of a fork beside threads, such as those of pytest-xdist
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
CALLS = 200


@pytest.fixture
def fork():
    """Starts functions in forked children, and ends those that still run."""
    children = []

    def fork(function, *arguments):
        child = multiprocessing.get_context("fork").Process(target=function, args=arguments)
        children.append(child)
        child.start()
        return child

    yield fork
    for child in children:
        child.kill()
        child.join()


@pytest.fixture
def handle(served):
    with Stateroom(served.url) as stateroom:
        namespace = stateroom.create_namespace()
        yield namespace
        namespace.drop()


def write_and_read(handle, task_id):
    """Raise AssertionError if a call gets the answer of another."""
    task = handle.task("etl", task_id)
    for number in range(CALLS):
        task.set("number", f"{task_id} {number}")
        assert task.get("number") == f"{task_id} {number}"


def test_parent_and_children_get_the_answers_of_their_own_calls(fork, handle):
    handle.task("etl", "before").set("key", "value")  # leaves a connection in the pool
    children = [fork(write_and_read, handle, name) for name in ("one", "two")]
    write_and_read(handle, "parent")
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]


def test_a_child_has_no_connection_of_its_parent(fork, served):
    client = StateroomClient(served.url)
    other = client.acting(Stateroom_Clock="2026-01-01T00:00:00Z")
    client.call("GET", "/_stateroom/health")

    def check():
        assert not open_pools(other)
        other.call("GET", "/_stateroom/health")

    child = fork(check)
    child.join(60)
    assert child.exitcode == 0
    assert open_pools(client)
    client.close()


def open_pools(client):
    """Return the addresses to which a client has connections."""
    return client.session.get_adapter(client.url).poolmanager.pools.keys()


def test_a_child_that_closes_a_handle_leaves_the_parents_open(fork, handle):
    handle.task("etl", "submit").set("key", "value")
    child = fork(handle.close)
    child.join(60)
    assert child.exitcode == 0
    assert handle.task("etl", "submit").get("key") == "value"
