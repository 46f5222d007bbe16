"""A call in a process of its own, for code that may do anything."""

from __future__ import annotations

import json
import math
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .processes import end_descendants, how_it_ended

_POLL = 0.05  # seconds between two looks at whether the process has ended
_DRAIN = 1.0  # seconds for what a process that has ended wrote before
_BLOCK = 65536  # bytes
_STREAMS = ("result", "log", "stdout", "stderr")


class Ended(NamedTuple):
    """What came of a call.

    :param result: what it returned; None if it did not.
    :param problem: why it did not return, such as ``was killed by SIGKILL``; None if it was ended
        because of the time.
    """

    result: Any
    problem: str | None


def call(
    function: Callable[[int], Any],
    seconds: float | None,
    on_output: Callable[[str, bytes], None],
) -> Ended:
    """Call a function in a fork, which ends with it, and end what it leaves behind.

    :param function: gets the descriptor to which it may log; what it returns has to be JSON.
    :param seconds: after which it is killed; None for never.
    :param on_output: called with the name of a stream, ``log``, ``stdout`` or ``stderr``, and what
        came out of it.
    """
    pipes = {name: os.pipe() for name in _STREAMS}
    pid = os.fork()
    if pid == 0:
        _call_and_exit(function, {name: writer for name, (_, writer) in pipes.items()})
    readers = {}
    for name, (reader, writer) in pipes.items():
        os.close(writer)
        readers[reader] = name
    try:
        result, status = _until_it_ends(pid, readers, seconds, on_output)
    finally:
        for reader in readers:
            os.close(reader)
        end_descendants()
    if result.endswith(b"\n"):
        return Ended(json.loads(result), None)
    if status is None:
        return Ended(None, None)
    return Ended(None, how_it_ended(os.waitstatus_to_exitcode(status)))


def _call_and_exit(function: Callable[[int], Any], writers: dict[str, int]) -> None:
    pid = os.getpid()
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        for descriptor, source in ((0, null), (1, writers["stdout"]), (2, writers["stderr"])):
            os.dup2(source, descriptor)
        text = json.dumps(function(writers["log"]), default=str)
        if os.getpid() == pid:  # else it is a fork of the function's
            _write_all(writers["result"], text.encode() + b"\n")
    finally:
        os._exit(0)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _until_it_ends(
    pid: int,
    readers: Mapping[int, str],
    seconds: float | None,
    on_output: Callable[[str, bytes], None],
) -> tuple[bytes, int | None]:
    """The result that a process wrote, and the status with which it ended; None if it was killed
    because of the time.

    It does not wait for the end of the streams: a process that was left behind may hold them.
    """
    last = math.inf
    if seconds is not None:
        last = time.monotonic() + seconds
    result = b""
    status = None
    streams = dict(readers)
    while status is None and not result.endswith(b"\n"):
        if time.monotonic() > last:
            break
        result += _read(streams, _POLL, on_output)
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = code
    end = time.monotonic() + _DRAIN
    while select.select(list(streams), [], [], 0)[0] and time.monotonic() < end:
        result += _read(streams, 0, on_output)
    if status is None:
        os.kill(pid, signal.SIGKILL)  # or it exits, with its result
        os.waitpid(pid, 0)
    return result, status


def _read(
    streams: dict[int, str], seconds: float, on_output: Callable[[str, bytes], None]
) -> bytes:
    """What came of the result within some seconds; the other streams go to ``on_output``, and those
    that have ended are removed.
    """
    result = b""
    for descriptor in select.select(list(streams), [], [], seconds)[0]:
        data = os.read(descriptor, _BLOCK)
        if not data:
            del streams[descriptor]
        elif streams[descriptor] == "result":
            result += data
        else:
            on_output(streams[descriptor], data)
    return result
