"""Run a function that may hang, and say where it hangs."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

from ..backends.hooks import is_backend

Result = TypeVar("Result")
_HERE = Path(__file__).parent


class Failed(Exception):
    """A check has failed; the message says why."""


class Overdue(Failed):
    """A check did not end before its deadline; the message says in which call it waits."""


def within(seconds: float, act: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own.

    :raises Overdue: if it takes longer; its thread goes on until the process ends.
    """
    others = set(sys._current_frames())
    call = _Call(act)
    thread = threading.Thread(target=call.run, name="stateroom-check", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        stacks = [
            _stack(frame) for ident, frame in sys._current_frames().items() if ident not in others
        ]
        raise Overdue(f"it did not end within {seconds:g} s{_waiting(stacks)}")
    if call.error is not None:
        raise call.error
    return call.result  # type: ignore[return-value]  # set, since there was no error


class _Call(Generic[Result]):
    def __init__(self, act: Callable[[], Result]) -> None:
        self._act = act
        self._context = contextvars.copy_context()
        self.result: Result | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._context.run(self._act)
        except BaseException as error:  # raised again in the thread that waits
            self.error = error


def _waiting(stacks: list[list[FrameType]]) -> str:
    """Where threads wait: in calls of the backend, else in the check."""
    for stack in list(stacks):
        stacks += _awaiting(stack)
    calls = [next(filter(_is_backends, stack), None) for stack in stacks]
    if not any(calls):
        calls = [next(filter(_is_checks, reversed(stack)), None) for stack in stacks]
    names = sorted({_name(frame) for frame in calls if frame is not None})
    if not names:
        return ""
    return f"; it waits in {' and in '.join(names)}"


def _is_backends(frame: FrameType) -> bool:
    return is_backend(type(frame.f_locals.get("self")))


def _is_checks(frame: FrameType) -> bool:
    file = Path(frame.f_code.co_filename)
    return file.parent == _HERE and file.name.startswith("check_")


def _stack(frame: FrameType | None) -> list[FrameType]:
    """The frames of a thread, the outermost first."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def _awaiting(stack: list[FrameType]) -> Iterator[list[FrameType]]:
    """The frames of each coroutine that an event loop in this stack has begun."""
    for frame in stack:
        loop = frame.f_locals.get("self")
        if isinstance(loop, asyncio.AbstractEventLoop):
            for task in asyncio.all_tasks(loop):
                frames = []
                work: Any = task.get_coro()
                while getattr(work, "cr_frame", None) is not None:
                    frames.append(work.cr_frame)
                    work = work.cr_await
                yield frames
            return


def _name(frame: FrameType) -> str:
    """A frame as ``MyBackend.write (my_backend.py, line 12)``."""
    code = frame.f_code
    name = code.co_name
    if "self" in frame.f_locals:
        name = f"{type(frame.f_locals['self']).__name__}.{name}"
    return f"{name} ({Path(code.co_filename).name}, line {frame.f_lineno})"
