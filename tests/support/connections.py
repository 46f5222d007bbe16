"""Servers in this process, and raw connections to them."""

import contextlib
import socket
import threading

from click.testing import CliRunner

from app import create_app
from web.server.app import App
from web.server.lanes import lane_of
from web.server.serve import command
from web.server.waitress import Server

PATIENCE = 10  # seconds until a wait counts as stuck
MAX_BODY = 100_000


def short(method, path, query):
    """The lane of each call of an app that names none."""


@contextlib.contextmanager
def running(app, release=lambda: None, if_free=None):
    """A server in a thread of its own.

    :param app: names the lane of each call, if it is one of ours.
    :param release: ends the waits, as :class:`web.server.waitress.Server` takes it.
    :param if_free: as that takes it too; by default the store's of a whole service.
    """
    lane = lane_of(app) if isinstance(app, App) else short
    service = getattr(app, "extensions", {}).get("stateroom")
    if if_free is None and service is not None:
        if_free = service.store.if_free
    server = Server(app, "127.0.0.1", 0, MAX_BODY, lane, release, if_free)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


class Connection:
    """A raw connection; reads one answer at a time."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.file = self.socket.makefile("rb")

    def send(self, method, path, *headers, version="1.1", body=b""):
        lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return self

    def answer(self, head=False):
        """Status, headers and body of the next answer."""
        first = self.file.readline()
        status = int(first.split()[1])
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if head:
            return status, headers, b""
        return status, headers, self.file.read(int(headers.get("content-length", 0)))

    def is_closed(self):
        return self.file.read(1) == b""

    def close(self):
        self.file.close()
        self.socket.close()


def refusal(*options, environ=None):
    """Run ``serve`` with options that it refuses, without a process of its own; return its exit
    status and the one line that it writes.
    """
    runner = CliRunner(env=environ)
    arguments = ["--port", "0", *options]
    result = runner.invoke(command, arguments, obj=create_app, catch_exceptions=False)
    (line,) = result.stderr.splitlines()
    assert result.stdout == ""
    assert line.startswith("stateroom: ")
    return result.exit_code, line
