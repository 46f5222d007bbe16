"""The server, on waitress: keep-alive, errors in JSON, calls in lanes of threads."""

from __future__ import annotations

import errno
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error, RequestEntityTooLarge

from ..responses import CUT, NOTHING
from .lanes import LaneOf, Lanes

RETRY_AFTER = 1  # seconds
CONNECTIONS = 1000  # open at once; for more, those idle longest are closed
IDLE = 1.0  # seconds until a connection counts as idle
_VERSION = re.compile(rb"(?i)\r\nairflow-api-version:[ \t]*([^\r\n]*)")
# bytes over --max-body that are still read, so that the app can answer in its API's shape
_HEADROOM = 64 * 1024


class Answer(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Writes an answer.

    It keeps the connection after answers without a body, sends head and body in one write, and
    cuts an answer off where a fault says so.
    """

    wrote_header: bool
    environ: dict[str, Any] | None

    def set_close_on_finish(self) -> None:
        # waitress 3.0.2 closes after every 204, because it finds no Content-Length in it
        must_close = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or self.version != "1.1" or must_close:
            super().set_close_on_finish()

    def write(self, data: bytes) -> None:
        if self.environ and CUT in self.environ:
            self._write_cut(data, self.environ[CUT])
        elif self.wrote_header or not self._is_whole_body(data):
            super().write(data)
        else:
            self.channel.write_soon(self.build_response_header() + data)
            self.wrote_header = True
            self.content_bytes_written = len(data)

    def _is_whole_body(self, data: bytes) -> bool:
        return bool(self.complete and self.has_body and self.content_length == len(data))

    def _write_cut(self, data: bytes, cut: int) -> None:
        """Send the first ``cut`` bytes of the body, then close."""
        if not self.wrote_header:
            answer = b""
            if cut != NOTHING:
                answer = self.build_response_header() + data[:cut]
            self.channel.write_soon(answer)
        self.wrote_header = True
        self.close_on_finish = True
        self.content_bytes_written += len(data)


class Refusal(ErrorTask):  # type: ignore[misc]
    """An error of the server (too large, malformed, lane full), as JSON for every client."""

    def execute(self) -> None:
        error = self.request.error
        facts = {
            "reason": error.reason.lower().replace(" ", "_"),
            "message": f"{error.reason}: {error.body}",
        }
        if isinstance(error, RequestEntityTooLarge):
            limit = self.channel.adj.max_request_body_size - _HEADROOM
            facts = {
                "reason": "body_too_large",
                "message": f"the body is larger than {limit} bytes (--max-body)",
            }
        body = json.dumps({"detail": facts}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        if isinstance(error, LaneFull):  # the request was read whole: keep the connection
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
    """Keeps blanks after the API version: with uvicorn Airflow sees and refuses them (3.3.2)."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if "AIRFLOW_API_VERSION" in self.headers and (match := _VERSION.search(header_plus)):
            self.headers["AIRFLOW_API_VERSION"] = match[1].decode("latin-1")


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal

    def is_idle_since(self, moment: float) -> bool:
        """Whether the connection has had no work since a moment, and has none now."""
        has_work = self.requests or self.request is not None or self.total_outbufs_len
        return not has_work and self.last_activity < moment


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    channel_class = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._trigger_lock = threading.Lock()
        self._trigger_is_open = True
        super().__init__(*args, **kwargs)

    def readable(self) -> bool:
        if len(self._map) >= self.adj.connection_limit:
            self._make_room()
        return bool(super().readable())

    def _make_room(self) -> None:
        """Close those idle longest: at its limit waitress would accept none for minutes."""
        before = time.time() - IDLE
        idle = [
            channel for channel in self.active_channels.values() if channel.is_idle_since(before)
        ]
        idle.sort(key=lambda channel: channel.last_activity)
        for channel in idle[: 1 + len(idle) // 10]:
            channel.will_close = True

    def pull_trigger(self) -> None:
        with self._trigger_lock:  # once closed, its descriptor may belong to another file
            if self._trigger_is_open:
                super().pull_trigger()

    def close_trigger(self) -> None:
        """Stop waking the server's loop, from any thread."""
        with self._trigger_lock:
            self._trigger_is_open = False
            self.trigger.close()


class Server:
    """A listening server; :meth:`run` serves until it is closed or the process gets a signal to
    stop.

    :param port: 0 takes a free one, which :attr:`url` tells.
    :param max_body: bytes; the app refuses longer bodies with 413; far longer ones are not read.
    :param lane_of: names the lane of a method, path and query; None for a short call.
    :param release: ends the waits of calls when the server stops.
    :raises OSError: if the address is in use or invalid.
    """

    def __init__(
        self,
        app: Any,
        host: str,
        port: int,
        max_body: int,
        lane_of: LaneOf = lambda method, path, query: None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._sockets: dict[int, Any] = {}
        self._lanes = Lanes(lane_of, LaneFull)
        self._release = release
        self._serving = threading.RLock()
        self._closing = False
        try:
            settings = _settings(host, port, max_body)
            self._server = _Listener(
                app,
                self._sockets,
                dispatcher=self._lanes,
                adj=settings,
                sockinfo=settings.listen[0],
            )
        except OSError:
            self._lanes.shutdown()
            wasyncore.close_all(self._sockets)
            raise
        self.host = host
        self.port = int(self._server.effective_port)

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        if ":" in host:
            host = f"[{host}]"
        return f"http://{host}:{self.port}"

    def run(self) -> None:
        """Serve until :meth:`close` is called, or this thread gets SystemExit or KeyboardInterrupt.

        Running calls end first.
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
        self._release()
        self._lanes.shutdown()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close_trigger()
        wasyncore.close_all(self._sockets)


def _settings(host: str, port: int, max_body: int) -> Adjustments:
    limit = max_body + _HEADROOM
    try:
        return Adjustments(
            host=host,
            port=port,
            ident="stateroom",
            max_request_body_size=limit,
            asyncore_use_poll=True,
            connection_limit=CONNECTIONS,
            channel_timeout=300,
            clear_untrusted_proxy_headers=True,
            inbuf_overflow=limit,
            outbuf_overflow=2**40,  # nothing goes through temporary files
        )
    except ValueError:
        raise OSError(errno.EADDRNOTAVAIL, f"not an address of this machine: {host!r}") from None
