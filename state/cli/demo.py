"""``stateroom demo``: a service with a world to look at, and a scene that is played in it."""

from __future__ import annotations

import signal
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click

from .. import __version__
from ..process import CANNOT_LISTEN, DEFAULT_URL, ServerProcess, StartFailed
from ..words import count
from .shared.connection import private_environment

if TYPE_CHECKING:
    from ..client.stateroom import Stateroom

_PRIVATE = ["--db", ":memory:", "--backend", "file", "--log-level", "error"]
_WIDTH = 80  # columns
_PORT = int(DEFAULT_URL.rpartition(":")[2])


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help=f"Port of the service; default: {_PORT} if it is free, else any free one.",
)
@click.option("--exit", "ends", is_flag=True, help="End after the scene.")
def demo(port: int | None, ends: bool) -> None:
    """Start a service with a small world, and play a scene in it.

    A worker dies after it has submitted a job; its retry finds the job; a zombie is refused. Then
    look at the world in a browser or by other commands, until Ctrl-C. The state is in memory, and
    the files of its references are in a temporary folder: nothing is kept.
    """
    from ..client.stateroom import Stateroom
    from ..demo import scene
    from ..demo.world import World

    with tempfile.TemporaryDirectory(prefix="stateroom-demo-") as folder:
        with _service(port, folder) as process:
            with Stateroom(process.url) as stateroom:
                World(stateroom, Path(folder)).build()
                click.echo(_welcome(stateroom))
                scene.play(stateroom, _say)
                click.echo(_sights(process.url))
            if not ends:
                _wait()


def _say(try_number: int, text: str) -> None:
    """Print a step of the scene."""
    start = f"  try {try_number}  "
    click.echo(
        textwrap.fill(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
    )


def _service(port: int | None, folder: str) -> ServerProcess:
    """A service on this port; without one on the default port, or any other if that is in use."""
    environ = {**private_environment(), "STATEROOM_BACKEND_BASE": folder}
    try:
        return ServerProcess([*_PRIVATE, "--port", str(port or _PORT)], environ)
    except StartFailed as error:
        if port is not None or error.exit_status != CANNOT_LISTEN:
            raise
        return ServerProcess([*_PRIVATE, "--port", "0"], environ)


def _wait() -> None:
    """Wait for Ctrl-C, or for the signal of a container that ends."""
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    click.echo("Ctrl-C ends it.")
    signal.sigwait(ends)


def _welcome(stateroom: Stateroom) -> str:
    from ..demo import scene

    (row,) = stateroom.namespaces()
    held = ", ".join(
        (
            count(row["dag_runs"], "Dag run"),
            count(row["task_instances"], "task instance"),
            count(row["assets"], "asset"),
            count(row["keys"], "key"),
        )
    )
    dag_id, task_id, run_id = scene.TASK
    return f"""\
Stateroom {__version__}, a demo: in memory, nothing of it is kept
  page   {stateroom.url}/  in a browser
  holds  {held}

A worker dies, and its retry finds the job ({dag_id}/{task_id}, run {run_id}):"""


def _sights(url: str) -> str:
    from ..demo import scene

    dag_id, task_id, run_id = scene.TASK
    query = urlencode({"dag_id": dag_id, "task_id": task_id, "run_id": run_id})
    command = "stateroom"
    if url != DEFAULT_URL:
        command += f" --url {url}"
    return f"""
Look at it:
  {url}/task?{query}
         the three attempts, and what each read and wrote
  {url}/references
         a reference that resolves, one that lost its object, a foreign one
  {command} list --task load
  {command} journal --task {task_id}"""
