"""The options of ``serve``, one for each setting that has one, and help for the others.

The command itself is ``app.py``'s, so that the command line never imports Flask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .. import settings


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting that has one."""
    for row in reversed(settings.SETTINGS):
        if row.option:
            command = _option(row)(command)
    return command


def _option(row: settings.Setting) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    text = f"{row.help}  [env: {row.variable}; default: {row.default_text}]"
    if row.read is settings.boolean:
        return click.option(row.flag, row.name, is_flag=True, default=None, help=text)
    if row.read is settings.hosts:
        return click.option(
            row.flag, row.name, metavar=row.metavar, multiple=True, callback=_joined, help=text
        )
    return click.option(row.flag, row.name, metavar=row.metavar, help=text)


def _joined(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> str | None:
    return ",".join(values) or None


class Serve(click.Command):
    """The command; its help ends with the settings that have no option."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [row for row in settings.SETTINGS if not row.option]
        with formatter.section("From the environment only"):
            formatter.write_dl(
                [(row.variable, f"{row.help}  [default: {row.default_text}]") for row in rows]
            )
