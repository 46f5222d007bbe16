"""Run Stateroom as a child process on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import StateError
from .forks import close_in_children

DEFAULT_URL = "http://127.0.0.1:8103"
READY = "ready "  # begins the line with the URL on standard output
WITH_STDIN = "--until-stdin-closes"
CANNOT_LISTEN = 9  # exit status
START_TIMEOUT = 30  # seconds


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
        # a file and not a pipe, which would need a thread, which a fork would not copy
        self._errors = tempfile.TemporaryFile()
        self.process: subprocess.Popen[str] = subprocess.Popen(
            command,
            env=environ,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        close_in_children(self)
        self.url = self._wait()

    def close_in_child(self) -> None:
        """Close the child's copy of the pipe whose end the service waits for."""
        assert self.process.stdin is not None
        self.process.stdin.close()

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
            timer.join()
        status = self.process.wait()
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace").strip()
        self._close_files()
        raise StartFailed(errors or f"the service ended with exit status {status}", status)

    def _kill_after_timeout(self) -> None:
        message = f"the service was not ready within {START_TIMEOUT} seconds\n"
        os.write(self._errors.fileno(), message.encode())
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
        self._close_files()
        return status

    def _close_files(self) -> None:
        for file in (self.process.stdin, self.process.stdout, self._errors):
            assert file is not None
            file.close()

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
