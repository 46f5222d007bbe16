"""``stateroom faults``: what is to go wrong on purpose, on the command line."""

from __future__ import annotations

import json
from typing import Any

import click

from ..model.faults import BACKEND, LONGEST, MOMENTS, OPS, Fault
from .connection import as_json, connected

_SCOPE = ("dag_id", "run_id", "task_id", "map_index", "asset")
_PATH = "/_stateroom/faults"


@click.group("faults")
def faults() -> None:
    """Set, list and remove faults: calls on state that go wrong on purpose."""


@faults.command("list")
def list_faults() -> None:
    """List the faults in their order, with the calls that each matched and how often it fired."""
    with connected() as client:
        found = client.call("GET", _PATH).json()["faults"]
    if as_json():
        click.echo(json.dumps(found, indent=1))
    elif not found:
        click.echo("no faults are set; try: stateroom faults add --help")
    for fault in () if as_json() else found:
        click.echo(_line(fault))


def _line(found: dict[str, Any]) -> str:
    rule = {name: value for name, value in found.items() if name not in ("id", "matched", "fired")}
    counts = f"({found['matched']} calls matched, fired {found['fired']} times)"
    return f"{found['id']:>4}  {Fault.from_json(rule)}  {counts}"


def _latency(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
    """``1.5``, or ``0.5-2``, in seconds."""
    if text is None:
        return None
    try:
        seconds = [float(part) for part in text.split("-", 1)]
    except ValueError:
        seconds = [-1.0]
    if not all(0 <= one <= LONGEST for one in seconds):
        raise click.BadParameter(
            f"invalid duration {text!r}; write seconds up to {LONGEST:g}, such as 1.5, or 0.5-2"
        )
    return seconds[0] if len(seconds) == 1 else seconds


@faults.command("add")
@click.option("--op", type=click.Choice(OPS), help="Which calls; without it, any.")
@click.option("--key", help="Pattern for the key (*, ?, [...]).")
@click.option("--dag", "dag_id", help="Pattern for the dag id.")
@click.option("--run", "run_id", help="Pattern for the run id.")
@click.option("--task", "task_id", help="Pattern for the task id.")
@click.option("--map-index", help="Pattern for the map index.")
@click.option("--asset", help="Pattern for the asset's name.")
@click.option("--nth", type=click.IntRange(min=1), help="Only on this call.")
@click.option("--times", type=click.IntRange(min=1), help="Only on the first calls.")
@click.option("--probability", type=click.FloatRange(0, 1), help="On each call with this chance.")
@click.option("--seed", type=int, help="Settles on which calls, with --probability.")
@click.option("--status", type=click.IntRange(400, 599), help="Answer this status.")
@click.option("--after", is_flag=True, help="Let the call take effect before --status is answered.")
@click.option(
    "--latency",
    callback=_latency,
    metavar="SECONDS",
    help="Wait first: 1.5, or 0.5-2 to draw from between.",
)
@click.option(
    "--close",
    type=click.Choice(MOMENTS),
    help="Close the connection before or after the call took effect.",
)
@click.option("--truncate", is_flag=True, help="Send half of the answer's body, then close.")
@click.option("--backend", type=click.Choice(BACKEND), help="What a state backend does wrong.")
def add_fault(**given: Any) -> None:
    """Set a fault: which calls, on which of them (always, unless one is said), what happens."""
    said = {
        name: value for name, value in given.items() if value is not None and value is not False
    }
    scope = {name: said.pop(name) for name in _SCOPE if name in said}
    with connected() as client:
        made = client.call(
            "POST", _PATH, json={**said, **({"scope": scope} if scope else {})}
        ).json()
    click.echo(json.dumps(made) if as_json() else _line(made).strip())


@faults.command("clear")
@click.argument("fault_id", type=int, required=False)
def clear_faults(fault_id: int | None) -> None:
    """Remove all faults, or the one with this number."""
    with connected() as client:
        client.call("DELETE", _PATH if fault_id is None else f"{_PATH}/{fault_id}")
