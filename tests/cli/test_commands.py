"""The command line against a served process and against files: tables, JSON, exit statuses."""

import json

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.model import tokens
from state.process import ServerProcess

TASK = ["--dag", "etl", "--run", "scheduled__2026-01-02T00:00:00+00:00", "--task", "submit"]
SECRET = "a-secret-for-the-command-line-that-is-long-enough-for-hs512-0123456789abcdef"


@pytest.fixture
def run(service):
    def run(*arguments, where=("--url", service.url), **kwargs):
        return CliRunner().invoke(cli, [*where, *arguments], **kwargs)

    run("import", "examples/demo.json")
    return run


def test_set_get_delete_of_a_task_instance(run):
    assert run("set", "cursor", '{"page": 7}', "--days", "1", *TASK).exit_code == 0
    assert json.loads(run("get", "cursor", *TASK).output) == {"page": 7}
    assert run("delete", "cursor", *TASK).exit_code == 0
    assert run("delete", "cursor", *TASK).exit_code == 1


def test_get_of_an_asset_and_of_a_missing_key(run):
    assert run("get", "watermark", "--asset", "orders").output == '"2026-01-01T23:59:59Z"\n'
    missing = run("get", "nothing", "--asset", "orders")
    assert missing.exit_code == 1
    assert missing.output.startswith("stateroom: key 'nothing' of asset orders not found. There is")


def test_clear_takes_every_key_of_one_task_instance(run):
    assert run("clear", "--yes", *TASK).exit_code == 0
    assert run("list", *TASK).output == "no keys match; try: stateroom set --help\n"
    assert "progress" in run("list", "--task", "load").output


def test_list_is_a_table_or_json(run, service):
    lines = run("list", "--asset", "orders").output.splitlines()
    assert lines[0].split() == ["SCOPE", "KEY", "KIND", "VALUE", "EXPIRES", "UPDATED"]
    assert len(lines) == 3
    rows = json.loads(
        run("list", "--asset", "orders", where=("--url", service.url, "--json")).output
    )
    assert {row["key"] for row in rows} == {"watermark", "row_counts"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "k", "text", *TASK), "VALUE is not JSON"),
        (("get", "k"), "name a task instance"),
        (("get", "k", "--asset", "orders", "--dag", "etl"), "not both"),
        (("set", "k", "1", "--days", "1", "--asset", "orders"), "does not expire"),
        (("token", "--jwt-secret", SECRET), "give either --role or --ti"),
        (("--db", "missing.db", "list"), "use --url or --db, not both"),
        (("check", "nope"), "unknown backend 'nope'; use one of"),
        (("check", "metastore"), "metastore is the database itself"),
        (("check", "memory", "--only", "nope"), "unknown check: nope; the checks are round_trip"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(run, arguments, words):
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_clean_counts_and_removes_expired_entries(run):
    run("set", "old", "1", "--days", "-1", *TASK)
    assert run("clean", "--dry-run").output == "1 expired key to remove\n"
    assert run("clean").stdout == "removed 1 expired key\n"
    assert run("clean").output == "removed 0 expired keys\n"
    assert run("get", "old", *TASK).exit_code == 1


def test_export_and_import_into_a_file(run, tmp_path):
    exported = tmp_path / "fixture.json"
    database = tmp_path / "new.db"
    assert run("export", str(exported)).exit_code == 0
    assert run("import", str(exported), where=("--db", str(database))).exit_code == 0
    again = run("export", where=("--db", str(database)))
    assert json.loads(again.output) == json.loads(exported.read_text())


def test_a_file_that_is_not_there_is_not_made_by_reading_it(run, tmp_path):
    result = run("list", where=("--db", str(tmp_path / "typo.db")))
    assert result.exit_code == 2
    assert "file not found" in result.output
    assert list(tmp_path.iterdir()) == []


def test_db_talks_to_the_process_that_owns_the_file(tmp_path):
    with ServerProcess(["--db", str(tmp_path / "owned.db"), "--fixture", "examples/demo.json"]):
        result = CliRunner().invoke(
            cli, ["--db", str(tmp_path / "owned.db"), "get", "job_id", *TASK]
        )
    assert result.exit_code == 0
    assert result.output == '"job-4711"\n'


def test_a_negative_number_is_a_value_too(run):
    assert run("set", "offset", "-1", *TASK).exit_code == 0
    assert run("get", "offset", *TASK).output == "-1\n"


def test_a_value_may_come_from_standard_input(run):
    assert run("set", "cursor", "-", *TASK, input='{"page": 8}').exit_code == 0
    assert json.loads(run("get", "cursor", *TASK).output) == {"page": 8}


def test_list_chooses_by_map_index(run):
    assert "progress" in run("list", "--map-index", "0").output
    assert "progress" not in run("list", "--map-index", "-1").output


def test_a_document_may_come_from_standard_input(run):
    assert (
        run("import", "-", input='{"assets": [{"id": 7, "name": "new", "uri": "u"}]}').exit_code
        == 0
    )
    assert run("set", "k", "1", "--asset", "new").exit_code == 0


@pytest.mark.parametrize("place", ["missing/x.json", "."])
def test_an_export_that_cannot_be_written_says_why(run, tmp_path, place):
    result = run("export", str(tmp_path / place))
    assert result.exit_code == 2
    assert place in result.output
    assert "Traceback" not in result.output


def test_a_bad_document_changes_nothing_and_says_where(run, tmp_path):
    document = tmp_path / "bad.json"
    document.write_text(
        json.dumps({"task_instances": [{"id": "x"}], "config": {"clear_on_success": True}})
    )
    result = run("import", str(document))
    assert result.exit_code == 10
    assert "task_instances[0].id" in result.output
    assert json.loads(run("export").output)["config"] == {}


def test_ready_and_an_unreachable_address(run, service):
    assert run("ready").output == f"healthy: {service.url}\n"
    result = run("ready", where=("--url", "http://127.0.0.1:9"))
    assert result.exit_code == 11
    assert "service unreachable at http://127.0.0.1:9" in result.output


def test_token_is_one_that_the_service_takes():
    result = CliRunner().invoke(cli, ["token", "--role", "admin", "--jwt-secret", SECRET])
    claims = tokens.verified(result.output.strip(), SECRET, tokens.CORE_AUDIENCE)
    assert claims["sub"] == "admin"
    assert claims["role"] == "admin"


@pytest.mark.parametrize(
    "arguments",
    [
        ["set", "cursor", "1", "--days", "nan", *TASK],
        ["token", "--role", "admin", "--jwt-secret", SECRET, "--days", "nan"],
        ["faults", "create", "--status", "500", "--probability", "nan"],
        ["ready", "--wait", "nan"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_nan_is_in_no_range(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "'nan' is not a valid number" in result.output
