"""The scene: a worker dies after it has submitted a job, its retry finds the job, a zombie is
refused.

The workers are processes that are really killed and stopped. What a scheduler does, queue the next
attempt and say what became of one, is done here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ..client.attempts import Task
from ..client.http import StateroomClient
from ..client.stateroom import Stateroom
from .worker import WAITS
from .world import end_run, start

TASK = ("orders", "submit", "manual__demo")
Say = Callable[[int, str], None]


def play(stateroom: Stateroom, say: Say) -> None:
    """Play the scene; each step is said with the try number whose worker takes it."""
    client = StateroomClient(stateroom.url)
    with ExitStack() as stack:
        stack.callback(client.close)
        first = stateroom.task(*TASK)
        killed = stack.enter_context(_worker(client, first, say))
        killed.until_it_waits()
        killed.process.kill()
        say(1, "is killed (kill -9), and Airflow would queue the next try:")

        second = first.retry()
        zombie = stack.enter_context(_worker(client, second, say))
        zombie.until_it_waits()
        zombie.process.send_signal(signal.SIGSTOP)
        say(2, "hangs (kill -STOP): no heartbeats, so Airflow would queue the next try:")

        third = second.retry()
        last = stack.enter_context(_worker(client, third, say))
        last.until_it_waits()
        last.to_its_end()
        third.report("success")
        end_run(client, third)
        say(3, "ends as success")

        zombie.process.send_signal(signal.SIGCONT)
        say(2, "wakes up, a zombie: it does not know that try 3 took over")
        zombie.to_its_end()


class _Worker:
    """A process of :mod:`.worker`."""

    def __init__(self, process: subprocess.Popen[str], tell: Callable[[str], None]) -> None:
        self.process = process
        self._tell = tell

    def until_it_waits(self) -> None:
        """Tell its steps until it waits for its job."""
        for line in self._lines():
            if line == WAITS:
                return
            self._tell(line)

    def to_its_end(self) -> None:
        """Let its job be done, and tell its last steps."""
        assert self.process.stdin is not None
        self.process.stdin.write("done\n")
        self.process.stdin.close()
        for line in self._lines():
            self._tell(line)

    def _lines(self) -> Iterator[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield line.rstrip("\n")


@contextmanager
def _worker(client: StateroomClient, task: Task, say: Say) -> Iterator[_Worker]:
    """A worker of an attempt; it is killed at the end of the block if it still runs."""
    command = [
        sys.executable,
        "-m",
        "state.demo.worker",
        client.url,
        task.ti_id,
        task.token or "",
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=os.setpgrp,  # Ctrl-C is for this process; the kernel ends a stopped one after it
    ) as process:
        try:
            start(client, task, process.pid)
            yield _Worker(process, lambda line: say(task.try_number, line))
        finally:
            process.kill()
