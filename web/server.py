"""The one place that owns waitress: lanes, keep-alive, refusals in JSON.

Each lane has threads of its own. A call that may take long goes to the slow lane, whose queue is bounded, and one that
calls the backend to a lane where it waits for nobody; when those are full, the answer is 429. Of the short calls,
writes have a lane apart from reads, since they wait for each other and for a long one's transaction. So long or stuck
calls never keep short ones waiting, and no write keeps a read waiting.
"""

from __future__ import annotations

import errno
import json
import logging
import re
import threading
import time
from collections import deque
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error, RequestEntityTooLarge

log = logging.getLogger("stateroom")

READ_THREADS = 2
WRITE_THREADS = 2
SLOW_THREADS = 4
SLOW_QUEUE = 32
BACKEND_THREADS = 32
LONG_BODY = 256 * 1024  # bytes; a longer one goes to the slow lane
RETRY_AFTER = 1  # seconds
_BACKEND = re.compile(r"/_stateroom/(values/|references/(check|orphans))|/references/orphans$")
_PAGE = re.compile(r"(/ns/[^/]*)?/(live|task|asset|key|key/raw|ask|references|references/orphans|bench)?")
_VERSION = re.compile(rb"(?i)\r\nairflow-api-version:[ \t]*([^\r\n]*)")
_HEADROOM = 64 * 1024  # bytes over --max-body that are still read, so that the app can answer in its API's shape


class Answer(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Keeps the connection after answers that have no body, and sends head and body in one write."""

    wrote_header: bool

    def set_close_on_finish(self) -> None:
        # waitress 3.0.2 closes after every 204, because it finds no Content-Length in it
        asked = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or self.version != "1.1" or asked:
            super().set_close_on_finish()

    def write(self, data: bytes) -> None:
        if not self.wrote_header and self.complete and self.has_body and self.content_length == len(data):
            self.channel.write_soon(self.build_response_header() + data)
            self.wrote_header = True
            self.content_bytes_written = len(data)
        else:
            super().write(data)


class Refusal(ErrorTask):  # type: ignore[misc]
    """waitress's own refusals (too large, malformed, lane full) as the JSON that every API's clients read."""

    def execute(self) -> None:
        error = self.request.error
        facts = {"reason": error.reason.lower().replace(" ", "_"), "message": f"{error.reason}: {error.body}"}
        if isinstance(error, RequestEntityTooLarge):
            limit = self.channel.adj.max_request_body_size - _HEADROOM
            facts = {"reason": "body_too_large", "message": f"the body is larger than {limit} bytes (--max-body)"}
        body = json.dumps({"detail": facts}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        if isinstance(error, LaneFull):  # a whole request was read, so the connection is good for the next one
            self.response_headers.append(("Retry-After", str(RETRY_AFTER)))
        else:
            self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class LaneFull(Error):  # type: ignore[misc]
    """A lane has no room for another call."""

    code = 429
    reason = "Too Many Requests"


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Keeps blanks after the API version: uvicorn hands them to Airflow, which refuses the date (3.3.2)."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if "AIRFLOW_API_VERSION" in self.headers and (found := _VERSION.search(header_plus)):
            self.headers["AIRFLOW_API_VERSION"] = found[1].decode("latin-1")


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal


class Lane:
    """A queue of calls and the threads that take them from it, each started when it is first needed.

    :param bound: most calls that may wait beside those that run; None for any number.
    """

    def __init__(self, name: str, threads: int, bound: int | None = None) -> None:
        self.room, self.busy = None if bound is None else threads + bound, 0
        self._name, self._most = name, threads
        self._queue: deque[Any] = deque()
        self._ready = threading.Condition(threading.Lock())
        self._open = True
        self._threads: list[threading.Thread] = []

    def add(self, call: Any) -> bool:
        """Queue a call; False if there is no room."""
        with self._ready:
            if self.room is not None and len(self._queue) + self.busy >= self.room:
                return False
            self._queue.append(call)
            if len(self._threads) < min(self._most, len(self._queue) + self.busy):
                name = f"stateroom-{self._name}-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
            self._ready.notify()
        return True

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._queue:
                    if not self._open:
                        return
                    self._ready.wait()
                call = self._queue.popleft()
                self.busy += 1
            try:
                call.service()
            except BaseException:
                log.exception("a connection failed")
            finally:
                with self._ready:
                    self.busy -= 1

    def stop(self) -> None:
        """Begin no more calls."""
        with self._ready:
            self._open = False
            self._queue.clear()
            self._ready.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for the calls that run, until a moment of the monotonic clock."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class Lanes:
    """waitress's dispatcher: sends each call to the lane it belongs to."""

    def __init__(self) -> None:
        self.reads = Lane("read", READ_THREADS)
        self.writes = Lane("write", WRITE_THREADS)
        self.slow = Lane("slow", SLOW_THREADS, SLOW_QUEUE)
        self.backend = Lane("values", BACKEND_THREADS, 0)

    def add_task(self, channel: Any) -> None:
        request = channel.requests[0]
        if not self._lane(request).add(channel):
            request.error = LaneFull("too many long calls at once; try again in a second")
            self.reads.add(channel)

    def _lane(self, request: Any) -> Lane:
        if request.error is not None:
            return self.reads
        if _PAGE.fullmatch(request.path) and (request.command == "POST" or request.path.endswith("/live")):
            return self.backend
        if is_slow(request):
            return self.backend if _BACKEND.search(request.path) else self.slow
        return self.reads if request.command in ("GET", "HEAD") else self.writes

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Let the calls that run end, for ``timeout`` seconds in all; the waiting ones are dropped."""
        lanes = (self.reads, self.writes, self.slow, self.backend)
        for lane in lanes:
            lane.stop()
        deadline = time.monotonic() + timeout
        for lane in lanes:
            lane.join(deadline)
        return True


def is_slow(request: Any) -> bool:
    """Whether a call may take long: a long body, a page, or Stateroom's own API but for its health."""
    if request.body_bytes_received > LONG_BODY:
        return True
    path: str = request.path
    if _PAGE.fullmatch(path):
        return True
    return "/_stateroom/" in path and not path.endswith("/_stateroom/health")


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    channel_class = Channel

    def pull_trigger(self) -> None:
        if self._fileno in self._map:  # after close the trigger's descriptor may be another file's
            super().pull_trigger()


class Server:
    """A listening server; :meth:`run` serves until it is closed or the process is told to stop.

    :param port: 0 takes a free one; :attr:`url` says which.
    :param max_body: bytes; the app refuses longer bodies with 413, and far longer ones are not read at all.
    :raises OSError: if the address is taken or cannot be listened on.
    """

    def __init__(self, app: Any, host: str, port: int, max_body: int) -> None:
        self._sockets: dict[int, Any] = {}
        self._lanes = Lanes()
        self._serving = threading.RLock()
        self._closing = False
        try:
            settings = _settings(host, port, max_body)
            self._server = _Listener(
                app, self._sockets, dispatcher=self._lanes, adj=settings, sockinfo=settings.listen[0]
            )
        except OSError:
            self._lanes.shutdown()
            wasyncore.close_all(self._sockets)
            raise
        self.host, self.port = host, int(self._server.effective_port)

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def run(self) -> None:
        """Serve until :meth:`close` is called, or SystemExit or KeyboardInterrupt reaches this thread.

        Calls that run are let end first.
        """
        with self._serving:
            try:
                while not self._closing:
                    wasyncore.loop(timeout=1, map=self._sockets, use_poll=True, count=1)
            except (SystemExit, KeyboardInterrupt):
                pass
            self._end()

    def close(self) -> None:
        """Make :meth:`run` return, from any thread, and leave no thread and no socket behind."""
        self._closing = True
        self._server.pull_trigger()
        with self._serving:
            self._end()

    def _end(self) -> None:
        self._closing = True
        self._lanes.shutdown()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        wasyncore.close_all(self._sockets)


def _settings(host: str, port: int, max_body: int) -> Adjustments:
    limit = max_body + _HEADROOM
    try:
        return Adjustments(
            host=host, port=port, ident="stateroom", max_request_body_size=limit, asyncore_use_poll=True,
            connection_limit=1000, channel_timeout=300, clear_untrusted_proxy_headers=True,
            inbuf_overflow=limit, outbuf_overflow=2**40,  # nothing goes through temporary files
        )  # fmt: skip
    except ValueError:
        raise OSError(errno.EADDRNOTAVAIL, f"no address of this machine is named {host!r}") from None
