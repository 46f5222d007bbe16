"""``stateroom pull`` through the Core API, from a served process."""

import os
import uuid
from functools import partial

import pytest
from click.testing import CliRunner

from schemas.fields.task_states import TASK_INSTANCE_STATES
from state.cli.main import cli
from state.model import tokens
from state.process import ServerProcess
from tests.support.world import EXTRACT, SECRET, TI
from tests.transfer.forwarding import forwarding
from tests.transfer.service import Service
from tests.transfer.story import LOAD, OTHER, STATE

VIEWER = {"STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, "viewer")}
COMPARED = ("dag_runs", "task_instances", "assets", "task_state_store", "asset_state_store")
EVERYTHING = {"task instance": 4, "key": 6, "dag run": 3, "asset": 2}


def carried_by(document):
    """The parts of a document that a pull keeps."""
    return {name: document[name] for name in COMPARED}


@pytest.fixture
def pull(report, peer):
    """Pulls what a viewer of the peer can read, and returns the report."""
    return partial(report, "pull", "--from", peer.url, **VIEWER)


@pytest.fixture
def peer(peer):
    peer.begin_with(STATE)
    return peer


def test_a_pull_keeps_ids_attempts_values_and_moments(pull, peer, here):
    assert pull()["carried"] == EVERYTHING
    pulled = carried_by(here.holds())
    assert pulled == carried_by(peer.holds())


def test_a_stateroom_that_is_read_as_an_airflow_is_told(run, peer):
    output = run("pull", "--from", peer.url, **VIEWER).stderr
    assert "only an admin may copy it as a whole: through its Core API" in output


def test_a_second_pull_carries_nothing(pull, here):
    pull()
    last = here.call("GET", "/_stateroom/journal").json()["last"]
    again = pull()
    assert again["carried"] == {}
    assert again["unchanged"] == 4
    assert sum(again["skipped"].values()) == 2
    assert here.call("GET", "/_stateroom/journal").json()["last"] == last


def test_what_has_changed_there_is_pulled(pull, peer, here):
    pull()
    change = {
        "dag_runs": [{**STATE["dag_runs"][1], "state": "failed"}],
        "task_state_store": [{**LOAD, "key": "cursor", "value": "end"}],
    }
    peer.call("PUT", "/_stateroom/fixture", json=change)
    assert pull()["carried"] == {"key": 1, "task instance": 1, "dag run": 1}
    assert here.entries()["cursor"] == "end"
    assert here.holds()["dag_runs"][1]["state"] == "failed"


def test_a_finished_attempt_is_read_again_only_if_asked_for(pull, peer, here):
    pull()
    changed = {**STATE["task_state_store"][0], "value": "job-43", "updated_at": None}
    peer.call("PUT", "/_stateroom/fixture", json={"task_state_store": [changed]})
    assert pull()["carried"] == {}
    assert pull("--refresh")["carried"] == {"key": 1, "task instance": 1}
    assert here.entries()["job/id"] == "job-43"


def test_an_attempt_that_went_on_here_is_kept(pull, here):
    pull()
    retry = here.call("POST", "/_stateroom/task-instances", json=EXTRACT).json()
    assert "a later attempt is here (--refresh returns to theirs)" in pull()["skipped"]
    assert retry["id"] in {row["id"] for row in here.holds()["task_instances"]}
    pull("--refresh")
    assert TI in {row["id"] for row in here.holds()["task_instances"]}


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--dag", "sales"], {"total"}),
        (["--dag", "etl", "--run", "2026-01-01"], {"job/id", "report"}),
        (["--run", "latest"], {"cursor", "total"}),
        (["--task", "load", "--dag", "etl"], {"cursor"}),
        (["--dag", "etl", "--since", "2026-01-15"], {"cursor"}),
        (["--asset", "customers"], {"seen"}),
        (["--asset", "orders"], {"watermark", "cursor"}),
        (["--since", "2026-02-15T00:00:00Z"], {"seen"}),
        (["--since", "1h"], set()),
        (["--asset", "customers", "--task", "extract"], {"job/id", "report", "seen"}),
    ],
)
def test_filters_say_what_is_pulled(options, keys, pull, here):
    pull(*options)
    assert {*here.entries(), *here.entries("asset_state_store")} == keys


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dag", "etm"], "no Dag 'etm' in {peer}; did you mean 'etl'?"),
        (["--dag", "etl", "--task", "loads"], "no task 'loads' in the selected runs; did you mean"),
        (["--run", "1999"], "no run id in {peer} has '1999' in it"),
        (["--asset", "order"], "no asset 'order'; did you mean 'orders'?"),
    ],
)
def test_a_filter_that_fits_nothing_is_an_error(options, message, run, peer):
    result = run("pull", "--from", peer.url, *options, **VIEWER)
    assert result.exit_code == 1
    assert message.format(peer=f"the Stateroom at {peer.url}") in result.stderr


@pytest.mark.parametrize("since", ["yesterday", "99999999w"])
def test_a_time_that_is_none_is_told(since, run, peer):
    result = run("pull", "--from", peer.url, "--since", since, **VIEWER)
    assert result.exit_code == 2
    assert f"invalid time '{since}'" in result.stderr


def test_the_writer_of_an_asset_comes_with_its_keys(pull, here):
    pull("--asset", "orders")
    (entry,) = here.holds()["asset_state_store"]
    assert entry["last_updated_by"] == {"kind": "task", **LOAD, "map_index": -1}
    assert here.entries() == {"cursor": {"page": [1, 2.5, None]}}


def test_an_asset_keeps_the_id_that_it_has_here(pull, here):
    here.begin_with({"assets": [{"id": 3, "name": "orders", "uri": "s3://bucket/orders"}]})
    pull()
    assert {row["name"]: row["id"] for row in here.holds()["assets"]} == {
        "orders": 3,
        "customers": 7,
    }
    assert here.entries("asset_state_store") == {"watermark": "2026-01-01", "seen": 12}


def test_an_id_that_another_asset_has_here_is_not_taken(pull, here):
    here.begin_with({"assets": [{"id": 7, "name": "mine", "uri": "mine"}]})
    assert pull()["notes"] == ["asset 'customers' has the id 8 here, 7 there"]
    assert {row["name"]: row["id"] for row in here.holds()["assets"]} == {
        "orders": 1,
        "customers": 8,
        "mine": 7,
    }


def test_an_asset_with_another_uri_here_is_refused(run, peer, here):
    here.begin_with({"assets": [{"id": 1, "name": "orders", "uri": "file:///orders"}]})
    result = run("pull", "--from", peer.url, **VIEWER)
    assert result.exit_code == 10
    why = "its uri is 'file:///orders' here and 's3://bucket/orders' there"
    assert f"refused: asset orders: {why}\n" in result.stderr
    assert here.entries("asset_state_store") == {"seen": 12}


@pytest.mark.parametrize("inactive_id", [1, 9])
def test_an_inactive_asset_here_does_not_stand_for_the_one_there(inactive_id, pull, here):
    inactive = {"id": inactive_id, "name": "orders", "uri": "s3://old/orders", "active": False}
    entry = {**STATE["asset_state_store"][0], "last_updated_by": {"kind": "api"}}
    here.begin_with({"assets": [inactive], "asset_state_store": [entry]})
    assert pull("--asset", "orders")["carried"]["key"] == 2
    assert pull("--asset", "orders")["carried"] == {}


def test_a_refused_key_does_not_keep_the_others_away(peer):
    large = {**EXTRACT, "key": "large", "value": "x" * 20_000}
    peer.call("PUT", "/_stateroom/fixture", json={"task_state_store": [large]})
    with ServerProcess(["--db", ":memory:", "--max-body", "10000"]) as process:
        command = ["--url", process.url, "pull", "--from", peer.url]
        result = CliRunner().invoke(cli, command, env=VIEWER)
        keys = set(Service(process.url).entries())
    assert result.exit_code == 10
    assert "refused: key 'large' of etl/extract @ " in result.stderr
    assert keys == {"job/id", "report", "cursor", "total"}


def test_a_refused_dag_run_does_not_keep_the_others_away(peer):
    first, second, _ = STATE["dag_runs"]
    with ServerProcess(["--db", ":memory:", "--max-body", "10000"]) as process:
        command = ["--url", process.url, "pull", "--from", peer.url]
        assert CliRunner().invoke(cli, command, env=VIEWER).exit_code == 0
        changed = [
            {**first, "state": "failed", "conf": {"large": "x" * 20_000}},
            {**second, "state": "failed"},
        ]
        peer.call("PUT", "/_stateroom/fixture", json={"dag_runs": changed})
        result = CliRunner().invoke(cli, command, env=VIEWER)
        states = [row["state"] for row in Service(process.url).holds()["dag_runs"]]
    assert result.exit_code == 10
    assert f"refused: dag run {first['run_id']!r} of etl: the body is" in result.stderr
    assert states[:2] == ["success", "failed"]


def test_a_run_that_is_deleted_meanwhile_does_not_end_it(report, peer, here):
    def delete():
        peer.call("POST", "/_stateroom/reset?to=empty")

    with forwarding(peer, "/taskInstances/load", delete) as url:
        told = report("pull", "--from", url, "--asset", "orders", **VIEWER)
    assert told["notes"] == ["the writer of 'watermark' of asset orders is not there now"]
    assert here.entries("asset_state_store") == {"watermark": "2026-01-01"}


def test_a_key_that_no_list_can_have_is_left_out(run, peer, here):
    broken = {**EXTRACT, "key": "k", "value": "\ud800"}
    peer.call("PUT", "/_stateroom/fixture", json={"task_state_store": [broken]})
    result = run("pull", "--from", peer.url, "--dag", "etl", **VIEWER)
    assert result.exit_code == 10
    assert "its key number 2 cannot be read there" in result.stderr
    assert set(here.entries()) == {"job/id", "report", "cursor"}


def test_a_dry_run_changes_nothing(pull, here):
    before = here.holds()
    assert pull("--dry-run")["carried"] == EVERYTHING
    assert here.holds() == before


def test_a_foreign_reference_is_neither_read_nor_removed(peer, tmp_path):
    theirs = tmp_path / "their-database" / "report"
    theirs.parent.mkdir()
    theirs.write_text('"their report"')
    reference = {"__airflow_state_ref__": str(theirs)}
    entry = {**EXTRACT, "key": "report", "value": reference}
    peer.call("PUT", "/_stateroom/fixture", json={"task_state_store": [entry]})
    environ = {**os.environ, "STATEROOM_BACKEND_BASE": str(tmp_path)}
    with ServerProcess(["--db", ":memory:", "--backend", "file"], environ) as process:

        def run(*arguments):
            return CliRunner().invoke(cli, ["--url", process.url, *arguments], env=VIEWER)

        assert run("pull", "--from", peer.url).exit_code == 0
        assert Service(process.url).entries()["report"] == reference
        assert "foreign" in run("references", "check").stdout
        assert run("get", "report", "--task", "extract", "--resolve").exit_code == 10
        assert run("delete", "report", "--task", "extract").exit_code == 0
    assert theirs.exists()


def test_a_pull_goes_on_where_it_was_interrupted(pull, here):
    pull("--dag", "sales")
    assert pull()["carried"] == {"key": 5, "task instance": 3, "dag run": 2, "asset": 2}
    assert set(here.entries()) == {"job/id", "report", "cursor", "total"}


def test_every_state_of_an_attempt_is_pulled(pull, peer, here):
    attempts = [
        {**OTHER, "id": str(uuid.uuid4()), "map_index": index, "state": state}
        for index, state in enumerate([None, *TASK_INSTANCE_STATES])
    ]
    peer.call("PUT", "/_stateroom/fixture", json={"task_instances": attempts})
    pull("--dag", "sales")
    pulled = {row["id"]: row["state"] for row in here.holds()["task_instances"]}
    assert pulled.items() >= {(row["id"], row["state"]) for row in attempts}


def test_a_file_that_does_not_exist_is_created(peer, tmp_path):
    path = str(tmp_path / "state.db")
    command = ["--db", path, "pull", "--from", peer.url, "--dag", "sales"]
    assert CliRunner().invoke(cli, command, env=VIEWER).exit_code == 0
    assert CliRunner().invoke(cli, ["--db", path, "get", "total", "--dag", "sales"]).output == "1\n"


def test_a_dry_run_creates_no_file(peer, tmp_path):
    command = ["--db", str(tmp_path / "state.db"), "pull", "--from", peer.url, "--dry-run"]
    assert CliRunner().invoke(cli, command, env=VIEWER).exit_code == 2
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- the peer


def test_a_user_logs_in_with_a_password_of_the_environment(report, peer):
    login = ["--from", peer.url, "--from-user", "admin"]
    assert report("pull", *login, STATEROOM_PEER_PASSWORD="sesame")["carried"]["key"] == 6


def test_a_wrong_password_is_told(run, peer):
    login = ["--from", peer.url, "--from-user", "admin"]
    result = run("pull", *login, STATEROOM_PEER_PASSWORD="open")
    assert result.exit_code == 10
    assert f"{peer.url} refuses the login of 'admin': Invalid credentials" in result.stderr


def test_without_a_login_the_error_says_how(run, peer):
    result = run("pull", "--from", peer.url)
    assert result.exit_code == 10
    assert f"{peer.url} wants a login: Not authenticated (HTTP 401); give a user" in result.stderr


def test_a_token_on_the_command_line_is_warned_of(run, peer):
    token = VIEWER["STATEROOM_PEER_TOKEN"]
    result = run("pull", "--from", peer.url, "--from-token", token)
    assert result.exit_code == 0
    assert "can read a token in the list of processes" in result.stderr
    assert "list of processes" not in run("pull", "--from", peer.url, **VIEWER).stderr


def test_a_password_in_the_address_is_not_repeated(run):
    result = run("pull", "--from", "http://admin:sesame@127.0.0.1:9")
    assert result.exit_code == 10
    assert "has a user in it" in result.stderr
    assert "sesame" not in result.stderr


def test_a_peer_that_is_away_is_told(run):
    result = run("pull", "--from", "http://127.0.0.1:9")
    assert result.exit_code == 11
    assert "service unreachable at http://127.0.0.1:9" in result.stderr


def test_what_is_no_airflow_is_told(run, here):
    result = run("pull", "--from", f"{here.url}/_stateroom")
    assert result.exit_code == 10
    assert "is no Airflow 3 and no Stateroom" in result.stderr
