"""Run checks and return their results."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .harness import Failed, Harness, NotApplicable


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
    """

    check: Check
    outcome: str
    detail: str
    seconds: float


def run(
    checks: Iterable[Check],
    make: Callable[[], Any],
    name: str,
    spec: tuple[str, dict[str, Any]] | None = None,
) -> list[Result]:
    """Run checks on a backend, each with a new harness.

    :param make: as for :class:`~state.conformance.harness.Harness`, like ``name`` and ``spec``.
    """
    return [run_one(check, make, name, spec) for check in checks]


def run_one(
    check: Check, make: Callable[[], Any], name: str, spec: tuple[str, dict[str, Any]] | None = None
) -> Result:
    """Run one check; any exception of the backend is a failure, with its class and message."""
    begun = time.monotonic()
    detail = ""
    with tempfile.TemporaryDirectory(prefix="stateroom-check-") as folder:
        try:
            check.look(Harness(make, Path(folder), name, spec, check.name))
            outcome = "passed"
        except NotApplicable as reason:
            outcome = "not applicable"
            detail = str(reason)
        except Failed as failure:
            outcome = "failed"
            detail = str(failure)
        except Exception as error:
            outcome = "failed"
            detail = f"it raised {type(error).__name__}: {error}"
    return Result(check, outcome, detail, time.monotonic() - begun)
