"""Whether a short call would have to wait for the store."""

import threading

import pytest

from state.store.store import Store


def is_free_elsewhere(store):
    """Asked from another thread, as the server's does."""
    answers = []

    def ask():
        with store.if_free() as is_free:
            answers.append(is_free)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return answers[0]


@pytest.fixture(params=["file", "memory"])
def store(tmp_path, request):
    path = ":memory:" if request.param == "memory" else str(tmp_path / "stateroom.db")
    store = Store(path)
    yield store
    store.close()


def test_a_store_that_nobody_writes_to_is_free(store):
    assert is_free_elsewhere(store)


def test_a_store_that_is_written_to_is_not(store):
    with store.transaction():
        assert not is_free_elsewhere(store)
    assert is_free_elsewhere(store)


def test_it_stays_free_for_the_block(store):
    with store.if_free() as is_free:
        assert is_free
        assert not is_free_elsewhere(store)
        with store.transaction() as db:
            db.execute("SELECT 1")
    assert is_free_elsewhere(store)


def test_while_an_object_is_removed_a_write_may_have_to_wait(store):
    with store.lock:
        store.begin_removal("s3://bucket/a")
    assert not is_free_elsewhere(store)
    store.end_removal("s3://bucket/a")
    assert is_free_elsewhere(store)


def test_a_durable_store_waits_for_the_disk(tmp_path):
    store = Store(str(tmp_path / "durable.db"), durable=True)
    try:
        assert not is_free_elsewhere(store)
    finally:
        store.close()
