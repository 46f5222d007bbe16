"""The cost of faults when none is set, and of delayed calls for others.

    python -m benchmarks.faults

The cost is processor time of the app alone, without a server: over sockets it drowns in the noise.
"""

from __future__ import annotations

import io
import json
import random
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.test import EnvironBuilder

from app import create_app
from state.client.http import StateroomClient
from state.process import ServerProcess
from web.server.app import App

from .support.load import Request, run
from .support.servers import FIXTURE

TURNS = 60
CALLS = 300
WAITS = 50
KEY = f"/execution/store/ti/{FIXTURE['task_instances'][0]['id']}/key0"
BODY = json.dumps({"value": {"job": "4711", "step": 3}}).encode()


def app(with_faults: bool, elsewhere: bool = False) -> App:
    """An app that holds one key and has no fault in its namespace.

    :param with_faults: whether it looks for faults on each request.
    :param elsewhere: whether another namespace has one.
    """
    service = create_app({"db": ":memory:"})
    if not with_faults:
        vars(service)["dispatch_request"] = partial(Flask.dispatch_request, service)
    client = service.test_client()
    client.put("/_stateroom/fixture", json=FIXTURE)
    client.put(KEY, data=BODY, content_type="application/json")
    if elsewhere:
        client.post("/_stateroom/namespaces", json={"name": "other"})
        client.post("/ns/other/_stateroom/faults", json={"status": 503})
    return service


def cost(app: Flask, method: str) -> float:
    """Microseconds of processor time for a call."""
    builder = EnvironBuilder(path=KEY, method=method, data=BODY, content_type="application/json")
    environs = [{**builder.get_environ(), "wsgi.input": io.BytesIO(BODY)} for _ in range(CALLS)]
    begun = time.thread_time()
    for environ in environs:
        app.wsgi_app(environ, _start_response)
    return (time.thread_time() - begun) / CALLS * 1e6


def _start_response(status: str, headers: object, error: object = None) -> Callable[[bytes], None]:
    return _ignore


def _ignore(data: bytes) -> None:
    """Takes what an app would write in the old way of WSGI."""


def compare() -> None:
    """Print what a call costs with and without the code, in turns."""
    apps = {"without": app(False), "with": app(True), "with one elsewhere": app(True, True)}
    for method in ("GET", "PUT"):
        seen: dict[str, list[float]] = {name: [] for name in apps}
        for _ in range(TURNS):
            for name in random.sample(list(apps), len(apps)):
                seen[name].append(cost(apps[name], method))
        medians = {name: statistics.median(costs) for name, costs in seen.items()}
        shown = ", ".join(
            f"{name} {cost:.1f} µs ({cost / medians['without']:.3f})"
            for name, cost in medians.items()
        )
        print(f"{method}: {shown}")


def beside_delays(url: str) -> None:
    """Print what delayed calls in one namespace do to GETs in another."""
    client = StateroomClient(url)
    request = Request("GET", KEY)
    client.call("PUT", "/_stateroom/fixture", json=FIXTURE)
    client.call("PUT", KEY, json={"value": 1})
    client.call("POST", "/_stateroom/namespaces", json={"name": "slow", "fixture": FIXTURE})
    client.call("POST", "/ns/slow/_stateroom/faults", json={"latency": 120})
    quiet = min(run(url, [request], 4, 1.0).p99 for _ in range(10))
    waiting = [_delayed(url) for _ in range(WAITS)]
    time.sleep(0.5)
    beside = min(run(url, [request], 4, 1.0).p99 for _ in range(10))
    for connection in waiting:
        connection.close()
    times = beside / quiet
    verdict = "ok" if times <= 2 else "MISSED"
    print(
        f"p99 of GET: {quiet:.2f} ms, beside {WAITS} delayed calls {beside:.2f} ms: "
        f"{times:.2f} times  {verdict} (2)"
    )


def _delayed(url: str) -> socket.socket:
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname or "127.0.0.1", where.port or 80))
    connection.sendall(f"GET /ns/slow{KEY} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    return connection


if __name__ == "__main__":
    compare()
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(["--db", f"{folder}/bench.db"]) as process,
    ):
        beside_delays(process.url)
