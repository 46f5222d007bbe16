"""Idle connections sleep: the server's loop asks only the others what they wait for."""

import contextlib
import socket

import pytest
from flask import Flask
from waitress import wasyncore

from tests.support.connections import Connection, running
from tests.support.waiting import wait_for
from web.server.connections import Channel
from web.server.sockets import Sockets


class Peer(wasyncore.dispatcher):
    """One end of a pair of sockets; it counts how often it is asked, and keeps what it reads.

    :ivar far: the other end.
    """

    def __init__(self, sockets):
        near, self.far = socket.socketpair()
        super().__init__(near, map=sockets)
        self.connected = True
        self.asked = 0
        self.data = []

    @property
    def number(self):
        return self.socket.fileno()

    def readable(self):
        self.asked += 1
        return True

    def writable(self):
        return False

    def handle_read(self):
        if data := self.recv(100):
            self.data.append(data)

    def handle_close(self):
        self.close()

    def close(self):
        super().close()
        self.far.close()


@pytest.fixture
def sockets():
    sockets = Sockets()
    yield sockets
    sockets.close()
    wasyncore.close_all(sockets)


def run(sockets, rounds):
    for _ in range(rounds):
        wasyncore.loop(timeout=0, map=sockets.awake, use_poll=True, count=1)


def test_who_sleeps_is_not_asked(sockets):
    awake, asleep = Peer(sockets), Peer(sockets)
    sockets.sleep(asleep.number)
    run(sockets, 5)
    assert awake.asked == 5
    assert asleep.asked == 0
    assert len(sockets) == 2


def test_what_comes_from_its_client_wakes_who_sleeps(sockets):
    peer, other = Peer(sockets), Peer(sockets)
    for sleeper in (peer, other):
        sockets.sleep(sleeper.number)
    peer.far.send(b"hello")
    run(sockets, 2)
    assert peer.data == [b"hello"]
    assert sockets.asleep == {other.number}


def test_who_is_woken_is_asked_again(sockets):
    peer = Peer(sockets)
    sockets.sleep(peer.number)
    sockets.wake(peer.number)
    run(sockets, 3)
    assert peer.asked == 3


def test_a_client_that_goes_away_is_noticed_asleep(sockets):
    peer = Peer(sockets)
    sockets.sleep(peer.number)
    peer.far.close()
    run(sockets, 2)
    assert list(sockets) == []
    assert sockets.asleep == set()


def test_a_new_socket_may_have_the_number_of_one_that_slept(sockets):
    old = Peer(sockets)
    number = old.number
    sockets.sleep(number)
    old.close()
    new = Peer(sockets)
    assert number in (new.number, new.far.fileno())
    new.far.send(b"hello")
    run(sockets, 1)
    assert new.data == [b"hello"]
    sockets.sleep(new.number)
    new.far.send(b"again")
    run(sockets, 2)
    assert new.data == [b"hello", b"again"]


@pytest.mark.parametrize("change", ["register", "unregister"])
def test_a_signal_may_end_the_loop_in_a_change(sockets, monkeypatch, change):
    peer = Peer(sockets)
    if change == "unregister":
        sockets.sleep(peer.number)
    act = getattr(sockets._selector, change)

    def interrupted(*args):
        act(*args)
        raise SystemExit

    monkeypatch.setattr(sockets._selector, change, interrupted)
    turn = {"register": sockets.sleep, "unregister": sockets.wake}[change]
    with pytest.raises(SystemExit):
        turn(peer.number)
    sockets.close()
    peer.close()
    assert list(sockets) == []


@pytest.fixture
def served(monkeypatch):
    """A server whose connections sleep as soon as they have no work."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "hello")
    monkeypatch.setattr("web.server.waitress.IDLE", 0.0)
    monkeypatch.setattr("web.server.waitress._LOOK", 0.01)
    with running(app) as server:
        yield server


@pytest.fixture
def connect(served):
    with contextlib.ExitStack() as stack:

        def connect():
            connection = Connection(served)
            stack.callback(connection.close)
            return connection

        yield connect


def asleep(served):
    return len(served._sockets.asleep)


def test_idle_connections_are_not_asked_with_each_call(served, connect, monkeypatch):
    idle = connect()
    idle.send("GET", "/").answer()
    (channel,) = served._server.active_channels.values()
    wait_for(lambda: asleep(served) == 1)
    asked = []
    readable = Channel.readable

    def counted(channel):
        asked.append(channel)
        return readable(channel)

    connection = connect()
    connection.send("GET", "/").answer()
    monkeypatch.setattr(Channel, "readable", counted)
    for _ in range(100):
        assert connection.send("GET", "/").answer()[0] == 200
    assert asked.count(channel) == 0


def test_a_connection_that_slept_is_answered(served, connect):
    connection = connect()
    for _ in range(3):
        wait_for(lambda: asleep(served) == 1)
        assert connection.send("GET", "/").answer()[0] == 200


def test_an_unfinished_head_has_its_deadline_asleep(served, connect, monkeypatch):
    connection = connect()
    connection.socket.sendall(b"GET / HTTP/1.1\r\nHost")
    wait_for(lambda: asleep(served) == 1)
    monkeypatch.setattr("web.server.connections.HEAD_SECONDS", 0.0)
    assert connection.answer()[0] == 408


def test_what_is_left_idle_for_long_is_closed_asleep(served, connect, monkeypatch):
    connection = connect()
    wait_for(lambda: asleep(served) == 1)
    served._server.adj.channel_timeout = 0
    served._server.next_channel_cleanup = 0
    assert connection.is_closed()
