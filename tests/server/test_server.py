"""The server over raw sockets: keep-alive, independent lanes, errors as JSON."""

import functools
import json
import re
import threading
import time

import pytest
from flask import request

from app import create_app
from state.store.tables import assets
from tests.support.connections import MAX_BODY, PATIENCE, Connection, refusal, running
from web.operation import SLOW, lane
from web.server.app import App
from web.server.lanes import SLOW_QUEUE, SLOW_THREADS, WRITE_THREADS
from web.server.waitress import Server


class Stuck:
    """An app whose slow calls end only when a test releases them."""

    def __init__(self):
        self.began = threading.Semaphore(0)
        self.go = threading.Event()
        self.ended = []
        self.app = App("stuck")
        for path in ("/_stateroom/stuck/<number>", "/stuck/<number>"):
            view = functools.partial(self.stuck)
            if path.startswith("/_stateroom/"):
                lane(SLOW)(view)
            self.app.add_url_rule(path, path, view, methods=["GET", "PUT"])
        self.app.add_url_rule("/fast", "fast", lambda: "fast", methods=["GET", "PUT", "HEAD"])
        self.app.add_url_rule("/_stateroom/health", "health", lambda: "healthy")
        self.app.add_url_rule(
            "/length", "length", lambda: str(len(request.get_data())), methods=["PUT"]
        )

    def stuck(self, number):
        self.began.release()
        assert self.go.wait(PATIENCE)
        self.ended.append(number)
        return number

    def wait_until_began(self, count):
        for _ in range(count):
            assert self.began.acquire(timeout=PATIENCE)


@pytest.fixture
def stuck():
    stuck = Stuck()
    yield stuck
    stuck.go.set()


@pytest.fixture
def server(stuck):
    with running(stuck.app) as server:
        yield server
        stuck.go.set()


@pytest.fixture
def service():
    """The real app, in memory."""
    app = create_app({"db": ":memory:", "max_body": MAX_BODY})
    with running(app) as server:
        yield server
    app.extensions["stateroom"].store.close()


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_a_connection_serves_many_calls(server, connect, method):
    connection = connect(server)
    for _ in range(3):
        status, headers, _ = connection.send(method, "/fast").answer(head=method == "HEAD")
        assert status == 200
        assert headers.get("connection") is None
        assert headers["content-length"] == "4"


def test_a_connection_stays_open_after_204(service, connect):
    connection = connect(service)
    for _ in range(3):
        status, headers, body = connection.send("POST", "/_stateroom/reset").answer()
        assert status == 204
        assert "content-length" not in headers
        assert "transfer-encoding" not in headers
        assert body == b""
    assert connection.send("GET", "/api/v2/version").answer()[0] == 200


def test_pipelined_calls_are_answered_in_order_across_lanes(server, stuck, connect):
    stuck.go.set()
    connection = connect(server)
    paths = ["/fast", "/_stateroom/stuck/1", "/fast", "/stuck/2", "/_stateroom/stuck/3"]
    for path in paths:
        connection.send("GET", path)
    assert [connection.answer()[2] for _ in paths] == [b"fast", b"1", b"fast", b"2", b"3"]


GET_OR_HEAD = pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v2/version"), ("HEAD", "/_stateroom/health")]
)


@pytest.mark.parametrize(("version", "headers"), [("1.0", ["Connection: keep-alive"]), ("1.1", [])])
@GET_OR_HEAD
def test_a_connection_stays_open(service, connect, version, headers, method, path):
    connection = connect(service).send(method, path, *headers, version=version)
    assert connection.answer(head=method == "HEAD")[0] == 200
    assert connection.send("GET", "/api/v2/version").answer()[0] == 200


@pytest.mark.parametrize(("version", "headers"), [("1.0", []), ("1.1", ["Connection: close"])])
@GET_OR_HEAD
def test_a_connection_is_closed(service, connect, version, headers, method, path):
    connection = connect(service).send(method, path, *headers, version=version)
    assert connection.answer(head=method == "HEAD")[0] == 200
    assert connection.is_closed()


@pytest.mark.parametrize(("version", "headers"), [("1.0", []), ("1.1", ["Connection: close"])])
def test_a_204_closes_the_connection_if_asked_to(service, connect, version, headers):
    connection = connect(service).send("POST", "/_stateroom/reset", *headers, version=version)
    status, answered, _ = connection.answer()
    assert status == 204
    assert answered["connection"] == "close"
    assert connection.is_closed() is True


def test_head_sends_the_length_and_no_body(service, connect):
    connection = connect(service)
    _, headers, _ = connection.send("HEAD", "/_stateroom/health").answer(head=True)
    assert int(headers["content-length"]) > 0
    assert connection.send("GET", "/api/v2/version").answer()[0] == 200


def test_a_body_in_chunks_is_read(server, connect):
    connection = connect(server)
    connection.send("PUT", "/length", "Transfer-Encoding: chunked")
    connection.socket.sendall(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    assert connection.answer()[2] == b"11"
    assert connection.send("GET", "/fast").answer()[2] == b"fast"


def test_a_client_that_disconnects_affects_no_other(server, stuck, connect):
    for number in range(3):
        connection = Connection(server).send("GET", f"/_stateroom/stuck/{number}")
        stuck.wait_until_began(1)
        connection.close()
    stuck.go.set()
    assert connect(server).send("GET", "/_stateroom/stuck/4").answer()[2] == b"4"


# ---------------------------------------------------------------- lanes


def test_stuck_slow_calls_do_not_delay_fast_ones(server, stuck, connect):
    waiting = [
        connect(server).send("GET", f"/_stateroom/stuck/{number}")
        for number in range(SLOW_THREADS + 5)
    ]
    stuck.wait_until_began(SLOW_THREADS)
    for method, path in (("GET", "/fast"), ("PUT", "/fast"), ("GET", "/_stateroom/health")):
        assert connect(server).send(method, path).answer()[0] == 200
    assert stuck.ended == []
    stuck.go.set()
    assert {connection.answer()[0] for connection in waiting} == {200}


def test_writes_that_wait_do_not_delay_reads(server, stuck, connect):
    waiting = [
        connect(server).send("PUT", f"/stuck/{number}") for number in range(WRITE_THREADS + 3)
    ]
    stuck.wait_until_began(WRITE_THREADS)
    assert connect(server).send("GET", "/fast").answer()[2] == b"fast"
    assert stuck.ended == []
    stuck.go.set()
    assert {connection.answer()[0] for connection in waiting} == {200}


def test_reads_over_http_do_not_wait_for_an_open_transaction(tmp_path, connect):
    app = create_app({"db": str(tmp_path / "s.db")})
    store = app.extensions["stateroom"].store
    asset = assets.create_asset(store.namespace(), "a")["id"]
    with running(app) as server:
        with store.transaction():
            path = "/execution/store/asset/by-name/value?name=a&key=k"
            body = b'{"value": 1}'
            writers = [
                connect(server).send("PUT", path, body=body) for _ in range(WRITE_THREADS + 3)
            ]
            assert (
                connect(server).send("GET", f"/api/v2/assets/{asset}/state-store").answer()[0]
                == 200
            )
        assert {connection.answer()[0] for connection in writers} == {422}
    store.close()


def wait_until_queued(server, count):
    deadline = time.monotonic() + PATIENCE
    while len(server._lanes.slow._queue) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_body_takes_the_slow_lane(stuck, connect, chunked, monkeypatch):
    monkeypatch.setattr("web.server.lanes.LONG_BODY", 1000)
    with running(stuck.app) as server:
        for number in range(SLOW_THREADS):
            connect(server).send("GET", f"/_stateroom/stuck/{number}")
        stuck.wait_until_began(SLOW_THREADS)
        long = connect(server)
        if chunked:
            long.send("PUT", "/length", "Transfer-Encoding: chunked")
            long.socket.sendall(b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n")
        else:
            long.send("PUT", "/length", body=b"x" * 2000)
        assert connect(server).send("PUT", "/length", body=b"short").answer()[2] == b"5"
        wait_until_queued(server, 1)
        stuck.go.set()
        assert long.answer()[2] == b"2000"


def fill_the_slow_lane(server, stuck, connect):
    """Occupy every slow thread and every place in the queue."""
    running = [
        connect(server).send("GET", f"/_stateroom/stuck/{number}") for number in range(SLOW_THREADS)
    ]
    stuck.wait_until_began(SLOW_THREADS)
    waiting = [
        connect(server).send("GET", f"/_stateroom/stuck/{number}") for number in range(SLOW_QUEUE)
    ]
    wait_until_queued(server, SLOW_QUEUE)
    return running + waiting


def test_a_full_slow_lane_answers_429_and_keeps_the_connection(server, stuck, connect):
    accepted = fill_the_slow_lane(server, stuck, connect)
    refused = connect(server)
    for _ in range(2):
        status, headers, body = refused.send("GET", "/_stateroom/stuck/0").answer()
        assert status == 429
        assert headers["retry-after"] == "1"
        assert headers["content-type"] == "application/json"
        assert json.loads(body)["detail"]["reason"] == "too_many_requests"
    assert refused.send("GET", "/fast").answer()[2] == b"fast"
    stuck.go.set()
    assert {connection.answer()[0] for connection in accepted} == {200}
    assert refused.send("GET", "/_stateroom/stuck/9").answer()[2] == b"9"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"GET\r\n\r\n", 400, "bad_request"),
        (b"what is this\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 400, "bad_request"),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "bad_request"),
        (b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", 400, "bad_request"),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request"),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 262_144, 431, "request_header_fields_too_large"),
    ],
)
def test_non_http_input_gets_a_json_error_and_is_closed(server, connect, sent, status, reason):
    connection = connect(server)
    connection.socket.sendall(sent)
    received, headers, body = connection.answer()
    assert received == status
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close"
    assert json.loads(body)["detail"]["reason"] == reason
    assert connection.is_closed()


@pytest.mark.parametrize("length", [MAX_BODY + 65_536, 10**12])
def test_a_far_too_large_body_is_refused_without_being_read(server, connect, length):
    connection = connect(server).send("PUT", "/length", f"Content-Length: {length}")
    status, headers, body = connection.answer()
    detail = json.loads(body)["detail"]
    assert status == 413
    assert detail["reason"] == "body_too_large"
    assert headers["connection"] == "close"
    assert detail["message"] == f"the body is larger than {MAX_BODY} bytes (--max-body)"
    assert connection.is_closed()


def test_a_far_too_large_body_in_chunks_is_refused_once_it_is(server, connect):
    connection = connect(server).send("PUT", "/length", "Transfer-Encoding: chunked")
    chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    connection.socket.sendall(chunk * (MAX_BODY // 10_000 + 7))
    assert connection.answer()[0] == 413


def test_app_refuses_a_slightly_too_large_body_in_the_same_words(service, connect):
    connection = connect(service)
    connection.send(
        "PUT", "/_stateroom/fixture", "Content-Type: application/json", body=b" " * (MAX_BODY + 1)
    )
    status, _, body = connection.answer()
    message = f"the body is larger than {MAX_BODY} bytes (--max-body)"
    assert status == 413
    assert json.loads(body)["detail"] == {"reason": "body_too_large", "message": message}
    assert connection.send("GET", "/api/v2/version").answer()[0] == 200


def test_a_body_at_the_limit_is_taken(service, connect):
    document = json.dumps({"assets": []}).encode()
    connection = connect(service)
    body = document + b" " * (MAX_BODY - len(document))
    assert (
        connection.send(
            "PUT", "/_stateroom/fixture", "Content-Type: application/json", body=body
        ).answer()[0]
        == 204
    )


def test_an_app_that_fails_is_answered_in_json(stuck, connect, caplog):
    def broken(environ, start_response):
        raise RuntimeError("on purpose")

    with running(broken) as server:
        status, headers, body = connect(server).send("GET", "/").answer()
    assert status == 500
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["detail"]["reason"] == "internal_server_error"
    assert "on purpose" in caplog.text


def test_at_the_limit_of_connections_the_idle_ones_make_room(stuck, connect, monkeypatch):
    monkeypatch.setattr("web.server.waitress.CONNECTIONS", 12)
    with running(stuck.app) as server:
        busy = connect(server).send("GET", "/stuck/1")
        stuck.wait_until_began(1)
        assert [connect(server).send("GET", "/fast").answer()[0] for _ in range(12)] == [200] * 12
        stuck.go.set()
        assert busy.answer()[0] == 200


# ---------------------------------------------------------------- start and end


def test_closing_leaves_no_thread_and_no_socket(stuck):
    before = set(threading.enumerate())
    with running(stuck.app) as server:
        connection = Connection(server).send("GET", "/fast")
        assert connection.answer()[0] == 200
    assert set(threading.enumerate()) == before
    assert connection.is_closed()
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        Connection(server)


def test_closing_lets_running_calls_end_and_their_answers_arrive(stuck):
    with running(stuck.app) as server:
        connections = [
            Connection(server).send("GET", f"{path}/1") for path in ("/_stateroom/stuck", "/stuck")
        ]
        stuck.wait_until_began(2)
        threading.Timer(0.05, stuck.go.set).start()
    assert [connection.answer()[2] for connection in connections] == [b"1", b"1"]
    for connection in connections:
        connection.close()


def test_a_server_that_never_ran_can_be_closed_twice(stuck):
    before = set(threading.enumerate())
    server = Server(stuck.app, "127.0.0.1", 0, MAX_BODY)
    server.close()
    server.close()
    server.run()
    assert set(threading.enumerate()) == before


def test_port_0_takes_a_free_one(stuck):
    with running(stuck.app) as first, running(stuck.app) as second:
        assert first.port != second.port
        assert first.url == f"http://127.0.0.1:{first.port}"


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1"), ("localhost", "http://localhost")]
)
def test_the_url_can_be_requested(stuck, host, url):
    server = Server(stuck.app, host, 0, MAX_BODY)
    assert server.url == f"{url}:{server.port}"
    server.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_foreign_address_is_an_os_error_and_leaves_no_thread(stuck, host):
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="address"):
        Server(stuck.app, host, 0, MAX_BODY)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Address already in use"),
        (["--host", "no.such.host.invalid", "--insecure"], "not an address of this machine"),
    ],
)
def test_a_start_that_cannot_listen_says_where_and_ends_with_9(stuck, options, words):
    with running(stuck.app) as server:
        status, line = refusal("--db", ":memory:", "--port", str(server.port), *options)
    assert status == 9
    assert re.fullmatch(
        rf"stateroom: cannot listen on \S+:{server.port}: {words}.*; give another --(port|host)",
        line,
    )
