"""The server's loop asks only those sockets what they wait for that may have changed their mind."""

import contextlib
import socket

import pytest
from flask import Flask
from waitress import wasyncore

from tests.support.connections import Connection, running
from web.server.connections import Channel
from web.server.sockets import Sockets


class Peer(wasyncore.dispatcher):
    """One end of a pair of sockets; it counts how often it is asked, and keeps what it reads.

    :ivar far: the other end.
    """

    rests = True
    writes = False

    def __init__(self, sockets):
        near, self.far = socket.socketpair()
        super().__init__(near, map=sockets)
        self.connected = True
        self.asked = 0
        self.data = []

    def readable(self):
        self.asked += 1
        return not self.writes

    def writable(self):
        return self.writes

    def handle_read(self):
        self.data.append(self.recv(100))

    def handle_write(self):
        self.data.append("written")

    def handle_close(self):
        self.close()


@pytest.fixture
def sockets():
    sockets = Sockets()
    yield sockets
    for peer in list(sockets.values()):
        peer.far.close()
        peer.close()
    sockets.close()


def test_who_rests_is_asked_once_and_after_something_came(sockets):
    resting, sending = Peer(sockets), Peer(sockets)
    for _ in range(5):
        sockets.round(0)
    sending.far.send(b"hello")
    for _ in range(5):
        sockets.round(0)
    assert resting.asked == 1
    assert sending.asked == 2
    assert sending.data == [b"hello"]


def test_who_has_work_is_asked_in_every_round_until_it_rests(sockets):
    peer = Peer(sockets)
    peer.rests = False
    for _ in range(5):
        sockets.round(0)
    assert peer.asked == 5
    peer.rests = True
    for _ in range(5):
        sockets.round(0)
    assert peer.asked == 6


def test_what_a_socket_waits_for_may_change(sockets):
    peer = Peer(sockets)
    peer.rests = False
    sockets.round(0)
    assert peer.data == []
    peer.writes = True
    sockets.round(0)
    assert peer.data == ["written"]
    peer.writes = False
    peer.far.send(b"hello")
    sockets.round(0)
    assert peer.data == ["written", b"hello"]


def test_all_are_asked_when_that_is_wanted(sockets):
    peer = Peer(sockets)
    sockets.round(0)
    sockets.ask_all()
    sockets.round(0)
    assert peer.asked == 2


def test_who_waits_for_nothing_is_not_read(sockets):
    peer = Peer(sockets)
    peer.readable = lambda: False
    peer.far.send(b"hello")
    sockets.round(0)
    assert peer.data == []
    del peer.readable
    sockets.ask_all()
    sockets.round(0)
    assert peer.data == [b"hello"]


def test_a_socket_that_another_closes_in_a_round_is_not_read(sockets):
    first, second = Peer(sockets), Peer(sockets)
    first.handle_read = second.close
    second.handle_read = first.close
    for peer in (first, second):
        peer.far.send(b"hello")
    sockets.round(0)
    assert len(sockets) == 1
    for peer in (first, second):
        with contextlib.suppress(KeyError):
            del peer.handle_read
        peer.far.close()


def test_a_new_socket_may_have_the_number_of_a_closed_one(sockets):
    old = Peer(sockets)
    number = old.socket.fileno()
    sockets.round(0)
    old.far.close()
    sockets.round(0)
    assert list(sockets) == []
    new = Peer(sockets)
    assert number in (new.socket.fileno(), new.far.fileno())
    new.far.send(b"hello")
    sockets.round(0)
    assert new.data == [b"hello"]


def test_idle_connections_are_not_asked_with_each_call(monkeypatch):
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "hello")
    asked = []
    readable = Channel.readable

    def counted(channel):
        asked.append(channel)
        return readable(channel)

    with running(app) as server, contextlib.ExitStack() as stack:
        idle = Connection(server)
        stack.callback(idle.close)
        idle.send("GET", "/").answer()
        (channel,) = server._server.active_channels.values()
        connection = Connection(server)
        stack.callback(connection.close)
        connection.send("GET", "/").answer()
        monkeypatch.setattr(Channel, "readable", counted)
        for _ in range(100):
            assert connection.send("GET", "/").answer()[0] == 200
        monkeypatch.undo()
        assert asked.count(channel) < 50  # it is twice a second, with all others
        assert idle.send("GET", "/").answer()[0] == 200
