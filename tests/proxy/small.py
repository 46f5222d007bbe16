"""A small server to stand behind a proxy, with answers that are hard to pass on."""

import contextlib
import threading
import time

from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

PATIENCE = 10  # seconds


class Upstream:
    """A served Flask app.

    :ivar requests: the headers of each request, and the length of its body.
    :ivar go: lets the second half of ``/halves`` be sent, and ``/waits``.
    """

    def __init__(self):
        self.requests = []
        self.go = threading.Event()
        self.app = Flask("upstream")
        self.app.url_map.merge_slashes = False
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        for view in (
            self.echo,
            self.cookies,
            self.halves,
            self.broken,
            self.redirect,
            self.slow,
            self.waits,
        ):
            rule = f"/{view.__name__}"
            self.app.add_url_rule(rule, view.__name__, view, methods=methods)
        self.app.add_url_rule("/echo/<path:rest>", "rest", self.echo)
        self.app.before_request(self._record)

    def _record(self):
        length = sum(len(block) for block in iter(lambda: request.stream.read(65536), b""))
        self.requests.append((request.headers, length))

    def echo(self, rest=""):
        answer = Response(request.environ["REQUEST_URI"], 201)
        answer.headers["X-Method"] = request.method
        return answer

    def cookies(self):
        answer = Response("", 401, [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")])
        answer.headers["Keep-Alive"] = "timeout=5"
        return answer

    def halves(self):
        def parts():
            yield b"first\n"
            assert self.go.wait(PATIENCE)
            yield b"second\n"

        return Response(parts(), content_type="application/x-ndjson")

    def broken(self):
        def parts():
            yield b"first\n"
            raise ConnectionAbortedError

        return Response(parts(), content_type="text/plain")

    def redirect(self):
        return Response(status=307, headers={"Location": request.args["to"]})

    def waits(self):
        assert self.go.wait(PATIENCE)
        return "now"

    def slow(self):
        time.sleep(float(request.args["seconds"]))
        return "late"


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args):
        pass


@contextlib.contextmanager
def served(upstream):
    """Serve an upstream in threads; gives its address."""
    server = make_server("127.0.0.1", 0, upstream.app, threaded=True, request_handler=_Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        upstream.go.set()
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
