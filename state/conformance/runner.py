"""Run checks and return their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .deadline import Failed, Overdue, within
from .harness import TIMEOUT, Harness, NotApplicable
from .versions import DEFAULT, VERSIONS, Version

_MOST_OVERDUE = 3  # checks; the rest would hardly end either


@dataclass(frozen=True)
class Check:
    """A check of a backend.

    :param name: short and stable, for reports and ``--only``.
    :param trap: the mistake that it looks for, in one sentence.
    :param advice: how to avoid it.
    :param look: the check itself, which raises :class:`Failed` or :class:`NotApplicable`.
    """

    name: str
    trap: str
    advice: str
    look: Callable[[Harness], None]


@dataclass(frozen=True)
class Result:
    """The result of a check.

    :param outcome: ``passed``, ``failed`` or ``not applicable``.
    :param detail: why it failed or does not apply; empty if it passed.
    :param seconds: its duration.
    :param overdue: whether it failed because it did not end.
    """

    check: Check
    outcome: str
    detail: str
    seconds: float
    overdue: bool = False


def run(
    checks: Iterable[Check],
    make: Callable[[], Any],
    name: str = "",
    spec: tuple[str, dict[str, Any]] | None = None,
    timeout: float = TIMEOUT,
    version: Version = VERSIONS[DEFAULT],
) -> list[Result]:
    """Run checks on a backend, each with a new harness.

    After three that did not end the others fail without being run.

    :param make: as for :class:`~state.conformance.harness.Harness`, like ``name`` and ``spec``.
    :param timeout: seconds of each check.
    :param version: the version of Airflow by which it is judged.
    """
    results: list[Result] = []
    for check in checks:
        if sum(result.overdue for result in results) < _MOST_OVERDUE:
            results.append(run_one(check, make, name, spec, timeout, version))
        else:
            detail = f"not run, because {_MOST_OVERDUE} checks before it did not end"
            results.append(Result(check, "failed", detail, 0))
    return results


def run_one(
    check: Check,
    make: Callable[[], Any],
    name: str = "",
    spec: tuple[str, dict[str, Any]] | None = None,
    timeout: float = TIMEOUT,
    version: Version = VERSIONS[DEFAULT],
) -> Result:
    """Run one check; any exception of the backend is a failure, with its class and message.

    :param timeout: seconds; a check that takes longer fails, and goes on in a thread of its own.
    :param version: the version of Airflow by which it is judged.
    """
    begun = time.monotonic()
    detail = ""
    overdue = False
    # a check that goes on may still write to it
    with TemporaryDirectory(prefix="stateroom-check-", ignore_cleanup_errors=True) as folder:
        harness = Harness(make, Path(folder), name, spec, check.name, timeout, version)
        try:
            within(timeout, lambda: check.look(harness))
            outcome = "passed"
        except NotApplicable as reason:
            outcome = "not applicable"
            detail = str(reason)
        except Failed as failure:
            outcome = "failed"
            detail = str(failure)
            overdue = isinstance(failure, Overdue)
        except Exception as error:
            outcome = "failed"
            detail = f"it raised {type(error).__name__}: {error}"
    return Result(check, outcome, detail, time.monotonic() - begun, overdue)
