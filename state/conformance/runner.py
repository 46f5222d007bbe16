"""Run checks and return their results."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .harness import Bench, Failed, NotApplicable


@dataclass(frozen=True)
class Check:
    """One thing that a backend can get wrong.

    :param name: short and stable, as reports and ``--only`` name it.
    :param trap: what goes wrong, in one sentence.
    :param advice: what to do about it.
    """

    name: str
    trap: str
    advice: str
    look: Callable[[Bench], None]


@dataclass(frozen=True)
class Result:
    """What a check found.

    :param outcome: ``passed``, ``failed`` or ``not applicable``.
    :param detail: what was seen, if it failed; why there was nothing to look at, if so.
    :param seconds: how long it took.
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
    """Run checks on a backend, each at a bench of its own.

    :param make: makes a fresh instance; see :class:`~state.conformance.harness.Bench` for it
        and ``spec``.
    """
    return [run_one(check, make, name, spec) for check in checks]


def run_one(
    check: Check, make: Callable[[], Any], name: str, spec: tuple[str, dict[str, Any]] | None = None
) -> Result:
    """Run one check; whatever the backend raises is a failure with its class and message."""
    begun = time.monotonic()
    detail = ""
    with tempfile.TemporaryDirectory(prefix="stateroom-check-") as folder:
        try:
            check.look(Bench(make, Path(folder), name, spec, check.name))
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
