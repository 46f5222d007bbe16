"""The server, on waitress: it listens, keeps its connections few enough, and hands each call to a
lane of threads.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from state.forks import close_in_children

from .connections import HEADROOM, Channel, LaneFull
from .lanes import IfFree, Lane, LaneOf, Lanes
from .sockets import Sockets

CONNECTIONS = 1000  # open at once; for more, unfinished requests and idle connections are closed
IDLE = 1.0  # seconds until a connection counts as idle, or an unfinished request as slow
UNFINISHED_BYTES = 256 * 2**20  # of bodies that are being read, in all
UNREAD_BYTES = 256 * 2**20  # of answers that are not read yet, in all
# bytes; more of a body or of answers is kept in a temporary file
_BODY_IN_MEMORY = 64 * 1024
_ANSWER_IN_MEMORY = 2**20
_READ = 64 * 1024  # bytes, at once
_NEVER = 2**62  # bytes
_LOOK = 0.5  # seconds between two looks for what is overdue


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    channel_class = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._trigger_lock = threading.Lock()
        self._trigger_is_open = True
        self.unfinished_bytes = 0
        self.loop_thread: int | None = None
        self._next_look = 0.0
        super().__init__(*args, **kwargs)

    def tend(self) -> None:
        """Close what takes the place of others; called in the server's loop, between two rounds."""
        now = time.time()
        if len(self._map) >= self.adj.connection_limit:
            self._make_room(now)
        if self.unfinished_bytes > UNFINISHED_BYTES:
            self._make_room_for_bodies()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            self._make_room_for_answers(now)
            for channel in list(self.active_channels.values()):
                channel.overdue(now)
            self._let_sleep(now - IDLE)

    def _let_sleep(self, before: float) -> None:
        """Let connections sleep that rest since a moment, and wake those that have work again."""
        for number, channel in list(self.active_channels.items()):
            sleeps = channel.rests and channel.last_activity < before
            if sleeps and number not in self._map.asleep:
                self._map.sleep(number)
            elif not sleeps and number in self._map.asleep:
                self._map.wake(number)

    def add_task(self, channel: Channel) -> None:
        if channel.total_outbufs_len:
            channel.hold()
        else:
            super().add_task(channel)

    def _make_room(self, now: float) -> None:
        """Close the oldest unfinished requests, else the connections idle longest: at its limit
        waitress would accept none for minutes.
        """
        before = now - IDLE
        channels = self.active_channels.values()
        unfinished = [channel for channel in self._unfinished() if channel.began < before]
        idle = [channel for channel in channels if channel.is_idle_since(before)]
        idle.sort(key=lambda channel: channel.last_activity)
        closable = unfinished or idle
        for channel in closable[: 1 + len(closable) // 10]:
            channel.handle_close()

    def _make_room_for_bodies(self) -> None:
        for channel in self._unfinished():
            if self.unfinished_bytes <= UNFINISHED_BYTES:
                break
            channel.handle_close()

    def _make_room_for_answers(self, now: float) -> None:
        """Cut off those who have read nothing for longest; who reads, however slowly, may go on."""
        unread = [channel for channel in self.active_channels.values() if channel.total_outbufs_len]
        excess = sum(channel.total_outbufs_len for channel in unread) - UNREAD_BYTES
        for channel in sorted(unread, key=lambda channel: channel.last_activity):
            if excess <= 0 or channel.last_activity > now - IDLE:
                break
            excess -= channel.total_outbufs_len
            channel.handle_close()

    def _unfinished(self) -> list[Channel]:
        """The connections that are reading a request, the oldest request first."""
        channels = [channel for channel in self.active_channels.values() if channel.is_unfinished]
        return sorted(channels, key=lambda channel: channel.began)

    def answer_now(self, channel: Channel, lane: Lane) -> None:
        self.task_dispatcher.answer_now(channel, lane)

    def pull_trigger(self) -> None:
        if threading.get_ident() == self.loop_thread:  # it is awake
            return
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
    :param if_free: whether nothing would keep a short call waiting, for the block; None for never.
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
        if_free: IfFree | None = None,
    ) -> None:
        self._sockets = Sockets()
        self._lanes = Lanes(lane_of, LaneFull, if_free)
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
            self._sockets.close()
            wasyncore.close_all(self._sockets)
            raise
        close_in_children(self)
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
            self._server.loop_thread = threading.get_ident()
            try:
                while not self._closing:
                    self._server.tend()
                    wasyncore.loop(timeout=_LOOK, map=self._sockets.awake, use_poll=True, count=1)
            except (SystemExit, KeyboardInterrupt):
                pass
            self._end()

    def close(self) -> None:
        """Make :meth:`run` return, from any thread, and leave no thread and no socket behind."""
        self._closing = True
        self._server.pull_trigger()
        with self._serving:
            self._end()

    def close_in_child(self) -> None:
        """Close the port and every connection in a process that a backend has forked."""
        for channel in list(self._sockets.values()):
            channel.socket.close()
        self._sockets.close()

    def _end(self) -> None:
        self._closing = True
        self._release()
        self._lanes.shutdown()
        self._sockets.close()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close_trigger()
        wasyncore.close_all(self._sockets)


def _settings(host: str, port: int, max_body: int) -> Adjustments:
    limit = max_body + HEADROOM
    try:
        return Adjustments(
            host=host,
            port=port,
            ident="stateroom",
            max_request_body_size=limit,
            connection_limit=CONNECTIONS,
            channel_timeout=300,
            clear_untrusted_proxy_headers=True,
            inbuf_overflow=_BODY_IN_MEMORY,
            outbuf_overflow=_ANSWER_IN_MEMORY,
            recv_bytes=_READ,
            outbuf_high_watermark=_NEVER,  # above it a thread would wait for the client
        )
    except ValueError:
        raise OSError(errno.EADDRNOTAVAIL, f"not an address of this machine: {host!r}") from None
