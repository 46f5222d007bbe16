"""Faults seen from a raw socket: connections are closed, and waits block no other call."""

import contextlib
import threading
import time

import pytest
import requests

from app import create_app
from state.model.faults import Fault
from state.process import ServerProcess
from state.store import fixtures, keyspaces
from tests.support.connections import running
from tests.support.waiting import wait_for
from tests.support.world import TASK_KEY, WORLD
from web.request.parsing import load_fixture
from web.server.lanes import WAITING_THREADS

SET = ("PUT", TASK_KEY, "Content-Type: application/json")
BODY = b'{"value": "new"}'


@pytest.fixture
def app():
    app = create_app({"db": ":memory:"})
    fixtures.apply(
        app.extensions["stateroom"].store.namespace(), load_fixture(WORLD, strict=True)[0]
    )
    yield app
    app.extensions["stateroom"].store.close()


@pytest.fixture
def server(app):
    service = app.extensions["stateroom"]
    with running(app, service.store.release) as server:
        yield server


@pytest.fixture
def faults(namespace):
    return namespace.faults


def held(namespace):
    return keyspaces.task_instance(namespace, TASK_KEY.split("/")[-2]).get("job_id")


@pytest.mark.parametrize(("moment", "value"), [("before", "job-42"), ("after", "new")])
def test_a_closed_connection_has_no_status_line(server, faults, namespace, connect, moment, value):
    faults.add(Fault("set", close=moment))
    connection = connect(server).send(*SET, body=BODY)
    assert connection.file.read() == b""
    assert held(namespace) == value


def test_the_next_connection_is_served_again(server, faults, connect):
    faults.add(Fault(close="before", times=1))
    assert connect(server).send("GET", TASK_KEY).file.read() == b""
    assert connect(server).send("GET", TASK_KEY).answer()[0] == 200


def test_a_call_pipelined_behind_a_closed_one_has_no_effect(server, faults, namespace, connect):
    faults.add(Fault("get", close="before"))
    connection = connect(server).send("GET", TASK_KEY).send(*SET, body=BODY)
    with contextlib.suppress(
        ConnectionResetError
    ):  # if the server had not read the second call yet
        assert connection.file.read() == b""
    assert held(namespace) == "job-42"


@pytest.mark.parametrize("members", [{}, {"status": 503}])
def test_truncated_body_is_short_and_closes_the_connection(server, faults, connect, members):
    faults.add(Fault("get", truncate=True, **members))
    connection = connect(server).send("GET", TASK_KEY)
    status, headers, body = connection.answer()
    assert status == members.get("status", 200)
    assert "connection" not in headers
    assert 0 < len(body) < int(headers["content-length"])
    assert connection.is_closed()


def test_a_truncated_204_is_closed_after_its_head(server, faults, connect):
    faults.add(Fault(truncate=True))
    connection = connect(server).send(*SET, body=BODY)
    assert connection.answer()[0] == 204
    assert connection.is_closed() is True


def test_a_status_keeps_the_connection(server, faults, connect):
    faults.add(Fault(status=503, times=1))
    connection = connect(server).send("GET", TASK_KEY)
    assert connection.answer()[0] == 503
    assert connection.send("GET", TASK_KEY).answer()[0] == 200


def test_a_delay_lasts_as_long_as_configured(server, faults, connect):
    faults.add(Fault(latency=0.3, times=1))
    began = time.monotonic()
    assert connect(server).send("GET", TASK_KEY).answer()[0] == 200
    assert 0.3 <= time.monotonic() - began < 2


@pytest.mark.parametrize(
    "fault", [Fault("get", nth=60, status=503), Fault("get", nth=60, close="after")], ids=str
)
def test_exactly_the_nth_call_of_eight_connections_at_once(server, faults, connect, fault):
    faults.add(fault)
    answers = []

    def work(connection):
        for _ in range(20):
            line = connection.send("GET", TASK_KEY).file.readline()
            answers.append(line[9:12])
            if not line:
                break
            while connection.file.readline() != b"\r\n":
                pass
            connection.file.read(19 if line[9:12] == b"200" else 86)

    threads = [threading.Thread(target=work, args=(connect(server),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([answer for answer in answers if answer != b"200"]) == 1
    assert faults.listed()[0]["fired"] == 1


# ---------------------------------------------------------------- waits


def wait_until_busy(server, count):
    deadline = time.monotonic() + 10
    while server._lanes.waiting.busy < count:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_waiting_calls_block_no_other_and_are_limited(server, faults, namespace, connect):
    namespace.database.create_namespace("calm")
    faults.add(Fault(latency=60.0))
    waiting = [connect(server).send("GET", TASK_KEY) for _ in range(WAITING_THREADS)]
    wait_until_busy(server, WAITING_THREADS)
    status, headers, _ = connect(server).send("GET", TASK_KEY).answer()
    assert status == 429
    assert headers["retry-after"] == "1"
    for path in ("/ns/calm/api/v2/assets", "/_stateroom/health", "/_stateroom/faults"):
        assert connect(server).send("GET", path).answer()[0] == 200
    namespace.database.release()
    assert {connection.answer()[0] for connection in waiting} == {200}


def test_a_wait_for_the_journal_blocks_no_other_call(server, namespace, connect):
    paths = ["/_stateroom/journal?after=1000000&wait=50"] * 50
    waiting = [connect(server).send("GET", path) for path in paths]
    wait_until_busy(server, 50)
    assert connect(server).send("GET", "/_stateroom/journal").answer()[0] == 200
    assert connect(server).send("GET", TASK_KEY).answer()[0] == 200
    namespace.database.release()
    assert {connection.answer()[0] for connection in waiting} == {200}


@pytest.mark.parametrize("path", ["/_stateroom/journal?after={last}&wait=60", "/live?after={last}"])
def test_a_wait_ends_when_its_client_goes_away(server, namespace, connect, path):
    path = path.format(last=namespace.journal.bounds()[1])
    waiting = [connect(server).send("GET", path) for _ in range(WAITING_THREADS)]
    wait_until_busy(server, WAITING_THREADS)
    for connection in waiting:
        connection.close()
    wait_for(lambda: server._lanes.waiting.busy == 0)
    following = connect(server).send("GET", path)
    wait_until_busy(server, 1)
    following.close()


def test_ending_does_not_wait_for_waits(app, connect):
    service = app.extensions["stateroom"]
    service.store.namespace().faults.add(Fault(latency=60.0))
    with running(app, service.store.release) as server:
        waiting = [
            connect(server).send("GET", path)
            for path in (TASK_KEY, "/_stateroom/journal?after=99&wait=60")
        ]
        wait_until_busy(server, 2)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert [connection.answer()[0] for connection in waiting] == [200, 200]


def test_a_process_that_was_killed_goes_on_counting(tmp_path):
    statuses = []
    for _ in range(3):
        with ServerProcess(["--db", str(tmp_path / "s.db")]) as process:
            if not statuses:
                requests.put(f"{process.url}/_stateroom/fixture", json=WORLD)
                requests.post(
                    f"{process.url}/_stateroom/faults", json={"op": "get", "nth": 2, "status": 503}
                )
            statuses.append(requests.get(process.url + TASK_KEY).status_code)
            process.kill()
    assert statuses == [200, 503, 200]
