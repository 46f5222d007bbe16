"""What destroys asks first, keeps a snapshot, and says what it did."""

import json

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.cli.shared import destroying

SUBMIT = ["--task", "submit", "--run", "2026-01-02"]


def undone(result):
    """The arguments of the command that undoes what was done."""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("undo: stateroom ")]
    return line.split()[2:]


def test_clear_says_what_it_did_and_can_be_undone(fresh):
    result = fresh("clear", "--asset", "orders", "--yes")
    assert result.stdout == "cleared 2 keys of asset orders\n"
    assert CliRunner().invoke(cli, [*undone(result), "--yes"]).exit_code == 0
    assert len(json.loads(fresh("--json", "list", "--asset", "orders").output)) == 2


def test_reset_says_what_it_did_and_can_be_undone(fresh):
    fresh("set", "k", "1", "--asset", "orders")
    result = fresh("reset", "--empty", "--yes")
    assert result.stdout == "reset: 6 keys before, 0 now\n"
    assert CliRunner().invoke(cli, [*undone(result), "--yes"]).exit_code == 0
    assert fresh("get", "k", "--asset", "orders").output == "1\n"


def test_a_restore_can_be_undone(fresh):
    fresh("snapshots", "create", "one")
    fresh("set", "k", "1", "--asset", "orders")
    result = fresh("snapshots", "restore", "one", "--yes")
    assert result.stdout == "restored one: 5 keys\n"
    assert CliRunner().invoke(cli, [*undone(result), "--yes"]).exit_code == 0
    assert fresh("get", "k", "--asset", "orders").output == "1\n"


@pytest.mark.parametrize(
    ("noun", "arguments", "sentence", "asked"),
    [
        ("tasks", SUBMIT, "deleted etl/submit @ ", SUBMIT),
        ("assets", ["orders"], "deleted the asset orders: 2 keys", ["--asset", "orders"]),
    ],
)
def test_what_was_deleted_is_gone_and_comes_back(fresh, noun, arguments, sentence, asked):
    keys = fresh("--json", "list", *asked).stdout
    result = fresh(noun, "delete", *arguments, "--yes")
    assert result.stdout.startswith(sentence)
    assert fresh("list", *asked).exit_code == 1
    assert CliRunner().invoke(cli, [*undone(result), "--yes"]).exit_code == 0
    assert fresh("--json", "list", *asked).stdout == keys


def test_a_misspelt_asset_is_not_deleted(fresh):
    result = fresh("assets", "delete", "order", "--yes")
    assert result.exit_code == 1
    assert "did you mean 'orders'?" in result.output


def test_a_clean_can_be_undone(fresh):
    fresh("set", "old", "1", "--days", "-1", *SUBMIT)
    result = fresh("clean")
    assert result.stdout == "removed 1 expired key\n"
    assert undone(result)[-1] == "before-clean"
    assert CliRunner().invoke(cli, [*undone(result), "--yes"]).exit_code == 0
    assert fresh("get", "old", *SUBMIT).output == "1\n"


def test_a_clean_of_nothing_keeps_the_snapshot_of_the_last(fresh):
    before = fresh("snapshots").output
    fresh("clean")
    assert fresh("snapshots").output == before


DESTROYING = [
    ["clear", "--asset", "orders"],
    ["reset"],
    ["tasks", "delete", *SUBMIT],
    ["assets", "delete", "orders"],
    ["snapshots", "restore", "one"],
    ["snapshots", "delete", "one"],
    ["namespaces", "delete", "other"],
]


@pytest.fixture
def world(fresh):
    fresh("snapshots", "create", "one")
    fresh("namespaces", "create", "other")
    return fresh


@pytest.mark.parametrize("arguments", DESTROYING, ids=" ".join)
def test_without_a_terminal_it_wants_yes(world, arguments):
    result = world(*arguments)
    assert result.exit_code == 2
    assert "Nobody can answer without a terminal: add --yes" in result.output
    assert len(json.loads(world("--json", "list").output)) == 5
    assert "other" in world("namespaces").output


@pytest.mark.parametrize("arguments", DESTROYING, ids=" ".join)
def test_at_a_terminal_a_no_changes_nothing(world, arguments, monkeypatch):
    monkeypatch.setattr(destroying, "is_interactive", lambda: True)
    before = world("snapshots").output
    result = world(*arguments, input="n\n")
    assert result.exit_code == 1
    assert world("snapshots").output == before
    assert "other" in world("namespaces").output


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["set", "k", "1", "--asset", "orders"], {"set": 1, "key": "k"}),
        (["delete", "watermark", "--asset", "orders"], {"deleted": 1, "key": "watermark"}),
        (["clear", "--asset", "orders", "--yes"], {"cleared": 2, "scope": {"asset": "orders"}}),
        (["reset", "--yes"], {"removed": 5, "keys": 5}),
        (["clean"], {"removed": 0}),
        (["tasks", "delete", *SUBMIT, "--yes"], {"deleted": 1, "keys": 2}),
        (["assets", "delete", "orders", "--yes"], {"deleted": 1, "keys": 2}),
        (["snapshots", "delete", "one", "--yes"], {"deleted": "one", "keys": 5}),
        (["snapshots", "restore", "one", "--yes"], {"restored": "one", "keys": 5}),
        (["namespaces", "delete", "other", "--yes"], {"deleted": "other", "keys": 0}),
        (["faults", "delete", "--all"], {"deleted": 0}),
        (["assets", "create", "new"], {"name": "new", "uri": "new"}),
        (["tasks", "create", "--dag", "d", "--task", "t"], {"dag_id": "d", "try_number": 1}),
    ],
)
def test_what_was_done_is_json_for_machines(world, arguments, facts):
    document = json.loads(world("--json", *arguments).stdout)
    assert facts.items() <= document.items()


def test_an_export_and_an_import_say_how_much_it_was(fresh, tmp_path):
    path = str(tmp_path / "all.json")
    counts = "2 runs, 4 task instances, 2 assets, 5 keys\n"
    assert fresh("export", path).output == f"exported {path}: {counts}"
    assert fresh("import", path).output == f"imported {path}: {counts}"
    document = json.loads(fresh("--json", "import", path).output)
    assert document["imported"] == path
    assert document["keys"] == 5


def test_the_default_namespace_is_refused_without_a_question(fresh):
    result = fresh("namespaces", "delete", "default")
    assert result.exit_code == 10
    assert "cannot be dropped" in result.output


def test_nothing_to_clear_asks_nothing(fresh):
    result = fresh("clear", "--asset", "customers")
    assert result.output == "cleared 0 keys of asset customers\n"
