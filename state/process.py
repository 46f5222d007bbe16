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
READY = "ready "  # prefix of the line with the URL
WITH_STDIN = "--until-stdin-closes"
PATIENCE = 30  # seconds until a start counts as failed


class StartFailed(StateError):
    """The process ended, or said nothing, before it was ready.

    :param exit_status: of the process, or None if it had to be stopped.
    """

    reason = "start_failed"

    def __init__(self, message: str, exit_status: int | None) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class ServerProcess:
    """A served Stateroom of its own, which ends when this process does, however that ends.

    It is out of reach of Ctrl-C, so that whoever started it can still ask it when the tests were
    interrupted.

    :param arguments: options of ``python app.py``, such as ``["--db", ":memory:"]``.
    :param environ: its environment; this process's own if None.
    :raises StartFailed: with what it printed.
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
        for line in self.process.stderr:
            self._errors.append(line)

    def _wait(self) -> str:
        assert self.process.stdout is not None
        timer = threading.Timer(PATIENCE, self._lose_patience)
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
            "".join(self._errors).strip() or f"it ended with exit status {status}", status
        )

    def _lose_patience(self) -> None:
        self._errors.append(f"it was not ready within {PATIENCE} seconds\n")
        self.process.kill()

    def stop(self, timeout: float = 10) -> int:
        """Ask it to end, then make it; its exit status."""
        self.process.terminate()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._close_pipes()
        return status

    def _close_pipes(self) -> None:
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def kill(self) -> None:
        """End it as a power cut of the process would: SIGKILL."""
        self.process.kill()
        self.stop()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()


def service_path() -> Path:
    """``app.py``: inside the installed package, or in the checkout that this module stands in."""
    here = Path(__file__).resolve().parent
    installed = here / "_service" / "app.py"
    return installed if installed.exists() else here.parent / "app.py"
