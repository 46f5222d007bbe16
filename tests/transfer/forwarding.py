"""A server between a pull and its peer, to which something happens in the middle of the pull."""

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests


@contextmanager
def forwarding(peer, last_path, then):
    """The address of a server that sends each GET to a peer.

    :param then: is called after the peer has answered a path that ends so, before the answer is
        passed on.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            headers = {"Authorization": self.headers.get("Authorization")}
            answer = requests.get(peer.url + self.path, headers=headers)
            if self.path.endswith(last_path):
                then()
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_):
            """Write nothing to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
