"""Run Stateroom as a child process on a free port."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import StateError

DEFAULT_URL = "http://127.0.0.1:8103"
READY = "ready "  # begins the line with the URL on standard output
WITH_STDIN = "--until-stdin-closes"
START_TIMEOUT = 30  # seconds
_LAST_LINES = 2  # seconds that a process that has ended may take to send its last lines


class StartFailed(StateError):
    """The process ended, or was killed after a timeout, before it was ready.

    :param exit_status: the exit status of the process; negative for a signal.
    """

    reason = "start_failed"

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class ServerProcess:
    """Stateroom in a child process on a free port; it ends with this process, even a killed one.

    Ctrl-C does not reach it, so that reports can still be read from it after an interrupted run.

    :param arguments: options of ``stateroom serve``, such as ``["--db", ":memory:"]``.
    :param environ: its environment; None for that of this process.
    :raises StartFailed: with its standard error.
    """

    def __init__(
        self, arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        command = [sys.executable, str(service_path()), "--port", "0", WITH_STDIN, *arguments]
        pipes: Any = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
        self.process: subprocess.Popen[str] = subprocess.Popen(
            command, env=environ, start_new_session=True, **pipes
        )
        self._errors: list[str] = []
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self.url = self._wait()

    def _collect(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as errors:
            for line in errors:
                self._errors.append(line)

    def _wait(self) -> str:
        assert self.process.stdout is not None
        timer = threading.Timer(START_TIMEOUT, self._kill_after_timeout)
        timer.start()
        try:
            for line in self.process.stdout:
                if line.startswith(READY):
                    return line.removeprefix(READY).strip()
        except BaseException:
            self.kill()
            raise
        finally:
            timer.cancel()
        status = self.process.wait()
        self._close_pipes()
        raise StartFailed(
            "".join(self._errors).strip() or f"the service ended with exit status {status}", status
        )

    def _kill_after_timeout(self) -> None:
        self._errors.append(f"the service was not ready within {START_TIMEOUT} seconds\n")
        self.process.kill()

    def stop(self, timeout: float = 10) -> int:
        """Terminate the process, and kill it after the timeout; return its exit status.

        :param timeout: seconds.
        """
        self.process.terminate()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._close_pipes()
        return status

    def _close_pipes(self) -> None:
        self._reader.join(_LAST_LINES)  # a child that a backend left behind keeps the pipe open
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()

    def kill(self) -> None:
        """Kill the process with SIGKILL, as in a crash."""
        self.process.kill()
        self.stop()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()


def service_path() -> Path:
    """The path of ``app.py``: inside the installed package, or in the checkout of this module."""
    here = Path(__file__).resolve().parent
    installed = here / "_service" / "app.py"
    if installed.exists():
        return installed
    return here.parent / "app.py"
