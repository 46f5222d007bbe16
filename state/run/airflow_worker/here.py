"""Runs in a process that was not started for them, such as that of a test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from . import in_process
from .preload import versions
from .sources import compiled_anew

# a process that has not imported Airflow yet may want another database later
_NOT_SET = ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")


class Here:
    """The same as the connection to the process of a run; nothing is isolated."""

    def __init__(self) -> None:
        self._job: dict[str, Any] = {}

    def said(self) -> str:
        return ""

    def send(self, request: Mapping[str, Any]) -> None:
        self._job = dict(request)

    def answers(self) -> Iterator[Any]:
        with _environment(self._job["variables"]):
            yield ["versions", versions()]
            yield ["dags", in_process.inspect(self._job)]

    def ask(
        self, request: Mapping[str, Any], on_record: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        function = {"run": in_process.run, "trigger": in_process.run_trigger}[request["kind"]]
        with _environment(self._job["variables"]):
            return function(self._job, dict(request), SimpleNamespace(record=on_record))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables of a run, and afterwards the former ones again, as are the import paths;
    meanwhile files that were just written are compiled anew.
    """
    former = dict(os.environ)
    paths = list(sys.path)
    os.environ.update({k: v for k, v in variables.items() if k not in _NOT_SET})
    try:
        with compiled_anew():
            yield
    finally:
        os.environ.clear()
        os.environ.update(former)
        sys.path[:] = paths
