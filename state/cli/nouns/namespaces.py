"""``stateroom namespaces``: create, list, show, delete; ``stateroom clock``: the clock of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ... import words
from ...model import durations, fixture_files
from ...model.clock import second
from ...model.names import check_name
from ..shared.connection import as_json, connected, show
from ..shared.destroying import asks, confirm, tell
from ..shared.noun import Noun
from ..shared.numbers import Choice, Moment

_PATH = "/_stateroom/namespaces"
_UNDELETABLE = "default"
_COUNTS = ("dag_runs", "task_instances", "assets", "keys")


@click.group(cls=Noun)
def namespaces() -> None:
    """Create, list, show and delete namespaces, each with its own state; --ns selects one."""


@namespaces.command("list")
def list_namespaces() -> None:
    """List the namespaces by name, with counts of what they hold."""
    with connected(whole=True) as client:
        rows = client.ask("GET", _PATH)["namespaces"]
    if as_json():
        click.echo(json.dumps(rows, indent=1))
        return
    from ..shared.tables import table

    lines = [
        (row["name"], second(row["created_at"]), *(str(row[name]) for name in _COUNTS))
        for row in rows
    ]
    head = ("NAME", "CREATED", "RUNS", "TASK INSTANCES", "ASSETS", "KEYS")
    click.echo(table(head, lines), color=True)


@namespaces.command("show")
@click.argument("name")
def show_namespace(name: str) -> None:
    """Show the address of the namespace NAME, and how much it holds."""
    with connected(whole=True) as client:
        row = client.ask("GET", _path(name))
        tell(row, f"{client.url}{row['path']}: {_facts(row)}")


def _path(name: str) -> str:
    return f"{_PATH}/{check_name(name, 'namespace name')}"


def _facts(row: dict[str, Any]) -> str:
    nouns = ("run", "task instance", "asset", "key")
    return ", ".join(
        words.count(row[name], noun) for name, noun in zip(_COUNTS, nouns, strict=True)
    )


@namespaces.command("create")
@click.argument("name")
@click.option(
    "--fixture",
    type=click.Path(exists=True, dir_okay=False),
    help="Fixture document to load into it.",
)
def create_namespace(name: str, fixture: str | None) -> None:
    """Create the namespace NAME, and print its address."""
    body: dict[str, Any] = {"name": check_name(name, "namespace name")}
    if fixture:
        body["fixture"] = fixture_files.read(Path(fixture))
    with connected(whole=True) as client:
        namespace = client.call("POST", _PATH, json=body).json()
        show(namespace, client.url + namespace["path"])


@namespaces.command("delete")
@click.argument("name")
@asks
def delete_namespace(name: str, yes: bool) -> None:
    """Delete the namespace NAME for ever.

    All its state and its snapshots go with it.
    """
    with connected(whole=True) as client:
        row = client.ask("GET", _path(name))
        if name != _UNDELETABLE:  # the service says why
            confirm(f"Delete the namespace {name} for ever: {_facts(row)}?", yes)
        client.call("DELETE", _path(name))
    counts = {member: row[member] for member in _COUNTS}
    tell({"deleted": name, **counts}, f"deleted the namespace {name}: {_facts(row)}")


_LONGEST = 9998 * 366 * 86_400  # seconds
_CLOCK = "/_stateroom/clock"


class _Clock(Noun):
    default = "show"


@click.group(cls=_Clock)
def clock() -> None:
    """Show, freeze, set or advance the clock of the namespace."""


@clock.command("show")
def show_clock() -> None:
    """Show the time of the clock."""
    _show("GET")


@clock.command("freeze")
@click.argument("moment", type=Moment(), required=False)
def freeze_clock(moment: str | None) -> None:
    """Freeze the clock now, or at MOMENT (2030-01-01T00:00:00Z)."""
    body: dict[str, Any] = {"frozen": True}
    if moment:
        body["now"] = moment
    _show("PATCH", json=body)


@clock.command("unfreeze")
def unfreeze_clock() -> None:
    """Let a frozen clock run on from its time."""
    _show("PATCH", json={"frozen": False})


@clock.command("set")
@click.argument("moment", type=Moment())
def set_clock(moment: str) -> None:
    """Set the clock to MOMENT (2030-01-01T00:00:00Z).

    A frozen clock stays frozen.
    """
    _show("PATCH", json={"now": moment})


# so that DURATION may be -12h, which is not -1, -2 and -h
@clock.command(
    "advance", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]}
)
@click.argument("duration")
def advance_clock(duration: str) -> None:
    """Advance the clock by DURATION: 90s, 30m, 12h, 31d, 1d12h.

    -12h sets it back.
    """
    try:
        seconds = durations.parse(duration)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if abs(seconds) > _LONGEST:
        raise click.UsageError("the clock would leave the years 1 to 9999")
    _show("PATCH", json={"advance": seconds})


@clock.command("tokens")
@click.argument("which", type=Choice(["real", "namespace"]))
def set_tokens(which: str) -> None:
    """Let tokens expire by real time, or by the namespace's clock.

    The default is real time.
    """
    _show("PATCH", json={"tokens": which == "namespace"})


@clock.command("real")
def reset_clock() -> None:
    """Return the clock to real time."""
    with connected() as client:
        client.call("DELETE", _CLOCK)
    _show("GET")


def _show(method: str, **kwargs: Any) -> None:
    """Call the API of the clock, and show the clock."""
    with connected() as client:
        clock = client.ask(method, _CLOCK, **kwargs)
    line = f"{clock['now']}, {_mode(clock)}"
    if clock["tokens"]:
        line += "; tokens expire by it too"
    show(clock, line)


def _mode(clock: dict[str, Any]) -> str:
    if clock["frozen"]:
        return "frozen"
    offset = clock["offset"]
    if not offset:
        return "real time"
    if offset > 0:
        return f"running, {words.duration(offset)} ahead of real time"
    return f"running, {words.duration(offset)} behind real time"
