"""The command line ``stateroom``: the group of all commands, and those that need no other module.

A command calls the service at ``--url``; with ``--db`` the service that owns the file or, if there
is none, a private one that ends with the command. The commands of each noun are in a module of
their own.
"""

from __future__ import annotations

import os
import re
import runpy
import sys
import time
import warnings
from typing import Any

import click

from .. import __version__
from ..errors import BadDocument, NotFound, ServiceError, SettingError, StateError, Unreachable
from ..jwt_secret import FILE_VARIABLE, VARIABLE
from ..jwt_secret import find as find_secret
from ..model import tokens
from ..model.durations import MOST_DAYS
from ..process import service_path
from . import entries, fixtures
from .check import check
from .demo import demo
from .exec import execute
from .help import completion, with_examples, write_commands
from .journal import explain, history, journal
from .nouns.faults import faults
from .nouns.namespaces import clock, namespaces
from .nouns.references import orphans, references
from .nouns.snapshots import snapshots
from .nouns.tasks import assets, tasks
from .run import run_task
from .shared.connection import OPTIONS, running, show
from .shared.numbers import DAY, Number
from .transfer import pull, push

# exit statuses; 3 to 8 and 12 are those of a database that cannot be opened (state/errors.py)
NOT_FOUND = 1
USAGE = 2
REFUSED = 10
UNREACHABLE = 11
_STATUS = {
    NotFound: NOT_FOUND,
    Unreachable: UNREACHABLE,
    ServiceError: REFUSED,
    BadDocument: USAGE,
    SettingError: USAGE,
    StateError: NOT_FOUND,
}
_PART = re.compile(r"^(?:body|query|path)(?:\.|: )")  # of a request
_SHORTEST_SECRET = 64  # bytes
_ALSO = "Also " + ", ".join(option.opts[0] for option in OPTIONS) + ": see stateroom --help."
_WITHOUT_CONNECTION = (
    "check",
    "completion",
    "demo",
    "exec",
    "serve",
    "token",
)  # commands that call no service


class Group(click.Group):
    """A group whose commands end with a message and an exit status instead of a traceback."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        super().add_command(cmd, name)
        with_examples(cmd)
        if (name or cmd.name) not in _WITHOUT_CONNECTION:
            _add_options(cmd)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in groups, by what they act on."""
        write_commands(formatter, self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (StateError, ValueError, OSError) as error:
            click.echo(f"stateroom: {_message(error)}", err=True)
            sys.exit(_exit_status(error))


def _add_options(command: click.Command) -> None:
    """Add the connection options to a command, and to the subcommands of a group."""
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            _add_options(subcommand)
    command.params = [*command.params, *OPTIONS]
    command.epilog = "\n\n".join(filter(None, (command.epilog, _ALSO)))


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    message = _PART.sub("", str(error).removeprefix("stateroom: "))
    if getattr(error, "status", None) == 401:
        message += "; give --token (stateroom token --role admin)"
    return message


def _exit_status(error: Exception) -> int:
    status: int | None = getattr(error, "exit_status", None)
    if status:
        return status
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), USAGE)


@click.group(cls=Group, params=[*OPTIONS], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stateroom")
def cli() -> None:
    """Keep Airflow task state and asset state in one small process.

    The options below may also follow a command's name.

    Exit status: 0 success, 1 not found or "no", 2 usage error, 10 refused by the service, 11
    service unreachable; with --db also 3 to 8 and 12, if the file cannot be opened.
    """


@click.command("token")
@click.option("--role", type=click.Choice(tokens.ROLES), help="Token of a user with this role.")
@click.option(
    "--ti", "ti_id", type=click.UUID, help="Token of the worker of the task instance with this id."
)
@click.option(
    "--days",
    type=Number(0, MOST_DAYS, min_open=True),
    help="Lifetime in days; default: 10 minutes with --ti, 1 day with --role.",
)
@click.option("--jwt-secret", help=f"Secret to sign with.  [env: {VARIABLE}]")
@click.option(
    "--jwt-secret-file",
    metavar="PATH",
    help=f"File with that secret.  [env: {FILE_VARIABLE}]",
)
def make_token(
    role: str | None,
    ti_id: Any,
    days: float | None,
    jwt_secret: str | None,
    jwt_secret_file: str | None,
) -> None:
    """Print a token for a service that has this secret."""
    secret = find_secret(os.environ, jwt_secret, jwt_secret_file).text
    if secret is None:
        raise click.UsageError(f"give --jwt-secret-file or --jwt-secret, or set {VARIABLE}")
    if (role is None) == (ti_id is None):
        raise click.UsageError("give either --role or --ti")
    lifetime = None
    if days:
        lifetime = int(days * 86_400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said below, without the lines of a library
        if role:
            text = tokens.for_role(secret, role, lifetime=lifetime or tokens.CORE_LIFETIME)
        else:
            lifetime = lifetime or tokens.EXECUTION_LIFETIME
            text = tokens.for_task_instance(secret, str(ti_id), lifetime)
    show({"token": text}, text)
    if len(secret.encode()) < _SHORTEST_SECRET:
        click.echo(
            f"stateroom: the secret has {len(secret.encode())} bytes; HS512 is safe from "
            f"{_SHORTEST_SECRET} on (RFC 7518)",
            err=True,
        )


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(arguments: tuple[str, ...]) -> None:
    """Serve the Execution API, the Core API and Stateroom's own until stopped."""
    program = str(service_path())  # the service is a program of its own: nothing here imports Flask
    sys.path.insert(0, str(service_path().parent))
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")


@click.command()
@click.option(
    "--wait",
    type=Number(0, DAY),
    default=0.0,
    show_default=True,
    help="Seconds to keep trying.",
)
def ready(wait: float) -> None:
    """Check whether the service is ready, for health checks.

    Exit status 0 if it is, 10 if it answers that it is not, 11 if the service is unreachable.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            url, facts = _health(max(deadline - time.monotonic(), 1))
            break
        except StateError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
    show(facts, f"{facts['status']}: {url}")


def _health(timeout: float) -> tuple[str, Any]:
    client = running()
    return client.url, client.ask("GET", "/_stateroom/health", timeout=timeout)


for _command in (*entries.COMMANDS, *fixtures.COMMANDS):
    cli.add_command(_command)
for _command in (check, completion, demo, execute, make_token, ready, serve):
    cli.add_command(_command)
for _command in (clock, explain, history, journal, pull, push, run_task):
    cli.add_command(_command)
for _command in (assets, faults, namespaces, orphans, references, snapshots, tasks):
    cli.add_command(_command)


def main() -> None:
    """The ``stateroom`` command."""
    cli(prog_name="stateroom")
