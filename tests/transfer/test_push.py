"""``stateroom push`` through the Core API, to a served process."""

import json
from functools import partial

import pytest

from state.model import tokens
from tests.support.world import EXTRACT, SECRET
from tests.transfer.story import LOAD, REFERENCE, STATE

OP = {"STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, "op")}
JSON = {"headers": {"Content-Type": "application/json"}}
EMPTY = {**STATE, "task_state_store": [], "asset_state_store": []}
VALUES = {row["key"]: row["value"] for row in STATE["task_state_store"]}


@pytest.fixture
def peer(peer):
    """A peer with the task instances and assets of the story, and no keys."""
    peer.begin_with(EMPTY)
    return peer


@pytest.fixture
def here(here):
    here.begin_with(STATE)
    return here


@pytest.fixture
def push(report, peer):
    """Pushes what an op of the peer can write, and returns the report."""
    return partial(report, "push", "--to", peer.url, **OP)


def test_a_push_carries_values_and_expiries(push, peer, here):
    assert push()["carried"] == {"key": 6}
    assert peer.entries() == VALUES
    assert peer.entries("asset_state_store") == {"watermark": "2026-01-01", "seen": 12}
    expiries = {row["key"]: row["expires_at"] for row in peer.holds()["task_state_store"]}
    assert expiries["cursor"] == "2031-01-01T00:00:00Z"
    assert expiries["report"] is None


def test_a_reference_is_pushed_as_it_is(push, peer):
    push()
    assert peer.entries()["report"] == REFERENCE


def test_a_second_push_sends_nothing(push, peer):
    push()
    last = peer.holds()
    again = push()
    assert again["carried"] == {}
    assert again["unchanged"] == 6
    assert peer.holds() == last


@pytest.mark.parametrize(
    "change", [{"value": 1}, {"value": True}, {"expires_at": "2032-01-01T00:00:00Z"}]
)
def test_what_has_changed_is_sent_again(change, push, peer, here):
    push()
    entry = {**STATE["task_state_store"][0], **change}
    here.call("PUT", "/_stateroom/fixture", json={"task_state_store": [entry]})
    assert push()["carried"] == {"key": 1}
    assert push()["carried"] == {}
    assert peer.entries()[entry["key"]] == entry["value"]


def test_a_push_deletes_nothing(push, peer):
    theirs = {**EXTRACT, "key": "theirs", "value": 1}
    peer.call("PUT", "/_stateroom/fixture", json={"task_state_store": [theirs]})
    push()
    assert peer.entries()["theirs"] == 1


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--dag", "sales"], {"total"}),
        (["--run", "2026-01-01"], {"job/id", "report"}),
        (["--run", "latest"], {"cursor", "total"}),
        (["--task", "load", "--since", "2026-01-15"], {"cursor", "total"}),
        (["--asset", "customers"], {"seen"}),
    ],
)
def test_filters_say_what_is_pushed(options, keys, push, peer):
    push(*options)
    assert {*peer.entries(), *peer.entries("asset_state_store")} == keys


def test_a_filter_that_fits_nothing_here_is_an_error(run, peer, here):
    result = run("push", "--to", peer.url, "--dag", "sails", **OP)
    assert result.exit_code == 1
    assert "no Dag 'sails' in this namespace; did you mean 'sales'?" in result.stderr


def test_a_dry_run_sends_nothing_and_tells_what_is_too_long(run, peer, here):
    long = {**LOAD, "key": "long", "value": "x" * 70_000}
    here.call("PUT", "/_stateroom/fixture", json={"task_state_store": [long]})
    result = run("push", "--to", peer.url, "--dry-run", **OP)
    assert result.exit_code == 10
    assert "would carry 6 keys\n" in result.stdout
    assert "70,002 characters, more than the 65,535 of Airflow's default limit" in result.stderr
    assert peer.entries() == {}


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("long", "x" * 70_000, "70,002 characters: body.value: Value error, value exceeds max_v"),
        ("..", 1, "no URL can have this key"),
        ("odd", "\ud800", "a lone surrogate, with which Airflow could not list the keys"),
        ("odd", [float("nan")], "NaN or Infinity, which the Core API does not take"),
    ],
)
def test_a_key_that_is_refused_is_told_and_the_others_go(key, value, why, run, peer, here):
    entry = {**LOAD, "key": key, "value": value}
    here.call("PUT", "/_stateroom/fixture", data=json.dumps({"task_state_store": [entry]}), **JSON)
    result = run("push", "--to", peer.url, **OP)
    assert result.exit_code == 10
    assert f"refused: key {key!r} of etl/load @ {LOAD['run_id']}: {why}" in result.stderr
    assert peer.entries() == VALUES


def test_a_write_that_fails_once_is_sent_again(push, peer):
    peer.call("POST", "/_stateroom/faults", json={"op": "set", "times": 2, "status": 500})
    assert push()["carried"] == {"key": 6}
    assert peer.entries() == VALUES


def test_a_write_that_always_fails_is_told(run, peer, here):
    peer.call("POST", "/_stateroom/faults", json={"op": "set", "key": "cursor", "status": 500})
    result = run("push", "--to", peer.url, **OP)
    assert result.exit_code == 10
    assert "refused: key 'cursor' of etl/load @ " in result.stderr
    assert "(HTTP 500)" in result.stderr
    assert set(peer.entries()) == {*VALUES} - {"cursor"}


def test_a_peer_that_fails_in_the_middle_ends_the_push(run, peer, here):
    peer.call("POST", "/_stateroom/faults", json={"op": "set", "key": "total", "status": 503})
    result = run("push", "--to", peer.url, **OP)
    assert result.exit_code == 10
    assert "(HTTP 503)" in result.stderr
    assert run("push", "--to", peer.url, "--dag", "etl", **OP).exit_code == 0
    assert set(peer.entries()) == {*VALUES} - {"total"}


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ({**LOAD, "task_id": "loads"}, "no such task in this run; did you mean 'load'?"),
        ({**LOAD, "map_index": 3}, "the task has no such map index in this run"),
        ({**LOAD, "dag_id": "etl_2"}, "no Dag 'etl_2'; did you mean 'etl'?"),
        ({**LOAD, "run_id": "manual__1"}, "no such dag run, or it has no task instances"),
    ],
)
def test_a_task_instance_that_is_unknown_there_is_told(task, why, run, peer, here):
    here.call("POST", "/_stateroom/task-instances", json=task)
    entry = {**task, "key": "k", "value": 1}
    here.call("PUT", "/_stateroom/fixture", json={"task_state_store": [entry]})
    result = run("push", "--to", peer.url, **OP)
    assert result.exit_code == 10
    assert f"unknown there: {why}\n" in result.stderr
    assert peer.entries() == VALUES


def test_an_asset_that_is_unknown_there_is_told(run, peer, here):
    here.call("POST", "/_stateroom/assets", json={"name": "order"})
    entry = {"asset": "order", "key": "k", "value": 1}
    here.call("PUT", "/_stateroom/fixture", json={"asset_state_store": [entry]})
    result = run("push", "--to", peer.url, **OP)
    assert "key 'k' of asset order: unknown there: no such asset; did you mean" in result.stderr


INACTIVE = {"id": 9, "name": "orders", "uri": "s3://old/orders", "active": False}
OLD_ENTRY = {**STATE["asset_state_store"][0], "asset_id": 9, "value": "2025-01-01"}


def test_an_inactive_asset_does_not_overwrite_the_active_one(push, peer, here):
    here.call(
        "PUT",
        "/_stateroom/fixture",
        json={"assets": [INACTIVE], "asset_state_store": [OLD_ENTRY]},
    )
    assert push("--asset", "orders")["carried"] == {"key": 1}
    assert peer.entries("asset_state_store") == {"watermark": "2026-01-01"}


def test_a_role_that_may_not_write_ends_the_push(run, peer, here):
    viewer = {"STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, "viewer")}
    result = run("push", "--to", peer.url, **viewer)
    assert result.exit_code == 10
    assert f"{peer.url} does not allow a write of state: Forbidden (HTTP 403)" in result.stderr
    assert peer.entries() == {}
