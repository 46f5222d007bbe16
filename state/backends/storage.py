"""Calls of a storage through fsspec: a deadline for each, and a connection of its own.

fsspec's file systems have no deadline in common, and some, such as SFTP's, wait forever. Those
that are not asynchronous may not be shared: two threads would take each other's answers.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from ..errors import BadBackend
from ..forks import close_in_children
from ..masking import masked
from .deadlines import Call, Calls, Overdue

Result = TypeVar("Result")
TIMEOUT = 300.0  # seconds
_MOST = 256  # concurrent calls of all storages in this process
_CONNECTING = 5  # at a time; sshd refuses some above 10 (MaxStartups)


class Storage:
    """A storage that fsspec reaches.

    :param url: of a folder in it.
    :param options: arguments of the storage's fsspec class.
    :param timeout: seconds until a call is abandoned.
    :raises BadBackend: if fsspec does not know the storage, or its package is not installed.
    """

    def __init__(self, url: str, options: Mapping[str, Any], timeout: float) -> None:
        self._url = url
        self._options = dict(options)
        self._timeout = timeout
        protocol = url.partition("://")[0].partition("::")[0]
        try:
            cls = fsspec().get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            raise _unreachable(error) from error
        protocols = cls.protocol
        if isinstance(protocols, str):
            protocols = (protocols,)
        self.protocols = frozenset(protocols)
        self.is_local = "file" in self.protocols
        self._is_shared = self.is_local or bool(cls.async_impl)
        self._shared: tuple[int, Any] | None = None
        self._connections = _PROCESS.connections(fsspec().utils.tokenize(url, **self._options))

    def run(self, what: str, act: Callable[[Any], Result]) -> Result:
        """Call a function with a connected file system.

        After an error, the next call gets a new connection.

        :param what: what the call does, for the message of the deadline.
        :raises TimeoutError: after the deadline. The call may still take effect.
        """
        if self.is_local:
            return act(self._shared_connection())
        used: list[Any] = []

        def work(_: Call[Result]) -> Result:
            with self.connection() as fs:
                used.append(fs)
                try:
                    return act(fs)
                finally:
                    used.clear()

        try:
            return _PROCESS.calls.run(work, self._timeout)
        except Overdue:
            for fs in list(used):
                close(fs)  # else its thread could wait forever
            raise TimeoutError(
                f"{masked(self._url)} did not answer within {self._timeout:g} s: {what}"
            ) from None

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A connected file system, which no other call uses meanwhile unless it may be shared.

        After an error it is closed, and the next call gets another.
        """
        if self._is_shared:
            yield self._shared_connection()
            return
        fs = self._connections.take()
        if fs is None:
            with self._connections.connecting:
                fs = self._connect()
            self._connections.add(fs)
        try:
            yield fs
        except FileNotFoundError:
            self._connections.give_back(fs)
            raise
        except BaseException:
            close(fs)
            raise
        self._connections.give_back(fs)

    def _shared_connection(self) -> Any:
        if self._shared is None or self._shared[0] != os.getpid():
            self._shared = (os.getpid(), self._connect())  # no connection survives a fork
        return self._shared[1]

    def _connect(self) -> Any:
        options = self._options
        if not self._is_shared:
            options = {**options, "skip_instance_cache": True}
        try:
            fs, _ = fsspec().core.url_to_fs(self._url, **options)
        except (ImportError, ValueError) as error:
            raise _unreachable(error) from error
        transport = _transport(fs)
        if transport is not None:  # else each piece of an upload waits for an acknowledgement
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return fs


class _Connections:
    """The connections to one storage, of all backends that reach it with the same options."""

    def __init__(self) -> None:
        self.connecting = threading.Semaphore(_CONNECTING)
        self._idle: list[Any] = []
        self._transports: weakref.WeakSet[Any] = weakref.WeakSet()
        close_in_children(self)
        weakref.finalize(self, _close_all, self._idle).atexit = False

    def take(self) -> Any | None:
        """A connection that was given back and is still open; None if there is none."""
        with suppress(IndexError):
            while True:
                fs = self._idle.pop()
                if not _is_closed(fs):
                    return fs
        return None

    def add(self, fs: Any) -> None:
        """Note a new connection, so that a forked child closes it."""
        transport = _transport(fs)
        if transport is not None:
            self._transports.add(transport)

    def give_back(self, fs: Any) -> None:
        self._idle.append(fs)

    def close_in_child(self) -> None:
        for transport in self._transports:
            transport.sock.close()
        _INHERITED.extend(self._idle)
        self._idle.clear()
        self.connecting = threading.Semaphore(_CONNECTING)


class _Process:
    """What the storages of this process share: threads, and the connections to each storage."""

    def __init__(self) -> None:
        self.calls = Calls(_MOST)
        self._connections: weakref.WeakValueDictionary[str, _Connections] = (
            weakref.WeakValueDictionary()
        )

    def connections(self, token: str) -> _Connections:
        return self._connections.setdefault(token, _Connections())

    def close_in_child(self) -> None:
        self.calls = Calls(_MOST)


# by a forked child, where freeing them would close the parent's connections
_INHERITED: list[Any] = []
_PROCESS = _Process()
close_in_children(_PROCESS)


def _transport(fs: Any) -> Any:
    """The SSH connection of a file system over SFTP; None for any other."""
    get_transport = getattr(getattr(fs, "client", None), "get_transport", None)
    if get_transport is None:
        return None
    return get_transport()


def _is_closed(fs: Any) -> bool:
    transport = _transport(fs)
    return transport is not None and not transport.is_active()


def _close_all(connections: list[Any]) -> None:
    for fs in connections:
        close(fs)


def close(fs: Any) -> None:
    transport = _transport(fs)
    if transport is not None:
        transport.close()


def _unreachable(error: Exception) -> BadBackend:
    return BadBackend(f"the object backend cannot reach its base: {error}")


def fsspec() -> Any:
    """The package fsspec.

    :raises BadBackend: if it is not installed.
    """
    try:
        import fsspec
        import fsspec.compression
        import fsspec.core
    except ImportError as error:
        raise BadBackend(
            "the object backend needs fsspec, and the package of the storage (s3fs, gcsfs, adlfs, "
            "paramiko): pip install fsspec s3fs"
        ) from error
    return fsspec
