"""``stateroom clock``: what the clock of a namespace shows, and what it is to show."""

from __future__ import annotations

import json
from typing import Any

import click

from . import spans
from .cli_service import as_json, connected

_PATH = "/_stateroom/clock"


@click.group(invoke_without_command=True)
@click.pass_context
def clock(ctx: click.Context) -> None:
    """Freeze, set and advance the clock of the namespace; without a command, show it."""
    if ctx.invoked_subcommand is None:
        _show("GET")


@clock.command("show")
def show_clock() -> None:
    """Say what the clock shows."""
    _show("GET")


@clock.command("freeze")
@click.argument("moment", required=False)
def freeze_clock(moment: str | None) -> None:
    """Let the clock stand still: now, or at MOMENT (2030-01-01T00:00:00Z)."""
    _show("PATCH", json={"frozen": True, **({"now": moment} if moment else {})})


@clock.command("unfreeze")
def unfreeze_clock() -> None:
    """Let the clock go on from the moment that it shows."""
    _show("PATCH", json={"frozen": False})


@clock.command("set")
@click.argument("moment")
def set_clock(moment: str) -> None:
    """Let the clock show MOMENT (2030-01-01T00:00:00Z); a frozen one stays frozen."""
    _show("PATCH", json={"now": moment})


# so that DURATION may be -12h, which is not -1, -2 and -h
@clock.command("advance", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("duration")
def advance_clock(duration: str) -> None:
    """Move the clock by DURATION: 90s, 30m, 12h, 31d, 1d12h; back with a minus."""
    try:
        seconds = spans.parse(duration)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _show("PATCH", json={"advance": seconds})


@clock.command("tokens")
@click.argument("which", type=click.Choice(["real", "namespace"]))
def set_tokens(which: str) -> None:
    """Let tokens expire by real time, as they do unless told, or by the clock of the namespace."""
    _show("PATCH", json={"tokens": which == "namespace"})


@clock.command("real")
def reset_clock() -> None:
    """Let the clock show real time again."""
    with connected() as client:
        client.call("DELETE", _PATH)
    _show("GET")


def _show(method: str, **body: Any) -> None:
    with connected() as client:
        shown = client.ask(method, _PATH, **body)
    click.echo(json.dumps(shown) if as_json() else _line(shown))


def _line(shown: dict[str, Any]) -> str:
    how = "frozen" if shown["frozen"] else _running(shown["offset"])
    tokens = "; tokens expire by it too" if shown["tokens"] else ""
    return f"{shown['now']}, {how}{tokens}"


def _running(offset: float) -> str:
    if not offset:
        return "real time"
    return f"running, {spans.words(offset)} {'ahead of' if offset > 0 else 'behind'} real time"
