"""Namespaces, clock, snapshots, journal, history and explanations on the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from state.cli.main import cli
from state.client.http import StateroomClient
from tests.support.world import EXTRACT, RUN, TASK_KEY, TI, WORLD, bearer

TASK = ["--dag", "etl", "--run", RUN, "--task", "extract"]


@pytest.fixture
def run(served):
    client = StateroomClient(served.url)
    client.call("POST", "/_stateroom/reset")
    client.call("PUT", "/_stateroom/fixture", json=WORLD)

    def run(*arguments, env=None):
        return CliRunner().invoke(cli, ["--url", served.url, *arguments], env=env)

    return run


@pytest.fixture
def nightly(run):
    """The name of a namespace of its own."""
    assert run("namespaces", "create", "nightly").exit_code == 0
    yield "nightly"
    assert run("namespaces", "delete", "nightly", "--yes").exit_code == 0


# ---------------------------------------------------------------- namespaces


def test_a_namespace_is_made_listed_and_deleted(run, served):
    assert run("namespaces", "create", "x").output == f"{served.url}/ns/x\n"
    lines = run("namespaces", "list").output.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "default", "x"]
    assert lines[2].split()[-4:] == ["0"] * 4
    assert run("namespaces", "delete", "x", "--yes").exit_code == 0
    assert run("namespaces", "delete", "x", "--yes").exit_code == 1


def test_a_namespace_may_begin_with_a_fixture(run, tmp_path):
    (tmp_path / "world.json").write_text(json.dumps(WORLD))
    created = json.loads(
        run("--json", "namespaces", "create", "x", "--fixture", str(tmp_path / "world.json")).output
    )
    listed = {row["name"]: row for row in json.loads(run("--json", "namespaces", "list").output)}
    assert created["path"] == "/ns/x"
    assert listed["x"]["keys"] == 2
    assert run("--ns", "x", "get", "job_id", *TASK).output == '"job-42"\n'
    run("namespaces", "delete", "x", "--yes")


def test_every_command_goes_to_the_given_namespace(run, served, nightly):
    results = (
        run("--ns", nightly, "list"),
        run("list", "--ns", nightly),
        run("list", env={"STATEROOM_NAMESPACE": nightly}),
        CliRunner().invoke(cli, ["--url", f"{served.url}/ns/{nightly}", "list"]),
    )
    assert {result.output for result in results} == {"no keys match; try: stateroom set --help\n"}
    assert "job_id" in run("list").output


def test_an_option_wins_over_address_and_environment(served, run, nightly):
    address = ["--url", f"{served.url}/ns/default", "get", "job_id", *TASK]
    assert CliRunner().invoke(cli, address, env={"STATEROOM_NAMESPACE": nightly}).exit_code == 0
    assert CliRunner().invoke(cli, [*address, "--ns", nightly]).exit_code == 1


def test_namespaces_are_listed_whatever_ns_is_given(run):
    assert (
        run(
            "--ns", "unknown", "namespaces", "list", env={"STATEROOM_NAMESPACE": "unknown"}
        ).exit_code
        == 0
    )


@pytest.mark.parametrize("name", [".", "..", "...", "a b/c", "ü"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--ns", "NAME", "clear", "--yes", *TASK],
        ["namespaces", "create", "NAME"],
        ["namespaces", "delete", "NAME", "--yes"],
    ],
)
def test_dots_are_an_invalid_namespace_name(run, name, arguments):
    result = run(*[name if word == "NAME" else word for word in arguments])
    assert result.exit_code == 2
    assert "invalid namespace name" in result.output
    assert run("get", "job_id", *TASK).exit_code == 0


def test_a_mistyped_namespace_is_reported_with_similar_ones(run, nightly):
    result = run("--ns", "nightl", "list")
    assert result.exit_code == 1
    assert "namespace 'nightl' not found; existing: 'nightly'" in result.output


def test_a_namespace_in_a_file_that_is_not_served(tmp_path):
    file = ["--db", str(tmp_path / "state.db")]
    (tmp_path / "world.json").write_text(json.dumps(WORLD))
    assert CliRunner().invoke(cli, [*file, "import", str(tmp_path / "world.json")]).exit_code == 0
    assert CliRunner().invoke(cli, [*file, "namespaces", "create", "x"]).exit_code == 0
    assert "no keys match" in CliRunner().invoke(cli, [*file, "--ns", "x", "list"]).output


# ---------------------------------------------------------------- clock


def test_the_clock_is_frozen_set_moved_and_let_go(run):
    assert run("clock", "freeze", "2030-01-01T00:00:00Z").output == "2030-01-01T00:00:00Z, frozen\n"
    assert run("clock", "advance", "1d12h").output == "2030-01-02T12:00:00Z, frozen\n"
    assert run("clock", "advance", "-12h").output == "2030-01-02T00:00:00Z, frozen\n"
    frozen = "2031-01-01T00:00:00Z, frozen\n"
    assert run("clock", "set", "2031-01-01T00:00:00Z").output == frozen
    assert run("clock").output == frozen
    assert run("clock", "show").output == frozen
    assert ", running, " in run("clock", "unfreeze").output
    assert run("clock", "real").output.endswith(", real time\n")


def test_a_clock_that_runs_says_what_it_is_ahead(run):
    assert ", running, 31 days ahead of real time" in run("clock", "advance", "31d").output
    assert ", running, 2 days behind real time" in run("clock", "advance", "-33d").output


def test_days_are_counted_by_the_namespaces_clock(run):
    run("clock", "freeze", "2030-01-01T00:00:00Z")
    assert run("set", "k", "1", "--days", "2", *TASK).exit_code == 0
    assert [
        row["expires_at"] for row in json.loads(run("--json", "list").output) if row["key"] == "k"
    ] == ["2030-01-03T00:00:00Z"]


def test_freeze_without_a_moment_and_tokens(run):
    assert json.loads(run("--json", "clock", "freeze").output)["frozen"] is True
    assert run("clock", "tokens", "namespace").output.endswith("; tokens expire by it too\n")
    assert run("clock", "tokens", "real").output.endswith(", frozen\n")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["advance", "31"], 2, "invalid duration '31'; write 90s"),
        (["set", "soon"], 2, "invalid time 'soon'"),
        (["advance", "4000000d"], 2, "the years 1 to 9999"),
    ],
)
def test_an_invalid_clock_is_reported_with_an_exit_status(run, arguments, status, words):
    result = run("clock", *arguments)
    assert result.exit_code == status
    assert words in result.output


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_is_taken_compared_and_restored(run):
    assert run("snapshots", "create", "one").output == "one: 2 keys, 20 bytes\n"
    run("set", "job_id", "7", *TASK)
    run("set", "new", '"n"', *TASK)
    run("delete", "watermark", "--asset", "orders")
    lines = [line.split() for line in run("snapshots", "diff", "one").output.splitlines()[1:]]
    assert [(line[0], *line[-4:]) for line in lines] == [
        ("+", "@", RUN, "new", '"n"'),
        ("-", "asset", "orders", "watermark", '"2026-01-01"'),
        ("~", "job_id", '"job-42"', "->", "7"),
    ]
    assert run("snapshots", "restore", "one", "--yes").exit_code == 0
    assert run("snapshots", "diff", "one").output == "no differences\n"


def test_a_comparison_shows_xcoms_and_attempts(run, served):
    client = StateroomClient(served.url)
    run("snapshots", "create", "one")
    client.call("POST", f"/execution/xcoms/etl/{RUN}/extract/rows", json=[1, 2])
    client.call("POST", "/_stateroom/task-instances", json=EXTRACT)
    lines = [line.split() for line in run("snapshots", "diff", "one").output.splitlines()[1:]]
    assert [(line[0], *line[4:]) for line in lines] == [
        ("+", "XCom", "rows", "[1,", "2]"),
        ("~", *"attempt 1 running -> attempt 2 running".split()),
    ]
    run("snapshots", "delete", "one", "--yes")


def test_snapshots_are_listed_and_deleted(run):
    run("snapshots", "create", "a")
    run("snapshots", "create", "b")
    assert {"a", "b"} <= {
        row["name"] for row in json.loads(run("--json", "snapshots", "list").output)
    }
    assert json.loads(run("--json", "snapshots", "diff", "a", "b").output) == {
        "added": [],
        "removed": [],
        "changed": [],
    }
    assert run("snapshots", "list").output.splitlines()[0].split() == [
        "NAME",
        "CREATED",
        "KEYS",
        "SIZE",
    ]
    assert [run("snapshots", "delete", name, "--yes").exit_code for name in ("a", "b", "b")] == [
        0,
        0,
        1,
    ]


def test_a_namespace_without_snapshots_says_how_to_take_one(run, nightly):
    assert (
        "no snapshots; try: stateroom snapshots create"
        in run("--ns", nightly, "snapshots", "list").output
    )


@pytest.mark.parametrize("command", ["restore", "delete"])
def test_an_unknown_snapshot_is_not_found(run, command):
    result = run("snapshots", command, "nope", "--yes")
    assert result.exit_code == 1
    assert "snapshot 'nope' not found" in result.output


@pytest.mark.parametrize("name", ["..", "a b/c"])
@pytest.mark.parametrize("command", ["create", "restore", "delete"])
def test_an_invalid_snapshot_name_is_a_usage_error(run, command, name):
    result = run("snapshots", command, name)
    assert result.exit_code == 2
    assert f"invalid snapshot name {name!r}" in result.output
    assert "digits, dots, dashes and underscores" in result.output.replace("\n", " ")


def test_a_snapshot_without_keys_says_so(run, nightly):
    result = run("--ns", nightly, "snapshots", "create", "before")
    assert result.output == "before: the snapshot is taken, but the namespace has no keys\n"


# ---------------------------------------------------------------- explain


def test_a_key_is_explained_in_a_sentence(run):
    assert (
        run("explain", "job_id", *TASK).output
        == "'job_id' never expires: it stays until it is deleted.\n"
    )


def test_several_near_misses_are_a_table(run):
    run("set", "job_id", "1", "--asset", "orders")
    lines = run(
        "explain", "job_id", "--dag", "etl", "--run", RUN, "--task", "mapped", "--map-index", "-1"
    ).output.splitlines()
    assert lines[0].startswith("The task mapped is mapped in that run: name a map index. But ")
    assert lines[2].split() == ["SCOPE", "KEY", "WHY"]
    assert len(lines) == 5


def test_an_attempt_is_named_by_its_id(run):
    assert json.loads(run("--json", "explain", "job_id", "--ti", TI).output)["scope"] == {
        **EXTRACT,
        "map_index": -1,
    }
    assert run("explain", "job_id", "--ti", TI, "--asset", "orders").exit_code == 2
    assert run("explain", "job_id").exit_code == 2


# ---------------------------------------------------------------- history


def test_the_story_of_a_key_and_what_it_was(run, served):
    requests.put(served.url + TASK_KEY, json={"value": "job-43"}, timeout=10)
    events = json.loads(run("--json", "history", "job_id", *TASK).output)
    lines = run("history", "job_id", *TASK).output.splitlines()
    assert lines[0].split() == ["SEQ", "AT", "ACTOR", "OP", "RESULT"]
    assert lines[-1].split()[-4:] == ["attempt", "1", "set", '"job-43"']  # its widths vary
    assert '"job-42"' in lines[-2]
    assert run("history", "job_id", "--at", str(events[-2]["seq"]), *TASK).output == '"job-42"\n'


def test_a_moment_at_which_there_was_none(run):
    run("delete", "job_id", *TASK)
    deleted = json.loads(run("--json", "history", "job_id", *TASK).output)[-1]["seq"]
    early, late = (
        run("history", "job_id", "--at", at, *TASK) for at in ("2020-01-01T00:00:00Z", str(deleted))
    )
    assert early.exit_code == 1
    assert late.exit_code == 1
    assert "key 'job_id' had no value at 2020" in early.output
    assert f"(event {deleted})" in late.output


def test_a_lost_update_is_marked(run, served):
    client = StateroomClient(served.url)
    url = f"{served.url}/execution/store/asset/by-name/value?name=orders&key=watermark"
    attempts = [{**EXTRACT, "task_id": name} for name in ("a", "b")]
    tokens = [
        client.ask("POST", "/_stateroom/task-instances", json=attempt)["token"]
        for attempt in attempts
    ]
    for call in ({"method": "GET"}, {"method": "PUT", "json": {"value": 1}}):
        for token in tokens:
            requests.request(url=url, headers=bearer(token), timeout=10, **call).raise_for_status()
    assert "LOST UPDATE" in run("history", "watermark", "--asset", "orders").output.splitlines()[-1]


def test_a_key_without_events_in_the_journal(run):
    result = run("history", "job_idd", *TASK)
    assert result.exit_code == 1
    assert "not found: did you mean 'job_id'?" in result.output


# ---------------------------------------------------------------- journal


@pytest.fixture
def journal_lines(run, nightly, served):
    """A journal in which a key was set, read and missed, and some state was refused."""
    base = f"{served.url}/ns/{nightly}"
    requests.put(f"{base}/_stateroom/fixture", json=WORLD, timeout=10)
    requests.put(base + TASK_KEY, json={"value": {"page": 1, "text": "x" * 100}}, timeout=10)
    requests.get(base + TASK_KEY, timeout=10)
    requests.get(f"{base}/execution/store/ti/{TI}/none\x1b", timeout=10)
    requests.put(base + TASK_KEY, json={"value": None}, timeout=10)
    return lambda *arguments: run("--ns", nightly, "journal", *arguments).output.splitlines()


def numbers(lines):
    """The numbers of the events in a table of them."""
    return [line.split()[0] for line in lines[1:]]


def test_the_journal_is_a_table(journal_lines):
    lines = journal_lines()
    assert lines[0].split() == ["SEQ", "AT", "ACTOR", "SCOPE", "OP", "KEY", "RESULT"]
    assert "  the Control API  " in lines[1]
    assert lines[1].rstrip().endswith("fixture")
    set_line, get_line, missed, refused = lines[-4:]
    assert f"attempt 1        etl/extract @ {RUN}" in set_line
    assert '{"page": 1, "text": "xxx' in set_line
    assert "x" * 100 in set_line
    assert '-> {"page": 1' in get_line
    assert r"none\x1b" in missed
    assert missed.endswith("-> not found")
    assert "-> 422 " in refused


def test_the_journal_of_one_place_leaves_its_name_out(journal_lines):
    lines = journal_lines(*TASK, "--key", "job_id")
    assert lines[0].split() == ["SEQ", "AT", "ACTOR", "OP", "KEY", "RESULT"]
    assert len(lines) == 5
    assert not any("etl/extract" in line for line in lines)


def test_the_last_ones_and_those_of_one_operation(journal_lines):
    everything = numbers(journal_lines("--last", "0"))
    reads = journal_lines("--op", "get", "--last", "2")
    assert numbers(journal_lines("--last", "2")) == everything[-2:]
    assert numbers(reads) == everything[-3:-1]
    assert f"-> the value of event {everything[-4]}" in reads[1]


def test_each_line_is_json_for_machines(run, journal_lines, nightly):
    lines = run("--json", "--ns", nightly, "journal", "--last", "3").output.splitlines()
    assert [json.loads(line)["op"] for line in lines] == ["get", "get", "set"]


def test_an_empty_journal_says_so(run, nightly):
    assert run("--ns", nightly, "journal").output == "no events match\n"


def test_an_unknown_operation_is_a_usage_error(run):
    result = run("journal", "--op", "sett")
    assert result.exit_code == 2
    assert "did you mean 'set'" in result.output


def test_the_journal_is_followed_until_it_is_interrupted(run, served, nightly, interruptible):
    command = [
        sys.executable,
        "-m",
        "state",
        "--url",
        served.url,
        "--ns",
        nightly,
        "journal",
        "--follow",
    ]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environ, cwd=Path(__file__).parents[2]
    ) as follower:
        for value in (1, 2):
            requests.put(
                f"{served.url}/ns/{nightly}/_stateroom/fixture", json={"config": {}}, timeout=10
            )
            requests.post(
                f"{served.url}/ns/{nightly}/_stateroom/assets",
                json={"name": f"a{value}"},
                timeout=10,
            )
            while f"asset a{value}" not in follower.stdout.readline():
                pass
        follower.send_signal(signal.SIGINT)
        assert follower.wait(20) == 0
