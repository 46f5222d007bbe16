"""``stateroom pull`` and ``push`` between two served Staterooms, as an admin of both."""

import json
from functools import partial

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.model import tokens
from state.process import ServerProcess
from tests.support.shop import SHOP
from tests.support.world import EXTRACT, SECRET, TI
from tests.transfer.story import LOAD, STATE, WRITTEN

ADMIN = {"STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, "admin")}
XCOM = {**LOAD, "key": "return_value", "value": [1, 2], "timestamp": "2026-02-01T00:00:01Z"}
FORMER = {
    "id": "019b0000-0000-7000-8000-000000000020",
    **LOAD,
    "state": "failed",
    "superseded_at": "2026-02-01T00:00:05Z",
    "retry_delay": 5.0,
}
CONNECTION = {"conn_id": "warehouse", "conn_type": "postgres", "password": "secret"}
WHOLE = {
    **STATE,
    "xcoms": [XCOM],
    "former_attempts": [FORMER],
    "variables": [{"key": "page_size", "value": "50"}],
    "connections": [CONNECTION],
    "dags": [{"dag_id": "etl", "owners": "me", "tags": ["nightly"]}],
    "asset_aliases": [{"name": "sales", "assets": ["orders"]}],
    "asset_events": [{"id": 1, "asset": "orders", "timestamp": "2026-02-01T00:00:00Z"}],
}


@pytest.fixture
def pull(report, peer):
    return partial(report, "pull", "--from", peer.url, **ADMIN)


@pytest.fixture
def peer(peer):
    peer.begin_with(WHOLE)
    return peer


def test_everything_but_secrets_is_kept(pull, peer, here):
    report = pull()
    expected = peer.holds()
    del expected["connections"]
    assert here.holds() == expected
    note = "connections with secrets are left out without --with-secrets: warehouse"
    assert report["notes"] == [note]
    assert report["lost"] == ["history (--with-journal carries it)"]


def test_secrets_are_carried_if_asked_for(pull, here):
    pull("--with-secrets")
    exported = here.call("GET", "/_stateroom/fixture?with_secrets=1").json()
    assert exported["connections"][0]["password"] == "secret"


@pytest.mark.parametrize("document", [WHOLE, SHOP], ids=["whole", "shop"])
def test_a_second_copy_changes_nothing(document, pull, peer, here):
    peer.begin_with(document)
    pull("--with-secrets")
    last = here.call("GET", "/_stateroom/journal").json()["last"]
    assert here.holds() == peer.holds()
    assert pull("--with-secrets")["carried"] == {}
    assert here.call("GET", "/_stateroom/journal").json()["last"] == last


def test_a_push_is_a_copy_the_other_way(report, peer, here):
    here.begin_with(WHOLE)
    peer.begin_with({})
    report("push", "--to", peer.url, "--with-secrets", **ADMIN)
    assert peer.holds() == here.holds()


def test_an_interrupted_copy_goes_on_where_it_was(pull, peer, here):
    pull("--dag", "etl")
    assert pull()["carried"] == {
        **{"dag run": 1, "task instance": 1, "key": 3, "asset": 2, "variable": 1},
        **{"Dag": 1, "alias": 1, "asset event": 1},
    }
    assert here.holds()["asset_state_store"] == peer.holds()["asset_state_store"]


def test_only_what_differs_is_carried(pull, peer, here):
    pull()
    retry = peer.call("POST", "/_stateroom/task-instances", json=EXTRACT).json()
    report = pull()
    assert report["carried"] == {"task instance": 1, "former attempt": 1}
    assert report["unchanged"] == 6
    assert retry["id"] in {row["id"] for row in here.holds()["task_instances"]}


def test_what_was_unset_there_is_unset_here(pull, peer, here):
    pull()
    peer.call("PUT", "/_stateroom/fixture", json={"task_instances": [{**LOADING, "pid": None}]})
    pull()
    assert here.holds()["task_instances"] == peer.holds()["task_instances"]


LOADING = STATE["task_instances"][2]


def test_a_later_attempt_here_is_kept(pull, peer, here):
    pull()
    retry = here.call("POST", "/_stateroom/task-instances", json=EXTRACT).json()
    skipped = pull()["skipped"]
    assert skipped == {"a later attempt is in the copy (--refresh returns to the original's)": 1}
    assert retry["id"] in {row["id"] for row in here.holds()["task_instances"]}
    pull("--refresh")
    assert TI in {row["id"] for row in here.holds()["task_instances"]}


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--dag", "sales"], {"total"}),
        (["--run", "latest", "--task", "load"], {"cursor", "total"}),
        (["--asset", "customers"], {"seen"}),
        (["--asset", "orders"], {"watermark", "cursor"}),
        (["--since", "2026-02-15T00:00:00Z"], {"seen"}),
    ],
)
def test_filters_say_what_is_copied(options, keys, pull, here):
    pull(*options)
    assert {*here.entries(), *here.entries("asset_state_store")} == keys


def test_a_copy_of_selected_tasks_has_their_xcoms(pull, here):
    pull("--task", "load", "--dag", "etl")
    document = here.holds()
    assert [row["value"] for row in document["xcoms"]] == [[1, 2]]
    assert [row["id"] for row in document["former_attempts"]] == [FORMER["id"]]
    assert document["dag_runs"][0]["run_id"] == LOAD["run_id"]
    assert "dags" not in document


def test_ids_that_are_taken_in_the_copy_are_changed(pull, here):
    mine = {"id": 1, "name": "mine", "uri": "mine"}
    event = {"id": 1, "asset": "mine", "timestamp": "2025-01-01T00:00:00Z"}
    here.begin_with({"assets": [mine], "asset_events": [event]})
    report = pull()
    assert "asset 'orders' has the id 2 in the copy, 1 in the original" in report["notes"]
    events = here.holds()["asset_events"]
    assert [(row["id"], row["asset"]) for row in events] == [(1, "mine"), (2, "orders")]
    assert pull()["carried"] == {}


def test_an_asset_with_another_uri_is_refused(run, peer, here):
    here.begin_with({"assets": [{"id": 1, "name": "orders", "uri": "file:///orders"}]})
    result = run("pull", "--from", peer.url, "--asset", "orders", **ADMIN)
    assert result.exit_code == 10
    assert "its uri is 'file:///orders' in the copy and 's3://bucket/orders'" in result.stderr


INACTIVE = {"name": "orders", "uri": "s3://old/orders", "active": False}
ENTRY = {"asset": "orders", "key": "k", "updated_at": WRITTEN, "last_updated_by": {"kind": "api"}}
ALIKE = {
    "assets": [{"id": 8, **INACTIVE}, {"id": 9, **INACTIVE}],
    "asset_state_store": [{**ENTRY, "asset_id": number, "value": number} for number in (8, 9)],
}


@pytest.mark.parametrize("taken", [3, 8, 9])
def test_a_second_copy_of_inactive_assets_changes_nothing(taken, pull, peer, here):
    peer.call("PUT", "/_stateroom/fixture", json=ALIKE)
    here.begin_with({"assets": [{"id": taken, "name": "mine", "uri": "mine"}]})
    pull()
    last = here.holds()
    assert pull()["carried"] == {}
    assert here.holds() == last


def test_the_inactive_asset_with_the_same_id_is_preferred(pull, peer, here):
    peer.begin_with({name: rows[1:] for name, rows in ALIKE.items()})
    here.begin_with({"assets": ALIKE["assets"]})
    pull()
    (entry,) = here.holds()["asset_state_store"]
    assert entry["asset_id"] == 9


def test_events_of_a_refused_asset_are_left_out(run, peer, here):
    here.begin_with({"assets": [OTHER_ORDERS]})
    assert run("pull", "--from", peer.url, **ADMIN).exit_code == 10
    assert "asset_events" not in here.holds()


@pytest.mark.parametrize("members", [[], ["orders"]])
def test_an_alias_stands_for_no_asset_that_was_refused(members, run, peer, here):
    alias = {"name": "sales", "assets": members}
    here.begin_with({"assets": [OTHER_ORDERS], "asset_aliases": [alias]})
    peer.call("PUT", "/_stateroom/fixture", json={"asset_aliases": [BOTH]})
    assert run("pull", "--from", peer.url, **ADMIN).exit_code == 10
    assert here.holds()["asset_aliases"] == [{"name": "sales", "assets": [*members, "customers"]}]


OTHER_ORDERS = {"id": 1, "name": "orders", "uri": "file:///orders"}
BOTH = {"name": "sales", "assets": ["orders", "customers"]}


LARGE = "x" * 20_000


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"variables": [{"key": "large", "value": LARGE}]}, "variable 'large'"),
        ({"dags": [{"dag_id": "etl", "description": LARGE}]}, "Dag 'etl'"),
        ({"asset_aliases": [{"name": LARGE[:3], "group": LARGE}]}, "alias 'xxx'"),
        (
            {"connections": [{"conn_id": "large", "conn_type": "http", "description": LARGE}]},
            "connection 'large'",
        ),
        (
            {"asset_events": [{"id": 5, "asset": "orders", "extra": {"large": LARGE}}]},
            "asset event 5",
        ),
        (
            {"dag_runs": [{**STATE["dag_runs"][0], "run_id": "large", "conf": {"n": LARGE}}]},
            "dag run 'large' of etl",
        ),
    ],
)
def test_a_refused_row_of_no_task_is_named(document, what, peer):
    peer.call("PUT", "/_stateroom/fixture", json=document)
    with ServerProcess(["--db", ":memory:", "--max-body", "10000"]) as process:
        command = ["--url", process.url, "pull", "--from", peer.url, "--with-secrets"]
        result = CliRunner().invoke(cli, command, env=ADMIN)
        as_json = CliRunner().invoke(cli, ["--json", *command], env=ADMIN)
    assert f"refused: {what}: the body is larger than" in result.stderr
    assert [refusal["what"] for refusal in json.loads(as_json.stdout)["refused"]] == [what]


def test_a_dry_run_copies_nothing(pull, here):
    assert pull("--dry-run")["carried"]["key"] == 6
    assert here.holds()["task_instances"] == []


def test_secrets_need_a_control_api(run, peer):
    viewer = {"STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, "viewer")}
    result = run("pull", "--from", peer.url, "--with-secrets", **viewer)
    assert result.exit_code == 2
    assert "are for a Stateroom whose admin you are" in result.stderr
