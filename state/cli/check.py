"""``stateroom check``: the conformance kit on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..backends.loading import class_of
from .connection import as_json


@click.command("check")
@click.argument("backend")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument of the backend's class; repeatable.",
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check; repeatable.")
@click.option("--junit", type=click.Path(dir_okay=False), help="Also write JUnit XML to this file.")
def check(backend: str, options: tuple[str, ...], only: tuple[str, ...], junit: str | None) -> None:
    """Check that BACKEND (a built-in name or a dotted path) keeps the contract; exit 1 if not.

    The checks write to the storage that the backend is configured with: use an empty one.
    """
    from .. import conformance
    from ..conformance import report

    sys.path.insert(0, "")  # a backend in the working directory, as with `python -m`
    arguments = dict(_argument(text) for text in options)
    cls = class_of(backend)
    checks = [check for check in conformance.CHECKS if not only or check.name in only]
    unknown = set(only) - {check.name for check in checks}
    if unknown:
        names = ", ".join(check.name for check in conformance.CHECKS)
        raise click.UsageError(
            f"unknown check: {', '.join(sorted(unknown))}; the checks are {names}"
        )
    results = conformance.run(checks, lambda: cls(**arguments), backend, (backend, arguments))
    if junit:
        Path(junit).write_text(report.junit(backend, results), "utf-8")
    if as_json():
        click.echo(report.as_json(backend, results))
    else:
        click.echo(report.text(backend, results))
    if any(result.outcome == "failed" for result in results):
        sys.exit(1)


def _argument(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"--option takes NAME=VALUE, got {text!r}")
    if value.isdecimal():
        return name, int(value)
    return name, value
