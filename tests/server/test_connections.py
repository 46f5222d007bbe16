"""Clients that do not finish, do not read, or send too much: they keep nobody else waiting."""

import contextlib
import json
import threading
import time
from importlib import metadata

import pytest

from tests.support.connections import MAX_BODY, PATIENCE, Connection, running
from web.server.app import App

BIG = 24 * 2**20  # bytes, more than a socket holds


@pytest.fixture
def began():
    """The numbers of the big answers that were begun."""
    return []


@pytest.fixture
def server(began):
    app = App("big")

    @app.get("/big/<number>")
    def big(number):
        began.append(number)
        return "x" * BIG

    app.add_url_rule("/fast", "fast", lambda: "fast", methods=["GET", "PUT"])
    with running(app) as server:
        yield server


@pytest.fixture
def patience(monkeypatch):
    """Sets one of the server's deadlines, in seconds."""

    def set_deadline(name, seconds):
        monkeypatch.setattr(f"web.server.connections.{name}", seconds)

    return set_deadline


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---------------------------------------------------------------- answers that are not read


def test_clients_that_do_not_read_keep_no_other_waiting(server, began, connect):
    """Each of them would hold one of the two threads of short reads."""
    for client in range(4):
        connect(server).send("GET", f"/big/{client}").send("GET", f"/big/{client}-next")
    wait_until(lambda: len(began) == 4)
    assert connect(server).send("GET", "/fast").answer()[2] == b"fast"


def test_a_pipelined_call_waits_until_the_answer_before_is_read(server, began, connect):
    client = connect(server).send("GET", "/big/1").send("GET", "/big/2").send("GET", "/fast")
    wait_until(lambda: began == ["1"])
    assert connect(server).send("GET", "/fast").answer()[2] == b"fast"
    assert began == ["1"]
    assert len(client.answer()[2]) == BIG
    assert len(client.answer()[2]) == BIG
    assert client.answer()[2] == b"fast"
    assert began == ["1", "2"]


def test_a_connection_whose_answer_stays_unread_is_cut(server, began, patience, connect):
    patience("STALL_SECONDS", 0.2)
    client = connect(server).send("GET", "/big/1")
    wait_until(lambda: began == ["1"])
    wait_until(lambda: not server._server.active_channels)
    received = 0
    with contextlib.suppress(ConnectionError):
        while data := client.socket.recv(2**20):
            received += len(data)
    assert received < BIG


def test_unread_answers_are_limited_in_all(server, began, connect, monkeypatch):
    monkeypatch.setattr("web.server.waitress.UNREAD_BYTES", 2 * BIG)
    monkeypatch.setattr("web.server.waitress.IDLE", 0.1)
    for client in range(4):
        connect(server).send("GET", f"/big/{client}")
        wait_until(lambda count=client + 1: len(began) == count)
    wait_until(lambda: len(server._server.active_channels) == 2)
    assert connect(server).send("GET", "/fast").answer()[2] == b"fast"


def test_a_client_that_reads_slowly_gets_all(server, patience, connect, monkeypatch):
    monkeypatch.setattr("web.server.waitress.UNREAD_BYTES", BIG // 4)
    patience("STALL_SECONDS", 1)
    client = connect(server).send("GET", "/big/1")
    received = b""
    while len(received) < BIG // 2:
        received += client.socket.recv(2**20)
        time.sleep(0.02)
    while len(received) < BIG:
        received += client.socket.recv(2**20)
    assert received.endswith(b"x" * 1000)


# ---------------------------------------------------------------- requests that are not finished


@pytest.mark.parametrize("sent", [b"G", b"GET /fast HTTP/1.1\r\nHost: localhost\r\n"])
def test_an_unfinished_head_is_refused_in_time(server, patience, connect, sent):
    patience("HEAD_SECONDS", 0.2)
    client = connect(server)
    client.socket.sendall(sent)
    status, _, body = client.answer()
    assert status == 408
    assert json.loads(body)["detail"]["reason"] == "request_timeout"
    assert client.is_closed()


def test_an_unfinished_body_is_refused_when_nothing_more_comes(server, patience, connect):
    patience("STALL_SECONDS", 0.2)
    client = connect(server).send("PUT", "/fast", "Content-Length: 10")
    status, _, body = client.answer()
    assert status == 408
    assert "nothing of the body came" in json.loads(body)["detail"]["message"]


def test_a_body_that_makes_progress_has_the_time_it_needs(server, patience, connect):
    patience("STALL_SECONDS", 2)
    patience("HEAD_SECONDS", 0.5)
    client = connect(server).send("PUT", "/fast", "Content-Length: 6")
    for letter in b"slowly":
        time.sleep(0.4)  # in all longer than either deadline
        client.socket.sendall(bytes([letter]))
    assert client.answer()[2] == b"fast"


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP", b"PUT /fast HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"]
)
def test_unfinished_requests_make_room_for_new_connections(server, connect, monkeypatch, sent):
    monkeypatch.setattr(server._server.adj, "connection_limit", 20)
    monkeypatch.setattr("web.server.waitress.IDLE", 0.05)
    for _ in range(40):
        connect(server).socket.sendall(sent)
    assert connect(server).send("GET", "/fast").answer()[2] == b"fast"


def test_bodies_under_way_are_limited_in_all(server, connect, monkeypatch):
    monkeypatch.setattr("web.server.waitress.UNFINISHED_BYTES", 3 * MAX_BODY)
    clients = [
        connect(server).send("PUT", "/fast", f"Content-Length: {MAX_BODY}") for _ in range(6)
    ]
    for client in clients:
        client.socket.sendall(b"x" * (MAX_BODY - 1))
    wait_until(lambda: len(server._server.active_channels) == 3)
    assert server._server.unfinished_bytes <= 3 * MAX_BODY
    for client in clients[-3:]:  # the oldest went first
        client.socket.sendall(b"x")
        assert client.answer()[2] == b"fast"


def test_a_long_body_is_read_into_a_file(server, connect):
    client = connect(server).send("PUT", "/fast", f"Content-Length: {MAX_BODY}")
    client.socket.sendall(b"x" * (MAX_BODY - 1))
    wait_until(lambda: server._server.unfinished_bytes == MAX_BODY - 1)
    (channel,) = server._server.active_channels.values()
    assert channel.request.get_body_stream().fileno() > 0
    client.socket.sendall(b"x")
    assert client.answer()[2] == b"fast"


# ---------------------------------------------------------------- refused bodies


@pytest.mark.parametrize("size", [MAX_BODY * 3, 64 * 2**20])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_too_much_gets_413_and_no_reset(server, connect, size, chunked):
    client = connect(server)
    if chunked:
        client.send("PUT", "/fast", "Transfer-Encoding: chunked")
        body = f"{size:x}\r\n".encode() + b"x" * size + b"\r\n0\r\n\r\n"
    else:
        client.send("PUT", "/fast", f"Content-Length: {size}")
        body = b"x" * size
    client.socket.sendall(body)  # all of it, before the answer is read
    status, _, answer = client.answer()
    assert status == 413
    assert json.loads(answer)["detail"]["reason"] == "body_too_large"
    assert client.is_closed()


def test_a_refused_client_that_sends_no_more_is_cut(server, patience, connect):
    patience("STALL_SECONDS", 0.2)
    client = connect(server).send("PUT", "/fast", f"Content-Length: {10**9}")
    assert client.answer()[0] == 413
    wait_until(lambda: not server._server.active_channels)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("length", ["4", "0"])
def test_two_lengths_in_one_request_are_refused(server, connect, version, length):
    headers = [f"Content-Length: {length}", "Transfer-Encoding: chunked"]
    client = connect(server).send("PUT", "/fast", *headers, version=version)
    client.socket.sendall(b"0\r\n\r\nGET /fast HTTP/1.1\r\n\r\n")
    status, _, body = client.answer()
    assert status == 400
    assert "Content-Length and Transfer-Encoding" in json.loads(body)["detail"]["message"]
    assert client.is_closed()


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize(
    "piece", [b"1\r\na\r\n", b"1;" + b"x" * 4000], ids=["tiny chunks", "an endless extension"]
)
def test_a_body_that_is_mostly_framing_is_refused(server, connect, piece):
    client = connect(server)
    client.send("PUT", "/fast", "Transfer-Encoding: chunked")
    for _ in range(150_000 // len(piece)):
        client.socket.sendall(piece)
    status, _, body = client.answer()
    assert status == 400
    assert "chunks of the body are too small" in json.loads(body)["detail"]["message"]


def test_small_chunks_of_some_letters_are_taken(server, connect):
    client = connect(server)
    client.send("PUT", "/fast", "Transfer-Encoding: chunked")
    client.socket.sendall(b"8\r\nabcdefgh\r\n" * 10_000 + b"0\r\n\r\n")
    assert client.answer()[2] == b"fast"


def test_closing_waits_for_no_client(server, began, connect):
    connect(server).send("GET", "/big/1")
    connect(server).socket.sendall(b"GET")
    wait_until(lambda: began == ["1"])
    ended = threading.Thread(target=server.close)
    ended.start()
    ended.join(PATIENCE)
    assert not ended.is_alive()
    with pytest.raises(ConnectionRefusedError):
        Connection(server)


# ---------------------------------------------------------------- in the thread that reads


class Threads:
    """An app that answers with the name of the thread, and a store that may be busy."""

    def __init__(self):
        self.is_free = True
        self.seconds = 0
        self.app = App("threads")
        self.app.add_url_rule("/who", "who", self.who, methods=["GET", "PUT"])

    def who(self):
        time.sleep(self.seconds)
        return threading.current_thread().name

    @contextlib.contextmanager
    def if_free(self):
        yield self.is_free


@pytest.fixture
def threads():
    return Threads()


@pytest.fixture
def reading(threads):
    with running(threads.app, lambda: None, threads.if_free) as server:
        yield server


def test_a_short_call_is_answered_by_the_thread_that_read_it(reading, connect):
    names = {connect(reading).send(method, "/who").answer()[2] for method in ("GET", "PUT")}
    assert len(names) == 1
    assert not names.pop().startswith(b"stateroom-")


@pytest.mark.parametrize(("method", "lane"), [("GET", b"read"), ("PUT", b"write")])
def test_a_call_that_would_have_to_wait_goes_to_its_lane(reading, threads, connect, method, lane):
    threads.is_free = False
    assert connect(reading).send(method, "/who").answer()[2].startswith(b"stateroom-" + lane)


def test_of_pipelined_calls_only_the_first_is_answered_at_once(reading, connect):
    client = connect(reading)
    client.socket.sendall(b"GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
    names = [client.answer()[2].startswith(b"stateroom-read") for _ in range(3)]
    assert names == [False, True, True]


def test_a_path_whose_calls_are_long_goes_to_its_lane(reading, threads, connect):
    client = connect(reading)
    threads.seconds = 0.02
    assert not client.send("GET", "/who").answer()[2].startswith(b"stateroom-")
    assert client.send("GET", "/who").answer()[2].startswith(b"stateroom-read")
    assert not client.send("PUT", "/who").answer()[2].startswith(b"stateroom-")


def test_waitress_is_a_release_that_was_tried():
    """Its private classes are subclassed: run this folder's tests before another is allowed."""
    assert metadata.version("waitress") in ("3.0.2",)


def test_an_answer_counts_as_unread_from_when_it_was_written(server, connect):
    connect(server).send("GET", "/big/10").answer()
    (channel,) = server._server.active_channels.values()
    channel.last_activity = 0
    channel.write_soon(b"x")  # too little to be sent at once
    assert channel.last_activity > 0
