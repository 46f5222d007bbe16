"""Connections: how requests are read and answers written, on waitress's channels.

No thread ever waits for a client. An answer goes into the connection's buffer, which the server's
loop empties; until it is empty no further request of that connection begins. What a client does not
finish, or does not read, has a deadline (:meth:`Channel.overdue`).
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import socket
import tempfile
import threading
import time
from typing import Any

from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, Error, RequestEntityTooLarge

from ..responses import CUT, NOTHING, BrokenOff

log = logging.getLogger("stateroom")
RETRY_AFTER = 1  # seconds
HEAD_SECONDS = 10.0  # from its first byte until the head of a request is complete
STALL_SECONDS = 20.0  # without a byte: of a body that is sent, of an answer that is read
LINGER_SECONDS = 300.0  # that the rest of a refused body is read and dropped
# bytes over --max-body that are still read, so that the app can answer in its API's shape
HEADROOM = 64 * 1024
# bytes that the disk of temporary files needs for answers: twice those that may be unread in all
FREE_ON_DISK = 512 * 2**20
_DISCARDED = 256 * 1024  # bytes, at once
_PIECE = 4096  # bytes of a chunked body that are parsed at once: waitress copies what is left
_FRAMING = 64 * 1024  # bytes of a chunked body beside its data, and twice the data
_VERSION = re.compile(rb"(?i)\r\nairflow-api-version:[ \t]*([^\r\n]*)")


class Answer(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Writes an answer.

    It keeps the connection after answers without a body, sends head and body in one write, and
    cuts an answer off where a fault says so.
    """

    wrote_header: bool
    close_on_finish: bool
    environ: dict[str, Any] | None

    def service(self) -> None:
        try:
            super().service()
        except BrokenOff as error:
            log.warning("%s %s: %s", self.request.command, self.request.path, error)
            self.close_on_finish = True

    def finish(self) -> None:
        if self.request.command == "HEAD" and not self.wrote_header:
            self.write(b"")
        if self.request.command != "HEAD":  # no body, so no last chunk of one
            super().finish()

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
    """An error of the server (too large, malformed, late, lane full), as JSON for every client."""

    def execute(self) -> None:
        error = self.request.error
        facts = {
            "reason": error.reason.lower().replace(" ", "_"),
            "message": f"{error.reason}: {error.body}",
        }
        if isinstance(error, RequestEntityTooLarge):
            limit = self.channel.adj.max_request_body_size - HEADROOM
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
            self.channel.lingers = True
        self.content_length = len(body)
        self.write(body)


class LaneFull(Error):  # type: ignore[misc]
    """A lane has no room for another call."""

    code = 429
    reason = "Too Many Requests"


class NoRoom(Error):  # type: ignore[misc]
    """A body does not fit on the disk of temporary files."""

    code = 507
    reason = "Insufficient Storage"


class TooLate(Error):  # type: ignore[misc]
    """A request was not complete in time."""

    code = 408
    reason = "Request Timeout"


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Keeps blanks after the API version: with uvicorn Airflow sees and refuses them (3.3.2).

    A request with two lengths is refused: a proxy before the service may believe the other one. So
    is a body of tiny chunks, or with endless extensions: to parse it takes the time of others.
    """

    completed: bool

    def received(self, data: bytes) -> int:
        """Take a part of the request; a body that finds no room in its file is refused."""
        try:
            return self._take(data)
        except OSError as error:
            self.error = NoRoom(
                f"the body has no room in a temporary file ({error.strerror}); make room in "
                f"{tempfile.gettempdir()}, or set TMPDIR"
            )
            log.error("%s", self.error.body)
            self.completed = True
            return len(data)

    def _take(self, data: bytes) -> int:
        if self.body_rcv is None or not self.chunked:
            return int(super().received(data))
        consumed = 0
        while consumed < len(data) and not self.completed:
            consumed += int(super().received(data[consumed : consumed + _PIECE]))
            if not self.completed and self._is_mostly_framing():
                self.error = BadRequest("the chunks of the body are too small")
                self.completed = True
                return len(data)
        return consumed

    def _is_mostly_framing(self) -> bool:
        size = len(self.body_rcv)
        return bool(self.body_bytes_received - size > _FRAMING + 2 * size)

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        is_chunked = self.chunked or "TRANSFER_ENCODING" in self.headers
        if is_chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("both Content-Length and Transfer-Encoding; send one of them")
        if "AIRFLOW_API_VERSION" in self.headers and (match := _VERSION.search(header_plus)):
            self.headers["AIRFLOW_API_VERSION"] = match[1].decode("latin-1")


class AnswerBuffer(OverflowableBuffer):  # type: ignore[misc]
    """What of an answer was not read yet: in a temporary file, unless its disk may fill up.

    A buffer whose file cannot be written would keep its client waiting forever.
    """

    def _set_large_buffer(self) -> None:
        if shutil.disk_usage(tempfile.gettempdir()).free > FREE_ON_DISK:
            super()._set_large_buffer()
        else:
            self.overflowed = True  # looked at, and left in memory


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection.

    :ivar request: the request that is being read, or None.
    :ivar requests: those that were read; the first is being answered.
    :ivar lingers: whether what the client still sends is read and dropped before the connection
        closes: closed with unread bytes, it would be reset, and the client would lose the answer.
    :ivar began: when the first byte of the unfinished request came, in seconds since the epoch.
    :ivar waits: whether its request waits on purpose: then a client that goes away is noticed.
    """

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal

    request: Any
    close_when_flushed: bool
    current_outbuf_count: int
    lingers = False
    waits = False
    began = 0.0
    _dropping_since: float | None = None
    _body = 0  # bytes of its body
    _is_held = False  # its next request begins when its answer was read
    _may_take_now = False
    _taken_from: Any = None  # the lane of a request that is answered where it was read

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outbufs = [AnswerBuffer(self.adj.outbuf_overflow)]
        self.requests_lock = threading.RLock()  # a failed "100 Continue" closes while it is held

    @property
    def is_unfinished(self) -> bool:
        """Whether it is reading a request, and answers none."""
        return self.request is not None and not self.requests and not self.total_outbufs_len

    @property
    def rests(self) -> bool:
        """Whether nothing but what its client sends changes what it waits for."""
        has_work = self.requests or self.total_outbufs_len
        return not (has_work or self.will_close or self.close_when_flushed)

    def is_idle_since(self, moment: float) -> bool:
        """Whether the connection has had no work since a moment, and has none now."""
        has_work = self.requests or self.request is not None or self.total_outbufs_len
        return not has_work and self.last_activity < moment

    def received(self, data: bytes) -> bool:
        before = self.request
        went_on = bool(super().received(data))
        if self.request is not before:
            self.began = self.last_activity
        self._count_body()
        return went_on

    def _count_body(self) -> None:
        body = 0
        if self.request is not None:
            body = self.request.body_bytes_received
        self.server.unfinished_bytes += body - self._body
        self._body = body

    # ---------------------------------------------------------------- deadlines

    def overdue(self, now: float) -> None:
        """Refuse a request that is late, and cut off a client that does not read its answer."""
        is_stalled = self.last_activity < now - STALL_SECONDS
        if self._dropping_since is not None:
            if is_stalled or self._dropping_since < now - LINGER_SECONDS:
                self.handle_close()
        elif self.total_outbufs_len:
            if is_stalled:
                self.handle_close()
        elif self.request is not None and not self.requests:
            is_late = self.began < now - HEAD_SECONDS and not self.request.headers_finished
            if is_late:
                self._refuse(f"the head was not complete after {HEAD_SECONDS:g} seconds")
            elif is_stalled and self.request.headers_finished:
                self._refuse(f"nothing of the body came for {STALL_SECONDS:g} seconds")

    def _refuse(self, why: str) -> None:
        with self.requests_lock:
            request = self.request
            self.request = None
            self._count_body()
            request.error = TooLate(why)
            self.requests.append(request)
            self.server.add_task(self)

    # ---------------------------------------------------------------- writing

    def hold(self) -> None:
        """Begin the next request when the answer in the buffer was read.

        Called with ``requests_lock`` held.
        """
        self._is_held = True

    def write_soon(self, data: bytes) -> int:
        with self.outbuf_lock:
            if self.current_outbuf_count >= self.adj.outbuf_high_watermark:
                self.outbufs.append(AnswerBuffer(self.adj.outbuf_overflow))
                self.current_outbuf_count = 0
        written = int(super().write_soon(data))
        self.last_activity = time.time()  # from now on the client has something to read
        return written

    def writable(self) -> bool:
        if self._dropping_since is not None:
            return bool(self.will_close)
        return bool(self._is_held or super().writable())

    def handle_write(self) -> None:
        if self.close_when_flushed and self.lingers:
            self.close_when_flushed = False
            super().handle_write()
            if self.total_outbufs_len:
                self.close_when_flushed = True
            elif self.connected:
                self._drop_the_rest()
        else:
            super().handle_write()
        with self.requests_lock:
            if self._is_held and not self.total_outbufs_len:
                self._is_held = False
                if self.connected and self.requests:
                    self.server.add_task(self)

    # ---------------------------------------------------------------- reading

    def readable(self) -> bool:
        if self._dropping_since is not None:
            return True
        if self.waits and len(self.requests) == 1 and not self.will_close:
            return not self.total_outbufs_len
        return bool(super().readable())

    def take_now(self, lane: Any) -> bool:
        """Have the request answered by the thread that has just read it; not one after another.

        :param lane: its own, if it would have to wait there.
        """
        if not self._may_take_now:
            return False
        self._may_take_now = False
        self._taken_from = lane
        return True

    def handle_read(self) -> None:
        if self._dropping_since is None:
            self._may_take_now = True
            super().handle_read()
            self._may_take_now = False
            lane = self._taken_from
            if lane is not None:
                self._taken_from = None
                self.server.answer_now(self, lane)
            return
        try:
            data = self.recv(_DISCARDED)
        except OSError:
            data = b""
        self.last_activity = time.time()
        if not data:
            self.will_close = True

    def _drop_the_rest(self) -> None:
        self._dropping_since = self.last_activity = time.time()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client is gone already
            self.will_close = True

    def handle_close(self) -> None:
        with self.requests_lock:
            if self.request is not None:
                self.request.close()  # its temporary file
                self.request = None
            self._count_body()
        super().handle_close()
