"""``stateroom check``: the conformance kit on the command line."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..backends.loading import class_of, load, options_from
from .shared.connection import as_json
from .shared.numbers import DAY, Number
from .shared.progress import Show, progress

if TYPE_CHECKING:
    from ..conformance.runner import Check, Result
    from ..conformance.versions import Version

_GRACE = 10  # seconds after its deadline in which a call that hangs must be found
_STDERR = 2
_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")


@click.command("check")
@click.argument("backend")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument of the backend's class; a number, or a VALUE in {} or [], is JSON; "
    "repeatable.",
)
@click.option(
    "--airflow",
    type=click.Choice(["3.3", "3.4", "main"]),
    default="3.3",
    show_default=True,
    help="The version of Airflow to judge by.",
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check; repeatable.")
@click.option(
    "--timeout",
    type=Number(0, DAY, min_open=True),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="A check that takes longer fails; after three of them the run ends.",
)
@click.option("--junit", type=click.Path(dir_okay=False), help="Also write JUnit XML to this file.")
def check(
    backend: str,
    options: tuple[str, ...],
    airflow: str,
    only: tuple[str, ...],
    timeout: float,
    junit: str | None,
) -> None:
    """Check that BACKEND (a built-in name or a dotted path) keeps the contract; exit 1 if not.

    The checks write to the storage that the backend is configured with: use an empty one.

    BACKEND can also be a file of Dags or operators (PATH.py): what it uses of task and asset state
    is checked against the version of Airflow. The file is read, not imported.
    """
    from .. import conformance
    from ..conformance import report

    version = conformance.VERSIONS[airflow]
    if backend.endswith(".py"):
        if options or only:
            raise click.UsageError("--option and --only are for backends, not for a file")
        results = [_check_file(backend, version)]
    else:
        results = _check_backend(backend, options, version, only, timeout)
    if junit:
        Path(junit).write_text(report.junit(backend, results, version), "utf-8")
    if as_json():
        click.echo(report.as_json(backend, results, version))
    else:
        click.echo(report.text(backend, results, version))
    if any(result.overdue for result in results):
        sys.stdout.flush()
        os._exit(1)  # a call that hangs could keep the process
    if any(result.outcome == "failed" for result in results):
        sys.exit(1)


def _check_file(path: str, version: Version) -> Result:
    from .. import conformance

    try:
        return conformance.check_file(Path(path), version)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:  # ValueError: NUL bytes, before Python 3.12
        raise click.UsageError(f"{path} is not Python: {error}") from None


def _check_backend(
    backend: str,
    options: tuple[str, ...],
    version: Version,
    only: tuple[str, ...],
    timeout: float,
) -> list[Result]:
    from .. import conformance
    from ..conformance import deadline

    sys.path.insert(0, "")  # a backend in the working directory, as with `python -m`
    arguments = {**options_from(os.environ, backend), **dict(map(_argument, options))}
    cls = class_of(backend)
    checks = [check for check in conformance.CHECKS if not only or check.name in only]
    unknown = set(only) - {check.name for check in checks}
    if unknown:
        names = ", ".join(check.name for check in conformance.CHECKS)
        raise click.UsageError(
            f"unknown check: {', '.join(sorted(unknown))}; the checks are {names}"
        )
    spec = (backend, arguments)
    _watch(timeout)
    try:
        deadline.within(timeout, lambda: load(backend, **arguments))
        with progress() as show:
            watched = _each_watched(checks, timeout, show)
            make = partial(cls, **arguments)
            return conformance.run(watched, make, backend, spec, timeout, version)
    except deadline.Overdue as error:
        raise click.ClickException(f"{backend} cannot be created: {error}") from None
    finally:
        faulthandler.cancel_dump_traceback_later()


def _watch(timeout: float) -> None:
    """End the process soon after a deadline, with a traceback, if nothing else has ended the call.

    A call that keeps the interpreter's lock, as in an extension, keeps this thread waiting too.
    """
    faulthandler.dump_traceback_later(timeout + _GRACE, exit=True, file=_STDERR)


def _each_watched(checks: list[Check], timeout: float, show: Show) -> Iterator[Check]:
    for done, check in enumerate(checks):
        show(check.name, done, len(checks))
        _watch(timeout)
        yield check


def _argument(text: str) -> tuple[str, Any]:
    """An option as name and value: a number, an object or a list as JSON, else text."""
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"--option takes NAME=VALUE, got {text!r}")
    if value.startswith(("{", "[")) or _NUMBER.fullmatch(value):
        try:
            return name, json.loads(value)
        except ValueError as error:
            raise click.UsageError(f"--option {name}: invalid JSON: {error}") from None
    return name, value
