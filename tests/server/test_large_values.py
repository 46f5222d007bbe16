"""Large values keep no short call waiting, and a page of them needs little memory."""

import contextlib
import json
import tracemalloc

import pytest
import requests

from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.store import keyspaces, snapshots
from state.store.tables import task_instances
from tests.support.connections import running
from tests.support.waiting import wait_for
from tests.support.world import CORE_TASK, TASK_KEY
from web.server import lanes
from web.server.lanes import SHORT_VALUE

LARGE = "x" * (SHORT_VALUE + 1)
LIST = CORE_TASK


@pytest.fixture
def names(monkeypatch):
    """The threads in which lanes began calls, by their lane."""
    began = []
    add = lanes.Lane.add

    def watched(self, call):
        began.append(self._name)
        return add(self, call)

    monkeypatch.setattr(lanes.Lane, "add", watched)
    return began


@pytest.fixture
def server(world, open_app):
    """Served; the journal's own writes never send a call to its lane."""
    with running(open_app, if_free=lambda: contextlib.nullcontext(True)) as server:
        yield server


def last_event(client):
    return client.get("/_stateroom/journal?limit=1").json["last"]


def operations(client, after):
    """The operations of the events after a number."""
    events = client.get(f"/_stateroom/journal?after={after}").json["events"]
    return [event["op"] for event in events]


@pytest.mark.parametrize(("path", "op"), [(TASK_KEY, "get"), (LIST, "list")])
def test_a_large_value_is_read_in_a_thread_of_its_lane(world, server, names, connect, path, op):
    world.put(TASK_KEY, json={"value": LARGE})
    before = last_event(world)
    client = connect(server)
    assert LARGE.encode() in client.send("GET", path).answer()[2]
    assert names == ["read"]
    assert operations(world, before) == [op]  # begun twice, and read once
    world.put(TASK_KEY, json={"value": "small"})
    assert b"small" in client.send("GET", path).answer()[2]
    assert names == ["read", "read"]  # remembered as long


def test_a_long_call_is_tried_where_it_was_read_after_a_while(
    world, server, names, connect, monkeypatch
):
    monkeypatch.setattr(lanes, "_WHILE", 0.0)
    world.put(TASK_KEY, json={"value": LARGE})
    client = connect(server)
    client.send("GET", TASK_KEY).answer()
    world.put(TASK_KEY, json={"value": "small"})
    assert b"small" in client.send("GET", TASK_KEY).answer()[2]
    assert names == ["read"]


MANY = 2000  # keys


def test_a_clear_of_many_keys_is_made_in_a_thread_of_its_lane(world, server, names, connect):
    keys = [{"asset": "orders", "key": f"k{number}", "value": 1} for number in range(MANY)]
    assets = [{"id": 1, "name": "orders", "uri": "s3://orders", "active": True}]
    world.put("/_stateroom/fixture", json={"assets": assets, "asset_state_store": keys})
    before = last_event(world)
    client = connect(server)
    path = "/api/v2/assets/1/state-store"
    assert world.get(path).json["total_entries"] > MANY
    assert client.send("DELETE", path).answer()[0] == 204
    assert names[-1] == "write"
    events = world.get(f"/_stateroom/journal?after={before}&op=clear").json["events"]
    assert len(events) == 1  # begun twice, and made once
    assert b'"total_entries": 0' in client.send("GET", path).answer()[2]


def test_long_reads_of_variables_have_threads_of_their_own(world, server, names, connect):
    variables = [{"key": "k", "value": "v"}, {"key": "large", "value": LARGE}]
    world.put("/_stateroom/fixture", json={"variables": variables})
    client = connect(server)
    assert b'"v"' in client.send("GET", "/execution/variables/k").answer()[2]
    assert names == []
    assert LARGE.encode() in client.send("GET", "/execution/variables/large").answer()[2]
    path = "/execution/variables/keys?offset=20000"
    assert b'"total_entries": 2' in client.send("GET", path).answer()[2]
    assert names == ["read", "read"]


def test_a_small_value_needs_no_other_thread(server, names, connect):
    assert connect(server).send("GET", TASK_KEY).answer()[0] == 200
    assert names == []


def test_a_page_of_large_values_is_what_a_small_one_is(world):
    values = [{"n": number, "pad": "é" * 400_000} for number in range(6)]
    for number, value in enumerate(values):
        world.put(TASK_KEY + str(number), json={"value": value})
    answer = world.get(f"{LIST}?limit=50")
    assert answer.content_type == "application/json"
    entries = {entry["key"]: entry["value"] for entry in answer.json["task_state_store"]}
    for number, value in enumerate(values):
        assert entries[TASK_KEY.rpartition("/")[2] + str(number)] == value
    assert answer.json["total_entries"] == len(entries)


@pytest.mark.slow
def test_a_list_of_large_values_needs_little_memory(tmp_path):
    count = 40
    with ServerProcess(["--db", str(tmp_path / "s.db")]) as process:
        scope = {"dag_id": "d", "run_id": "r", "task_id": "t"}
        url = process.url
        ti_id = requests.post(f"{url}/_stateroom/task-instances", json=scope).json()["id"]
        body = json.dumps({"value": "x" * 5_000_000})
        headers = {"Content-Type": "application/json"}
        for number in range(count):
            path = f"{url}/execution/store/ti/{ti_id}/k{number}"
            requests.put(path, data=body, headers=headers).raise_for_status()
        before = peak(process)
        path = f"{url}/api/v2/dags/d/dagRuns/r/taskInstances/t/state-store?limit=100"
        answer = requests.get(path)
        assert answer.json()["total_entries"] == count
        assert len(answer.content) > count * 5_000_000
        assert peak(process) - before < 64 * 1024  # 200 MB are sent; four times that was needed


@pytest.fixture
def large(start, tmp_path):
    """A client of a service with a snapshot of 60 values of half a megabyte, all overwritten."""
    app = start(db=str(tmp_path / "s.db"))
    namespace = app.extensions["stateroom"].store.namespace()
    scope = TaskScope("d", "r", "t")
    task_instances.create_task_instance(namespace, scope)
    for text in "ab":
        for number in range(60):
            keyspaces.task(namespace, scope).set(f"k{number}", text * 500_000)
        if text == "a":
            snapshots.take(namespace, "s")
    return app.test_client()


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("snapshots/diff?a=s", 120),
        pytest.param("fixture", 60, marks=pytest.mark.slow),
        pytest.param("snapshots/diff?a=s&b=s", 0, marks=pytest.mark.slow),
    ],
)
def test_an_answer_of_large_values_needs_little_memory(large, path, count):
    large.get("/_stateroom/health")
    tracemalloc.start()
    try:
        answer = large.get(f"/_stateroom/{path}", buffered=False)
        size = sum(len(block) for block in answer.response)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size >= count * 500_000
    assert peak < 15_000_000


def test_an_answer_that_is_cut_off_lets_the_log_begin_anew(large):
    store = large.application.extensions["stateroom"].store

    def is_log_empty():
        with store.lock:
            store._writer.execute("PRAGMA busy_timeout = 0")
            return not store._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    answer = large.get("/_stateroom/fixture", buffered=False)
    assert next(iter(answer.response))
    store.create_namespace("other")  # after the state that the answer shows
    assert not is_log_empty()
    answer.close()
    del answer
    wait_for(is_log_empty)


def test_a_large_answer_is_one_document(large):
    entries = large.get("/_stateroom/fixture").json["task_state_store"]
    assert {entry["value"] for entry in entries} == {"b" * 500_000}
    assert len(entries) == 60


def peak(process):
    """The most memory that a process has used, in KiB."""
    with open(f"/proc/{process.process.pid}/status") as file:
        (line,) = [line for line in file if line.startswith("VmHWM")]
    return int(line.split()[1])
