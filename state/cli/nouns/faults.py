"""``stateroom faults``: create, list, show and delete faults."""

from __future__ import annotations

import json
from typing import Any

import click

from ...errors import NotFound
from ...model.faults import BACKEND, LONGEST, MOMENTS, OPS, Fault
from ...model.scopes import SCOPE_MEMBERS
from ...words import count, near
from ..shared.connection import as_json, connected, show
from ..shared.destroying import tell
from ..shared.noun import Noun
from ..shared.numbers import Choice, Number

_PATH = "/_stateroom/faults"


@click.group("faults", cls=Noun)
def faults() -> None:
    """Create, list, show and delete faults, which make calls fail on purpose."""


@faults.command("list")
def list_faults() -> None:
    """List the faults in the order of matching.

    Each has the counts of calls matched and fired.
    """
    with connected() as client:
        rows = client.call("GET", _PATH).json()["faults"]
    if as_json():
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        click.echo("no faults are set; try: stateroom faults create --help", err=True)
    for row in rows:
        click.echo(_line(row))


def _line(row: dict[str, Any]) -> str:
    counts = f"({row['matched']} calls matched, fired {row['fired']} times)"
    return f"{row['id']:>4}  {Fault.from_row(row)}  {counts}"


def _latency(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
    """Read ``1.5`` as a number of seconds, ``0.5-2`` as a list of two."""
    if text is None:
        return None
    try:
        seconds = [float(part) for part in text.split("-", 1)]
    except ValueError:
        seconds = [-1.0]
    if not all(0 <= number <= LONGEST for number in seconds):
        raise click.BadParameter(
            f"invalid duration {text!r}; write seconds up to {LONGEST:g}, such as 1.5, or 0.5-2"
        )
    if len(seconds) == 1:
        return seconds[0]
    return seconds


@faults.command("create")
@click.option("--op", type=Choice(OPS), help="Operation; default: any.")
@click.option("--key", help="Pattern for the key (*, ?, [...]).")
@click.option("--dag", "dag_id", help="Pattern for the dag id.")
@click.option("--run", "run_id", help="Pattern for the run id.")
@click.option("--task", "task_id", help="Pattern for the task id.")
@click.option("--map-index", help="Pattern for the map index.")
@click.option("--asset", help="Pattern for the asset's name.")
@click.option("--nth", type=click.IntRange(min=1), help="Fire only on the n-th matching call.")
@click.option(
    "--times", type=click.IntRange(min=1), help="Fire only on the first n matching calls."
)
@click.option("--probability", type=Number(0, 1), help="Fire on each call with this probability.")
@click.option("--seed", type=int, help="Random seed for --probability.")
@click.option("--status", type=click.IntRange(400, 599), help="Answer with this HTTP status.")
@click.option("--after", is_flag=True, help="Answer --status after the call has taken effect.")
@click.option(
    "--latency",
    callback=_latency,
    metavar="SECONDS",
    help="Delay the call: 1.5, or 0.5-2 for a random delay.",
)
@click.option(
    "--close",
    type=Choice(MOMENTS),
    help="Close the connection before or after the call takes effect.",
)
@click.option(
    "--truncate", is_flag=True, help="Close the connection after half of the response body."
)
@click.option("--backend", type=Choice(BACKEND), help="Failure of the state backend.")
def create_fault(**options: Any) -> None:
    """Create a fault, which makes calls fail.

    The options say which calls it matches, when it fires (default: always), and what happens then.
    """
    rule = {
        name: value for name, value in options.items() if value is not None and value is not False
    }
    scope = {name: rule.pop(name) for name in SCOPE_MEMBERS if name in rule}
    if scope:
        rule["scope"] = scope
    with connected() as client:
        row = client.call("POST", _PATH, json=rule).json()
    show(row, _line(row).strip())


@faults.command("show")
@click.argument("fault_id", type=int)
def show_fault(fault_id: int) -> None:
    """Show a fault, and the counts of calls matched and fired."""
    with connected() as client:
        rows = client.ask("GET", _PATH)["faults"]
    for row in rows:
        if row["id"] == fault_id:
            show(row, _line(row).strip())
            return
    raise NotFound(
        f"there is no fault {fault_id}{near(str(fault_id), [str(r['id']) for r in rows])}"
    )


@faults.command("delete")
@click.argument("fault_id", type=int, required=False)
@click.option("--all", "all_faults", is_flag=True, help="Delete all faults of the namespace.")
def delete_faults(fault_id: int | None, all_faults: bool) -> None:
    """Delete the fault with this id, or --all."""
    if (fault_id is None) != all_faults:
        raise click.UsageError("give either the id of a fault, or --all")
    with connected() as client:
        number = 1
        path = f"{_PATH}/{fault_id}"
        if all_faults:
            number = len(client.ask("GET", _PATH)["faults"])
            path = _PATH
        client.call("DELETE", path)
    tell({"deleted": number}, f"deleted {count(number, 'fault')}")
