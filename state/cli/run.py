"""``stateroom run``: one task of a Dag file, run by Airflow's own supervisor."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from ..model.scopes import RUN_ID
from ..terminal import printable, shortened
from .connection import as_json, connected

if TYPE_CHECKING:
    from ..run.run import Outcome

_GOOD = ("success", "skipped")
_WIDEST = 60  # columns of a value


@click.command("run")
@click.argument("dag_file", type=click.Path(exists=True, dir_okay=False))
@click.argument("task_id")
@click.option("--dag-id", help="Dag; needed if the file has several.")
@click.option("--run-id", default=RUN_ID, show_default=True, help="Dag run.")
@click.option("--map-index", type=int, default=-1, help="Map index of a mapped task.")
@click.option("--try", "try_number", type=click.IntRange(1), help="Try number; default: the next.")
@click.option("--conf", help="Conf of the Dag run, as JSON.")
@click.option(
    "--airflow-python", help="Python of an Airflow environment; default: this environment."
)
@click.option("--keep/--no-keep", default=True, help="Keep the worker process for the next run.")
@click.option(
    "--trigger/--no-trigger", default=True, help="Run the triggers of a task that defers itself."
)
@click.option(
    "--in-process", is_flag=True, help="Run without a supervisor, so that breakpoints work."
)
def run_task(dag_file: str, task_id: str, **options: Any) -> None:
    """Run TASK_ID of DAG_FILE by Airflow's own supervisor, against this service.

    No scheduler, no other tasks, no metadata database: a bench for one task instance. Each run is
    the next attempt; the state of those before is kept. The exit status is 0 if the task succeeded
    or was skipped, and 1 otherwise.
    """
    from ..run.run import Options, Task, run
    from ..run.workers import python_of

    conf = None
    if options["conf"] is not None:
        conf = _object("--conf", options["conf"])
    task = Task(
        dag_file,
        task_id,
        options["dag_id"],
        options["run_id"],
        options["map_index"],
        options["try_number"],
        conf,
    )
    show = _show_nothing if as_json() else _show_record
    python = options["airflow_python"]
    if options["in_process"]:
        python = python_of(python)  # a process of it has the terminal, and not this one
    how = Options(
        os.environ,
        python,
        options["keep"],
        options["trigger"],
        options["in_process"],
        on_record=show,
    )
    with connected() as client:
        outcome = run(client, None, task, how)
    if as_json():
        click.echo(json.dumps(_document(outcome), indent=1))
    else:
        click.echo(_summary(outcome))
    sys.exit(outcome.state not in _GOOD)


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not JSON: {error}", param_hint=option) from None
    if not isinstance(value, dict):
        raise click.BadParameter(f"{text!r} is not a JSON object", param_hint=option)
    return value


def _show_nothing(record: dict[str, Any]) -> None:
    pass


def _show_record(record: dict[str, Any]) -> None:
    time = str(record.get("timestamp", ""))[11:19]
    level = str(record.get("level", ""))
    click.echo(f"{time} {level:7} {printable(str(record.get('event', '')))}")


def _summary(outcome: Outcome) -> str:
    lines = []
    if outcome.error is not None:
        lines += ["", outcome.error]
    lines += ["", f"attempt {outcome.try_number} ended as {outcome.state}"]
    for key, value in outcome.xcoms.items():
        lines.append(f"  XCom {printable(key)}: {_shown(value)}")
    for (place, key), (before, after) in outcome.changes.items():
        lines.append(f"  {place} {printable(key)}: {_shown(before)} → {_shown(after)}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return shortened(json.dumps(value), _WIDEST)


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "ti_id": outcome.ti_id,
        "try_number": outcome.try_number,
        "state": outcome.state,
        "error": outcome.error,
        "xcoms": outcome.xcoms,
        "changes": [
            {"of": place, "key": key, "before": before, "after": after}
            for (place, key), (before, after) in outcome.changes.items()
        ],
        "log": outcome.log,
    }
