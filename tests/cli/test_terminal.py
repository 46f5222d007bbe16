"""Tables fit the width that is there, with colour where somebody sees it; help; completion."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

import click
import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.cli.shared.tables import short_runs, table
from state.terminal import width
from tests.project.test_docs import commands

RUN = "scheduled__2026-01-02T00:00:00+00:00"
TABLES = ["list", "tasks", "assets", "journal", "references", "namespaces", "snapshots"]


@pytest.fixture(autouse=True)
def snapshot(fresh):
    """Something that each table can show."""
    fresh("snapshots", "create", "one")


@pytest.fixture
def run(service):
    def run(*arguments, **environ):
        return CliRunner().invoke(cli, ["--url", service.url, *arguments], env=environ).stdout

    return run


@pytest.fixture
def at_terminal(service):
    """Runs a command at a terminal of 80 columns."""

    def at_terminal(*arguments, **environ):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        command = [sys.executable, "-m", "state", "--url", service.url, *arguments]
        plain = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        with subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**plain, "TERM": "xterm", **environ},
        ) as process:
            os.close(theirs)
            printed = b"".join(iter(lambda: _read(ours), b""))
            assert process.wait(60) == 0
        os.close(ours)
        return printed.decode()

    return at_terminal


def _read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", TABLES)
def test_a_table_fits_its_terminal(run, command, columns):
    lines = run(command, COLUMNS=str(columns)).splitlines()
    assert len(lines) > 1
    assert max(map(width, lines)) <= columns


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [(["list"], {}), (["list", "--wide"], {"COLUMNS": "80"})],
    ids=["pipe", "wide"],
)
def test_into_a_pipe_and_with_wide_everything_is_whole(run, arguments, environ):
    output = run(*arguments, **environ)
    words = " ".join(output.split())
    assert f"etl/submit @ {RUN} report" in words
    assert "s3://airflow-state/etl/submit/report" in output
    assert "…" not in output


LONG = "x" * 200


@pytest.fixture
def long_value(run):
    run("set", "note", json.dumps(LONG), "--asset", "orders")


@pytest.mark.parametrize("command", [["journal"], ["history", "note", "--asset", "orders"]])
def test_values_of_events_are_whole_in_a_pipe(run, long_value, command):
    assert LONG in run(*command)
    assert LONG not in run(*command, COLUMNS="80")


def test_the_scopes_of_a_difference_are_short_where_lines_are(run):
    run("set", "note", "1", "--task", "submit", "--run", RUN)
    assert "+  etl/submit @ 01-02  note  1" in run("snapshots", "diff", "one", COLUMNS="80")
    assert f"etl/submit @ {RUN}" in run("snapshots", "diff", "one")


def test_values_of_a_difference_are_whole_in_a_pipe(run, long_value):
    assert LONG in run("snapshots", "diff", "one")


def test_the_journal_tells_apis_apart_where_lines_are_short(run):
    run("get", "watermark", "--asset", "orders")
    run("delete", "watermark", "--asset", "orders")
    run("tasks", "create", "--dag", "etl", "--task", "later")
    output = run("journal", COLUMNS="80")
    assert " Core API " in output
    assert " Control API " in output
    assert output.startswith("AT ")


def test_the_journal_of_one_task_has_numbers(run):
    where = ["--task", "submit", "--run", RUN]
    run("get", "job_id", *where)
    assert run("journal", *where, COLUMNS="80").startswith("SEQ ")


def test_scopes_that_differ_look_different_at_80_columns(run):
    for day in ("01", "02"):
        for index in ("0", "1"):
            where = ["--run", f"scheduled__2026-03-{day}T00:00:00+00:00", "--map-index", index]
            run("tasks", "create", "--dag", "warehouse_orders", "--task", "load", *where)
            run("set", "cursor", '{"partition": 1, "row": 1191}', "--task", "load", *where)
    lines = run("list", COLUMNS="80").splitlines()
    scopes = {line.split("  ")[0] for line in lines if " cursor " in line}
    assert len(scopes) == 4
    assert "…" in "".join(scopes)


def test_a_cell_keeps_what_tells_it_from_its_neighbours(monkeypatch):
    monkeypatch.setenv("COLUMNS", "52")
    scope = "warehouse_orders/load[1] @ 03-01"
    line = (scope, "s3://bucket/of/all/values/report", "etl/load @ noon attempt 2")
    cells = table(("SCOPE", "REFERENCE", "ACTOR"), [line]).splitlines()[1]
    assert cells == "war…/load[1] @ 03-01  s3://b…/report  …oon attempt 2"


def test_a_short_run_id_is_one_that_run_takes(run):
    line = run("list", "--task", "submit", COLUMNS="80").splitlines()[1]
    assert line.startswith("etl/submit @ 01-02  job_id")
    assert run("get", "job_id", "--task", "submit", "--run", "01-02") == '"job-4711"\n'


def test_run_ids_are_as_short_as_they_are_unambiguous():
    noon, one = "manual__2026-01-02T12:00:00+00:00", "manual__2026-01-02T13:00:00+00:00"
    assert short_runs([RUN, "nightly"]) == {RUN: "2026-01-02", "nightly": "nightly"}
    assert short_runs([RUN, noon])[noon] == "2026-01-02T12:00"
    assert short_runs([RUN, noon, one])[one] == "2026-01-02T13:00"
    same_minute = "manual__2026-01-02T12:00:01+00:00"
    assert short_runs([noon, same_minute])[noon] == noon


def test_run_ids_without_a_date_are_short_without_their_type():
    assert short_runs(["manual__demo"]) == {"manual__demo": "demo"}
    assert short_runs(["manual__demo", "demo_2"])["manual__demo"] == "manual__demo"


def test_dates_have_no_year_where_lines_are_short(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert short_runs([RUN]) == {RUN: "01-02"}
    assert short_runs([RUN, "scheduled__2025-01-02T00:00:00+00:00"])[RUN] == "2026-01-02"


def test_kinds_health_and_expiry_are_marked(service, run):
    where = ["--task", "load", "--map-index", "0"]
    run("set", "old", "1", "--days", "-1", *where)
    run("references", "check")
    output = run("list", COLUMNS="80")
    run("delete", "old", *where)
    assert "foreign ref" in output
    assert "value" in output
    assert "expired" in output


def test_there_is_colour_at_a_terminal(at_terminal):
    assert "\x1b[36mreference" in at_terminal("list") or "\x1b[33mforeign" in at_terminal("list")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_there_is_no_colour_where_none_is_wanted(at_terminal, environ):
    printed = at_terminal("list", **environ)
    assert "\x1b" not in printed
    assert max(map(width, printed.splitlines())) <= 80


def test_progress_is_shown_at_a_terminal_only(at_terminal, fresh):
    assert "checking references" in at_terminal("references", "check")
    assert "checking references" not in fresh("references", "check").output


def test_progress_has_no_colour_where_none_is_wanted(at_terminal):
    printed = at_terminal("references", "check", NO_COLOR="1")
    assert "\x1b[3" not in printed


def test_there_is_no_colour_in_a_pipe(run):
    assert "\x1b" not in run("list", TERM="xterm", FORCE_COLOR="1")


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda part: str(part))
def test_every_command_has_its_line_in_the_help(name, command):
    noun = name.split()[0]
    lines = CliRunner().invoke(cli, ["--help"]).output
    assert f"\n  {noun} " in lines
    assert "More:" not in lines


# serve shows the help of the service's own program, and run has its own page
@pytest.mark.parametrize("name", sorted(cli.commands.keys() - {"serve", "run"}))
def test_every_command_has_an_example(name):
    output = CliRunner().invoke(cli, [name, "--help"], terminal_width=80).output
    assert f"\n    stateroom {name}" in output


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_the_examples_of_a_command_can_be_parsed(name):
    epilog = cli.commands[name].epilog or ""
    for line in epilog.splitlines():
        if line.startswith("  stateroom "):
            words = line.split(" > ")[0].split()[1:]
            command = cli
            while isinstance(command, click.Group) and len(words) > 0:
                command = command.commands[words.pop(0)]
                if isinstance(command, click.Group) and not words:
                    break
            options = [word for word in words if word.startswith("--") and word != "--"]
            known = {flag for param in command.params for flag in param.opts}
            assert set(options) <= known


NOUNS = [name for name, command in cli.commands.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("noun", NOUNS)
def test_no_line_of_the_verbs_is_cut(noun):
    output = CliRunner().invoke(cli, [noun, "--help"], terminal_width=80).output
    assert "..." not in output.partition("\n")[2]


# the help of serve is that of the service's own program
@pytest.mark.parametrize("name", [name for name, _ in commands() if name != "serve"])
def test_the_help_of_a_command_fits_80_columns(name):
    output = CliRunner().invoke(cli, [*name.split(), "--help"], terminal_width=80).output
    assert max(map(len, output.splitlines())) <= 80


def test_a_comma_in_a_line_of_help_is_no_separator_in_fish():
    output = CliRunner().invoke(cli, ["completion", "fish"]).output
    assert 'string split --max 1 ","' in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(shell):
    output = CliRunner().invoke(cli, ["completion", shell]).output
    assert "_STATEROOM_COMPLETE" in output


def test_nouns_verbs_and_options_are_completed():
    environ = {**os.environ, "_STATEROOM_COMPLETE": "bash_complete"}

    def completed(words, index):
        result = subprocess.run(
            [sys.executable, "-m", "state"],
            env={**environ, "COMP_WORDS": words, "COMP_CWORD": str(index)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return [line.partition(",")[2] for line in result.stdout.splitlines()]

    assert completed("stateroom snap", 1) == ["snapshots"]
    assert completed("stateroom snapshots re", 2) == ["restore"]
    assert "--resolve" in completed("stateroom get --re", 2)


@pytest.mark.parametrize(
    "noun", ["tasks", "assets", "namespaces", "snapshots", "faults", "references", "orphans"]
)
def test_a_noun_alone_lists(run, noun):
    assert json.loads(run("--json", noun)) == json.loads(run("--json", noun, "list"))


def test_get_does_not_import_what_draws_tables(service):
    program = (
        "import sys; from state.cli.main import cli\n"
        "try: cli(sys.argv[1:])\n"
        "finally: assert 'rich' not in sys.modules"
    )
    call = [sys.executable, "-c", program, "--url", service.url, "get", "watermark"]
    result = subprocess.run([*call, "--asset", "orders"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == '"2026-01-01T23:59:59Z"\n'


def test_a_short_secret_is_said_without_the_lines_of_a_library():
    call = [sys.executable, "-m", "state", "token", "--role", "admin", "--jwt-secret", "short"]
    result = subprocess.run(call, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("stateroom: the secret has 5 bytes")
