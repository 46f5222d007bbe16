"""``stateroom run``: one task of a Dag file, run by Airflow's own supervisor."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..model.scopes import RUN_ID, TaskScope, label
from ..run.environment import AIRFLOW_PYTHON
from ..terminal import printable, shortened
from .shared.connection import as_json, connected_or_private

if TYPE_CHECKING:
    from ..client.runs import Result, Runs

_GOOD = ("success", "skipped")
_GROUPS = ("::group::", "::endgroup::")  # where Airflow's page of a log folds it
_OF_SIGNALS = 128  # and the number of one: the exit status of a command that it has ended
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
    "--xcom",
    "xcoms",
    multiple=True,
    metavar="TASK=JSON",
    help="What another task of the run returned; of a mapped task a list.  [repeatable]",
)
@click.option(
    "--var", "variables", multiple=True, metavar="KEY=VALUE", help="A variable.  [repeatable]"
)
@click.option(
    "--conn",
    "connections",
    multiple=True,
    metavar="ID=URI",
    help="A connection, as a URI or as JSON.  [repeatable]",
)
@click.option(
    "--backend",
    help="State backend of the task's worker: metastore, file, object, or the dotted path of a "
    "class; default: as the environment says.",
)
@click.option(
    "--airflow-python",
    envvar=AIRFLOW_PYTHON,
    help=f"Python of an Airflow environment.  [env: {AIRFLOW_PYTHON}; default: this environment]",
)
@click.option("--keep/--no-keep", default=True, help="Keep the worker process for the next run.")
@click.option(
    "--trigger/--no-trigger", default=True, help="Run the triggers of a task that defers itself."
)
@click.option(
    "--import-timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Time that the Dag file may take to be imported, 0 for no limit; default: Airflow's "
    "[core] dagbag_import_timeout.",
)
@click.option(
    "--in-process", is_flag=True, help="Run without a supervisor, so that breakpoints work."
)
def run_task(dag_file: str, task_id: str, **options: Any) -> None:
    """Run TASK_ID of DAG_FILE by Airflow's own supervisor, against this service.

    No scheduler, no other tasks, no metadata database: a bench for one task instance. Each run is
    the next attempt; the state of those before is kept. Where no service is named, and none runs,
    the run has a private one, which ends with it. Between the lines of its log stands what it reads
    and writes.

    The exit status is 0 if the task succeeded or was skipped, or is deferred with --no-trigger; and
    1 otherwise, also for a sensor that is up_for_reschedule: it has not found what it waits for.
    After Ctrl-C it is 130, and after SIGTERM 143: the attempt has ended as after a heartbeat
    timeout.
    """
    from ..client.runs import Runs
    from ..client.workers import HttpWorkers
    from ..run.task import Options, Task
    from ..run.workers import python_of

    task = Task(
        dag_file,
        task_id,
        options["dag_id"],
        options["run_id"],
        options["map_index"],
        options["try_number"],
        _conf(options["conf"]),
        _xcoms(options["xcoms"]),
        _pairs("--var KEY=VALUE", options["variables"]),
        _pairs("--conn ID=URI", options["connections"]),
    )
    show = None if as_json() else _show_record
    begun: list[TaskScope] = []
    python = options["airflow_python"]
    if options["in_process"]:
        python = python_of(python)  # a process of it has the terminal, and not this one
    with connected_or_private() as client:
        runs = Runs(client, HttpWorkers(client))
        environ: Mapping[str, str] = os.environ
        if options["backend"] is not None:
            environ = runs.with_backend(options["backend"], environ)
        how = Options(
            environ,
            python,
            options["keep"],
            options["trigger"],
            options["in_process"],
            options["import_timeout"],
            show,
            lambda scope, ti_id: begun.append(scope),
        )
        with _interrupts(runs, begun):
            result = runs.run(task, how)
    if as_json():
        click.echo(json.dumps(_document(result), indent=1))
    else:
        click.echo(_summary(result))
    is_stopped = result.state == "deferred" and not options["trigger"]
    sys.exit(result.state not in _GOOD and not is_stopped)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as Ctrl-C does."""


@contextmanager
def _interrupts(runs: Runs, begun: list[TaskScope]) -> Iterator[None]:
    """Say how the task instance is left if the context is interrupted, and exit.

    :param begun: the task instance, if its attempt has begun.
    """

    def terminate(number: int, frame: object) -> None:
        raise _Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        click.echo(f"\ninterrupted: {_left(runs, begun)}", err=True)
        number = signal.SIGTERM if isinstance(interrupt, _Terminated) else signal.SIGINT
        sys.exit(_OF_SIGNALS + number)


def _left(runs: Runs, begun: list[TaskScope]) -> str:
    """How an interrupted run leaves its task instance."""
    if not begun:
        return "the task had not begun"
    (scope,) = begun
    state = runs.state(scope)
    sentence = f"{label(scope)} is {state}"
    if state == "up_for_retry":
        sentence += "; the next run is its retry"
    return sentence


def _xcoms(texts: Iterable[str]) -> dict[str, Any]:
    pairs = _pairs("--xcom TASK=JSON", texts)
    return {task_id: _json("--xcom", text) for task_id, text in pairs.items()}


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """The values of a repeatable option, by their names.

    :param option: the option and its form, for the error, which does not repeat a secret.
    """
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name or "://" in name:
            raise click.UsageError(f"expected {option}; what is given has no name before its '='")
        if name in pairs:
            raise click.UsageError(f"{option} is given twice for {name!r}")
        pairs[name] = value
    return pairs


def _json(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(
            f"{text!r} is not JSON: {error}; a string needs quotes", param_hint=option
        ) from None


def _conf(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    value = _json("--conf", text)
    if not isinstance(value, dict):
        raise click.BadParameter(f"{text!r} is not a JSON object", param_hint="--conf")
    return value


def _show_record(record: dict[str, Any]) -> None:
    event = str(record.get("event", "")).rstrip()
    if event.startswith(_GROUPS):
        return
    time = str(record.get("timestamp", ""))[11:19]
    level = str(record.get("level", ""))
    click.echo(f"{time} {level:7} {printable(event)}")


def _summary(result: Result) -> str:
    lines = []
    if result.error is not None:
        lines += ["", *map(printable, result.error.splitlines())]
        lines += map(printable, result.missing)
    lines += ["", f"attempt {result.try_number} ended as {result.state}"]
    for key, value in result.xcoms.items():
        lines.append(f"  XCom {printable(key)}: {_shown(value)}")
    for (place, key), (before, after) in result.changes.items():
        lines.append(f"  {place} {printable(key)}: {_shown(before)} → {_shown(after)}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return shortened(json.dumps(value), _WIDEST)


def _document(result: Result) -> dict[str, Any]:
    return {
        "ti_id": result.ti_id,
        "try_number": result.try_number,
        "state": result.state,
        "error": result.error,
        "missing": result.missing,
        "xcoms": result.xcoms,
        "changes": [
            {"of": place, "key": key, "before": before, "after": after}
            for (place, key), (before, after) in result.changes.items()
        ],
        "accesses": [
            {
                "at": event.at,
                "op": event.op,
                "of": label(event.scope) if event.scope else None,
                "key": event.key,
                "status": event.status,
            }
            for event in result.accesses
        ],
        "log": result.log,
    }
