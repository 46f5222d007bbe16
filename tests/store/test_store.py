"""Threads and transactions: readers never wait, writers do, transactions are atomic."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from state.errors import KeyNotFound, NamespaceNotFound
from state.store import keyspaces
from state.store.database import connections
from state.store.store import Store
from state.store.tables import assets

PATIENCE = 10  # seconds until a thread counts as stuck


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    store = Store(str(tmp_path / "s.db") if request.param == "file" else ":memory:")
    yield store
    store.close()


@pytest.fixture
def file_store(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


def keyspace_of(store, name="a"):
    return keyspaces.asset(store.namespace(), assets.create_asset(store.namespace(), name)["id"])


def in_thread(action):
    """Run an action in a new thread; the future has its result or exception."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(action)
    pool.shutdown(wait=False)
    return future


def insert(db, key):
    db.execute(
        """INSERT INTO entries (scope_id, key, value, kind, size, updated_at)
        SELECT scope_id, ?, '1', 'value', 1, '' FROM scopes LIMIT 1""",
        (key,),
    )


def test_many_threads_at_once_see_no_lock(store):
    keyspaces = [keyspace_of(store, f"a{number}") for number in range(3)]

    def work(number):
        for turn in range(25):
            keyspace = keyspaces[(number + turn) % 3]
            keyspace.set(f"{number}/{turn}", turn)
            assert keyspace.get(f"{number}/{turn}") == turn
            assert keyspace.list()[1] > 0

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert sum(keyspace.list()[1] for keyspace in keyspaces) == 12 * 25


def test_a_reader_finishes_while_a_writer_holds_its_transaction(file_store):
    keyspace = keyspace_of(file_store)
    keyspace.set("k", "committed")
    with file_store.transaction() as db:
        db.execute("UPDATE entries SET value = '\"open\"'")
        assert in_thread(lambda: keyspace.get("k")).result(PATIENCE) == "committed"
        assert in_thread(lambda: keyspace.list()[1]).result(PATIENCE) == 1
    assert keyspace.get("k") == "open"


def test_a_writer_finishes_while_a_reader_holds_its_snapshot(file_store):
    keyspace = keyspace_of(file_store)
    keyspace.set("k", 1)
    with file_store.snapshot() as db:
        assert db.execute("SELECT value FROM entries").fetchall() == [("1",)]
        in_thread(lambda: keyspace.set("k", 2)).result(PATIENCE)
        assert db.execute("SELECT value FROM entries").fetchall() == [("1",)]
    assert keyspace.get("k") == 2


def test_second_write_waits_and_survives_the_firsts_rollback(store):
    keyspace = keyspace_of(store)
    began = threading.Event()
    may_fail = threading.Event()

    def fail():
        with store.transaction() as db:
            insert(db, "mine")
            began.set()
            may_fail.wait(PATIENCE)
            raise RuntimeError("on purpose")

    first = in_thread(fail)
    assert began.wait(PATIENCE)
    second = in_thread(lambda: keyspace.set("yours", 1))
    assert not second.done()
    may_fail.set()
    with pytest.raises(RuntimeError):
        first.result(PATIENCE)
    second.result(PATIENCE)
    assert [entry.key for entry in keyspace.list()[0]] == ["yours"]


def test_a_transaction_that_fails_leaves_nothing(store):
    keyspace = keyspace_of(store)
    with pytest.raises(ZeroDivisionError), store.transaction() as db:
        insert(db, "a")
        insert(db, "b")
        raise ZeroDivisionError
    assert keyspace.list() == ([], 0)
    keyspace.set("after", 1)
    assert keyspace.get("after") == 1


def test_a_transaction_inside_another_is_refused_and_undoes_both(store):
    keyspace = keyspace_of(store)
    with pytest.raises(Exception, match="within a transaction"), store.transaction() as db:
        insert(db, "outer")
        keyspace.set("inner", 1)
    assert keyspace.list() == ([], 0)


def test_a_failing_read_returns_its_connection(file_store):
    with pytest.raises(Exception, match="no such table"), file_store.snapshot() as db:
        db.execute("SELECT * FROM missing")
    assert [reader.in_transaction for reader in file_store._idle_readers] == [False]
    assert keyspace_of(file_store).list() == ([], 0)


def test_readers_cannot_write(file_store):
    keyspace_of(file_store)
    with pytest.raises(Exception, match="cannot be written"), file_store.reading() as db:
        insert(db, "k")


def test_threads_that_end_leave_no_connections_behind(file_store):
    keyspace = keyspace_of(file_store)
    keyspace.set("k", 1)
    for _ in range(40):
        assert in_thread(lambda: keyspace.get("k")).result(PATIENCE) == 1
    assert len(file_store._idle_readers) <= 2


def test_there_are_as_many_readers_as_read_at_once(file_store):
    barrier = threading.Barrier(5)

    def read():
        with file_store.reading() as db:
            barrier.wait(PATIENCE)
            return db.execute("SELECT count(*) FROM namespaces").fetchone()

    with ThreadPoolExecutor(5) as pool:
        assert [future.result() for future in [pool.submit(read) for _ in range(5)]] == [(1,)] * 5
    assert len(file_store._idle_readers) == 5


def test_a_read_that_outlasts_close_closes_its_own_connection(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    with store.reading() as db:
        store.close()
        assert db.execute("SELECT count(*) FROM namespaces").fetchone() == (1,)
    with pytest.raises(Exception, match="closed database"):
        db.execute("SELECT 1")


def test_written_keys_are_there_after_reopening(tmp_path):
    path = str(tmp_path / "s.db")
    store = Store(path)
    keyspace_of(store).set("k", {"a": 1})
    store.close()
    store = Store(path)
    assert keyspaces.asset(store.namespace(), name="a").get("k") == {"a": 1}
    store.close()


def test_two_memory_stores_share_nothing():
    first = Store()
    second = Store()
    keyspace = keyspace_of(first)
    keyspace.set("k", 1)
    with pytest.raises(KeyNotFound):
        keyspace_of(second).get("k")
    first.close()
    second.close()


def test_an_unknown_namespace_is_an_error(store):
    with pytest.raises(NamespaceNotFound, match="'unknown'"):
        store.namespace("unknown")


@pytest.mark.parametrize(("durable", "level"), [(False, 1), (True, 2)])
def test_durable_waits_for_the_disk(tmp_path, durable, level):
    store = Store(str(tmp_path / "s.db"), durable=durable)
    with store.transaction() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (level,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_people_with_a_sql_prompt_find_airflows_columns(store):
    keyspace_of(store).set("k", 1)
    with store.reading() as db:
        tasks = db.execute("SELECT * FROM task_state_store").description
        assets = db.execute("SELECT * FROM asset_state_store")
        row = dict(
            zip([column[0] for column in assets.description], assets.fetchone(), strict=True)
        )
    assert {"dag_id", "run_id", "task_id", "map_index", "key", "value"} < {
        column[0] for column in tasks
    }
    assert row["asset_id"] == 1
    assert row["key"] == "k"
    assert row["value"] == "1"
    assert row["last_updated_by_kind"] == "api"


# ---------------------------------------------------------------- whether a short call would wait


def is_free_elsewhere(store):
    """Asked from another thread, as the server's does."""

    def ask():
        with store.if_free() as is_free:
            return is_free

    return in_thread(ask).result(PATIENCE)


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
        store.removals.begin("s3://bucket/a")
    assert not is_free_elsewhere(store)
    store.removals.end("s3://bucket/a")
    assert is_free_elsewhere(store)


def test_a_durable_store_waits_for_the_disk(tmp_path):
    store = Store(str(tmp_path / "durable.db"), durable=True)
    try:
        assert not is_free_elsewhere(store)
    finally:
        store.close()


@pytest.fixture
def beside(store):
    """Runs a function while a thread holds the store for some seconds."""

    def run(seconds, action):
        holds = threading.Event()

        def hold():
            with store.lock:
                holds.set()
                time.sleep(seconds)

        future = in_thread(hold)
        assert holds.wait(PATIENCE)
        result = action()
        future.result(PATIENCE)
        return result

    return run


def test_a_short_write_is_waited_for(store, beside, monkeypatch):
    monkeypatch.setattr(connections, "_SHORT", PATIENCE)
    assert beside(0.05, lambda: is_free_elsewhere(store))


def test_a_long_write_is_waited_for_once(store, beside, monkeypatch):
    monkeypatch.setattr(connections, "_SHORT", 0.1)

    def ask_again():
        began = time.monotonic()
        answers = [is_free_elsewhere(store) for _ in range(20)]
        return answers, time.monotonic() - began

    answers, seconds = beside(0.8, ask_again)
    assert not any(answers)
    assert seconds < 0.7  # twenty waits take two
    assert is_free_elsewhere(store)
