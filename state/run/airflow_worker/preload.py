"""What every job needs, imported and made beforehand, so that its process has it from the start."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import selectors
from importlib.metadata import version

_MOMENT = 0.001  # seconds
_NEEDED = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.api.client",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",  # in the task's own process
)
_WANTED = (  # what most Dag files, tasks and supervisors import; a version may not have all of it
    "airflow.providers.standard.decorators.python",  # of @task
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk._shared.logging.factory",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.definitions.retry_policy",
    "airflow.sdk.execution_time.cache",
    "airflow.version",
    "encodings.idna",  # of every host name
    "jinja2.ext",
    "setproctitle",
)


def preload() -> None:
    """Import and make what every job needs."""
    gc.disable()  # nothing of it is garbage
    for name in _NEEDED:
        importlib.import_module(name)
    for name in _WANTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    versions()
    _load_certificates()
    _reap_promptly()
    gc.freeze()  # else a collection in a forked process copies every page of it
    gc.enable()


@functools.cache
def versions() -> dict[str, str]:
    """The versions of the Airflow that runs tasks."""
    return {"airflow": version("apache-airflow-core"), "sdk": version("apache-airflow-task-sdk")}


def _load_certificates() -> None:
    """Let the class of Airflow's clients make and keep the context of TLS."""
    from airflow.sdk.api.client import Client

    with contextlib.suppress(Exception):  # the client of a run raises it again, and it is told
        Client(base_url="http://127.0.0.1/", token="").close()


class _PromptSelector(selectors.PollSelector):
    """A selector that waits a moment only, where it has nothing to wait for."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.get_map():
            timeout = _MOMENT
        return super().select(timeout)


def _reap_promptly() -> None:
    """Let supervisors see the end of a task at once.

    The pipes of a task close before its process can be reaped, and a supervisor that has seen them
    all close would sleep for a heartbeat's interval: seconds.
    """
    from airflow.sdk.execution_time.supervisor import ActivitySubprocess

    start = ActivitySubprocess.start
    ActivitySubprocess.start = lambda **arguments: start(selector=_PromptSelector(), **arguments)
