"""Calls of a storage through fsspec: a deadline for each, and a connection for each thread.

fsspec's file systems have no deadline in common, and some, such as SFTP's, wait for good. Those
that are not asynchronous may not be shared: two threads would take each other's answers.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
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
        self._token = fsspec().utils.tokenize(url, **self._options)

    def run(self, what: str, act: Callable[[Any], Result]) -> Result:
        """Call a function with a connected file system.

        After an error, the next call gets a new connection.

        :param what: what the call does, for the message of the deadline.
        :raises TimeoutError: after the deadline. The call may still take effect.
        """
        if self.is_local:
            return act(self.connected())
        used: list[Any] = []

        def work(_: Call[Result]) -> Result:
            fs = self.connected()
            used.append(fs)
            try:
                return act(fs)
            except FileNotFoundError:
                raise
            except BaseException:
                self.disconnect(fs)
                raise
            finally:
                used.clear()

        try:
            return _THREADS.calls.run(work, self._timeout)
        except Overdue:
            for fs in list(used):
                _close(fs)  # else its thread could wait for good
            raise TimeoutError(
                f"{masked(self._url)} did not answer within {self._timeout:g} s: {what}"
            ) from None

    def connected(self) -> Any:
        """The file system for this thread, connected."""
        if self._is_shared:
            if self._shared is None or self._shared[0] != os.getpid():
                self._shared = (os.getpid(), self._connect())  # no connection survives a fork
            return self._shared[1]
        key = (threading.get_ident(), self._token)
        fs = _THREADS.connections.get(key)
        if fs is None or _is_closed(fs):
            with _THREADS.connecting:
                fs = self._connect()
            _THREADS.connections[key] = fs
        return fs

    def disconnect(self, fs: Any) -> None:
        """Close the connection of this thread, unless others share it."""
        if not self._is_shared:
            _THREADS.connections.pop((threading.get_ident(), self._token), None)
            _close(fs)

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


class _Threads:
    """The threads of this process that call storages, and their connections."""

    def __init__(self) -> None:
        self.calls = Calls(_MOST)
        self.connecting = threading.Semaphore(_CONNECTING)
        self.connections: dict[tuple[int, str], Any] = {}  # by thread and storage
        self._inherited: list[Any] = []

    def close_in_child(self) -> None:
        for fs in self.connections.values():
            transport = _transport(fs)
            if transport is not None:
                transport.sock.close()
            self._inherited.append(fs)  # freed, it would say goodbye to the parent's server
        self.calls = Calls(_MOST)
        self.connecting = threading.Semaphore(_CONNECTING)
        self.connections = {}


_THREADS = _Threads()
close_in_children(_THREADS)


def _transport(fs: Any) -> Any:
    """The SSH connection of a file system over SFTP; None for any other."""
    get_transport = getattr(getattr(fs, "client", None), "get_transport", None)
    if get_transport is None:
        return None
    return get_transport()


def _is_closed(fs: Any) -> bool:
    transport = _transport(fs)
    return transport is not None and not transport.is_active()


def _close(fs: Any) -> None:
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
