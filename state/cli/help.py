"""Help in groups, with examples; and the completion of shells."""

from __future__ import annotations

from collections.abc import Mapping

import click

SECTIONS = {
    "Keys": {
        "list": "List keys and values.",
        "get": "Print the value of a key as JSON.",
        "set": "Set a key to a value, which is JSON.",
        "delete": "Delete a key.",
        "clear": "Delete every key of a task instance or an asset.",
        "explain": "Say why a key is readable, or why it is missing.",
        "history": "List the changes of a key, or print an earlier value.",
    },
    "What keys belong to": {
        "tasks": "Task instances: create, list, show, delete.",
        "assets": "Assets: create, list, show, delete.",
        "namespaces": "Namespaces, each with its own state.",
    },
    "All state": {
        "journal": "Show who did what to which key, and the result.",
        "snapshots": "Snapshots: create, diff, restore …",
        "export": "Export all state as a fixture document.",
        "import": "Create or update what a fixture document has.",
        "pull": "Copy state from an Airflow, or another Stateroom.",
        "push": "Copy state to an Airflow, or another Stateroom.",
        "reset": "Return to the first fixture, or to nothing.",
        "clean": "Remove expired keys.",
        "clock": "Show, freeze, set or advance the clock.",
    },
    "Values outside the database": {
        "references": "References to objects: list, check.",
        "orphans": "Objects that no key refers to: list, delete.",
        "check": "Check that a backend keeps the contract.",
    },
    "Testing": {
        "demo": "Start a small world, and play a scene in it.",
        "run": "Run one task of a Dag file by Airflow's supervisor.",
        "exec": "Run a command with a Stateroom of its own.",
        "faults": "Faults, which make calls fail on purpose.",
    },
    "Service": {
        "serve": "Serve the APIs until stopped.",
        "ready": "Check whether the service is ready.",
        "token": "Print a token for a service with a secret.",
        "completion": "Print the completion of a shell.",
    },
}
_EXAMPLES = {
    "list": ("list --dag etl --run latest", "list --asset orders --json"),
    "get": ("get job_id --task submit", "get report --task submit --run latest --resolve"),
    "set": ("set cursor '{\"page\": 7}' --task submit --days 30", "set watermark - --asset orders"),
    "delete": ("delete job_id --task submit --run latest",),
    "clear": ("clear --asset orders", "clear --task submit --run latest --yes"),
    "explain": ("explain job_id --task submit",),
    "history": ("history watermark --asset orders", "history job_id --task submit --at 17"),
    "journal": ("journal --follow", "journal --op set --last 20"),
    "tasks": (
        "tasks list --dag etl",
        "tasks create --dag etl --task submit",
        "tasks delete --task submit --run latest",
    ),
    "assets": (
        "assets",
        "assets create orders --uri s3://warehouse/orders",
        "assets delete orders",
    ),
    "namespaces": ("namespaces", "namespaces create nightly", "list --ns nightly"),
    "snapshots": (
        "snapshots create before",
        "snapshots diff before",
        "snapshots restore before",
    ),
    "faults": ("faults create --op set --times 1 --close after", "faults delete --all"),
    "clock": ("clock freeze", "clock advance 31d", "clock real"),
    "export": ("export backup.json", "export | jq .assets"),
    "import": ("import backup.json", "import backup.json --db stateroom.db"),
    "reset": ("reset", "reset --empty --yes"),
    "clean": ("clean --dry-run", "clean"),
    "references": ("references", "references check"),
    "orphans": ("orphans list --older-than 0s", "orphans delete --older-than 7d --yes"),
    "check": ("check mypackage.MyBackend", "check file --option base=/tmp/values"),
    "demo": ("demo", "demo --exit"),
    "pull": (
        "pull --from http://airflow:8080 --dag etl --since 7d",
        "pull --from http://airflow:8080 --dry-run",
    ),
    "push": ("push --to http://airflow:8080 --to-user admin --dag etl --dry-run",),
    "exec": ("exec -- pytest",),
    "ready": ("ready --wait 10",),
    "token": ("token --role admin --jwt-secret-file secret",),
    "completion": ("completion fish > ~/.config/fish/completions/stateroom.fish",),
}
_NAMES = 12  # columns
_SHELLS = ("bash", "zsh", "fish")


def with_examples(command: click.Command) -> None:
    """Add the examples of a command to the end of its help."""
    examples = _EXAMPLES.get(str(command.name))
    if examples and not command.epilog:
        lines = "\n".join(f"  stateroom {example}" for example in examples)
        command.epilog = f"\b\nExamples:\n{lines}"


def write_commands(formatter: click.HelpFormatter, commands: Mapping[str, click.Command]) -> None:
    """Write commands in groups, by what they act on."""
    left = dict(commands)
    for title, lines in SECTIONS.items():
        rows = [(name, line) for name, line in lines.items() if left.pop(name, None)]
        with formatter.section(title):
            formatter.write_dl(rows, col_max=_NAMES)
    if left:
        with formatter.section("More"):
            formatter.write_dl([(name, left[name].get_short_help_str()) for name in sorted(left)])


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion of commands and options for a SHELL, to be sourced by it."""
    from click.shell_completion import get_completion_class

    cls = get_completion_class(shell)
    assert cls is not None
    root = ctx.find_root()
    source = cls(root.command, {}, "stateroom", "_STATEROOM_COMPLETE").source()
    # a comma in a line of help is no separator
    click.echo(source.replace('string split ","', 'string split --max 1 ","'))
