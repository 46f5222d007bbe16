"""A closed-loop load: each connection's thread sends a request and waits for the answer."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """One HTTP request; ``{n}`` in the path stands for the connection's number."""

    method: str
    path: str
    token: str | None = None
    body: Any = None

    def to_bytes(self, host: str, number: int) -> bytes:
        content = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{self.method} {self.path.replace('{n}', str(number))} HTTP/1.1", f"Host: {host}"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if content:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(frozen=True)
class Measured:
    """The result of a load: requests per second, p50 and p99 of the waits in milliseconds, and the
    seconds that it took.
    """

    rps: float
    p50: float
    p99: float
    seconds: float


class Connection:
    """One kept-alive connection; it opens again when the server has closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.socket: socket.socket | None = None

    def call(self, request: bytes) -> int:
        """Send a request and read its answer to the end; the status."""
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        head, rest = self._head()
        status = int(head[9:12])
        lower = head.lower()
        length = 0 if status == 204 else int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._read()
        if b"connection: close" in lower:
            self.close()
        return status

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._read()
        head, _, rest = data.partition(b"\r\n\r\n")
        return head + b"\r\n", rest

    def _read(self) -> bytes:
        assert self.socket is not None
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection before the end of an answer")
        return data

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def run(url: str, requests: Sequence[Request], connections: int, seconds: float) -> Measured:
    """Load a server for some seconds, each connection with the requests in turn.

    :raises RuntimeError: if an answer is an error.
    """
    host = urlsplit(url).netloc
    waits: list[list[float]] = [[] for _ in range(connections)]
    failures: list[str] = []
    barrier = threading.Barrier(connections + 1)

    def work(number: int) -> None:
        connection = Connection(url)
        own = waits[number]
        turns = itertools.cycle([request.to_bytes(host, number) for request in requests])
        for _ in range(20):
            connection.call(next(turns))
        barrier.wait()
        until = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < until:
            status = connection.call(next(turns))
            own.append(time.perf_counter() - begun)
            if status >= 300:
                failures.append(f"{requests[0].method} {requests[0].path} answered {status}")
                break
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    return _summary(waits, time.perf_counter() - begun)


def _summary(waits: list[list[float]], took: float) -> Measured:
    ordered = sorted(wait for own in waits for wait in own)

    def at(part: float) -> float:
        index = min(len(ordered) - 1, int(part * len(ordered)))
        return round(1000 * ordered[index], 2)

    return Measured(round(len(ordered) / took, 1), at(0.5), at(0.99), took)
