"""``--with-journal``: the journal goes with a copy between two Staterooms."""

import uuid
from contextlib import contextmanager
from functools import partial

import pytest

from state.model import tokens
from tests.support.world import SECRET, admin
from tests.transfer.service import Service
from tests.transfer.story import LOAD, LOAD_TI, STATE

ADMIN = {"STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, "admin")}


@contextmanager
def fresh(url, headers=()):
    """A namespace of its own, with a journal of its own."""
    name = uuid.uuid4().hex
    service = Service(url, headers)
    service.call("POST", "/_stateroom/namespaces", json={"name": name})
    yield Service(f"{url}/ns/{name}", headers)
    service.call("DELETE", f"/_stateroom/namespaces/{name}")


@pytest.fixture
def peer(guarded_process):
    with fresh(guarded_process.url, admin()) as service:
        service.begin_with(STATE)
        yield service


@pytest.fixture
def here(served):
    with fresh(served.url) as service:
        yield service


@pytest.fixture
def pull(report, peer):
    return partial(report, "pull", "--from", peer.url, **ADMIN)


def history_of(service, key="cursor", **scope):
    query = {**(scope or LOAD), "key": key}
    events = service.call("GET", "/_stateroom/history", params=query).json()["history"]
    return [(event["op"], event.get("value"), event["at"][:19]) for event in events]


def write(service, key, value, ti_id=LOAD_TI):
    """Write a key as the worker of an attempt."""
    token = tokens.for_task_instance(SECRET, ti_id)
    path = f"/execution/store/ti/{ti_id}/{key}"
    service.call("PUT", path, json={"value": value}, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def past(peer):
    """The peer with writes of a worker, in the past."""
    peer.call("PATCH", "/_stateroom/clock", json={"now": "2026-02-03T00:00:00Z", "frozen": True})
    write(peer, "cursor", "first")
    write(peer, "cursor", "second")
    return peer


def test_the_history_of_a_key_is_kept_with_the_journal(pull, past, here):
    theirs = history_of(past)
    report = pull("--with-journal")
    assert report["lost"] == []
    ours = history_of(here)
    assert ours[: len(theirs)] == theirs
    assert ("set", "second", "2026-02-03T00:00:00") in ours
    assert [value for _, value, _ in ours[len(theirs) :]] == ["second"]  # the copy's own write


def test_the_journal_is_carried_once(pull, past, here):
    first = pull("--with-journal")["carried"]["event of the journal"]
    assert first > 10
    assert "event of the journal" not in pull("--with-journal")["carried"]
    write(past, "cursor", "third")
    assert pull("--with-journal")["carried"] == {"key": 1, "event of the journal": 1}
    assert [value for op, value, _ in history_of(here)][-2:] == ["third", "third"]


def test_who_did_it_is_kept(pull, past, here):
    pull("--with-journal")
    query = {**LOAD, "op": "set", "api": "execution"}
    events = here.call("GET", "/_stateroom/journal", params=query).json()["events"]
    actor = {"kind": "task", "ti_id": LOAD_TI, "try_number": 1}
    assert [event["actor"] for event in events[:2]] == [actor, actor]


def test_only_the_journal_of_what_is_selected_is_carried(pull, past, here):
    last = here.call("GET", "/_stateroom/journal").json()["last"]
    pull("--with-journal", "--dag", "sales")
    query = {"after": last, "limit": 1000}
    events = here.call("GET", "/_stateroom/journal", params=query).json()["events"]
    assert {event["scope"]["dag_id"] for event in events if event["scope"]} == {"sales"}


def test_effects_refer_to_their_calls_in_the_copy(pull, past, here):
    clear = f"/api/v2/dags/etl/dagRuns/{LOAD['run_id']}/taskInstances/load/state-store"
    past.call("DELETE", clear)
    pull("--with-journal")
    events = here.call("GET", "/_stateroom/journal?limit=1000").json()["events"]
    (call,) = [event for event in events if event["op"] == "clear" and event["scope"]]
    effects = [event["key"] for event in events if event["parent"] == call["seq"]]
    assert effects == ["cursor"]


def test_the_journal_of_what_a_reset_removed_is_carried(pull, past, here):
    past.call("POST", "/_stateroom/reset?to=empty")
    pull("--with-journal")
    assert ("set", "second", "2026-02-03T00:00:00") in history_of(here)
    here.call("PUT", "/_stateroom/fixture", json=STATE)
    assert ("set", "second", "2026-02-03T00:00:00") in history_of(here)


@pytest.mark.parametrize("options", [[], ["--asset", "orders"]])
def test_the_history_of_a_refused_asset_is_left_out(options, run, peer, here):
    here.begin_with({"assets": [{"id": 1, "name": "orders", "uri": "file:///orders"}]})
    peer.call("PUT", "/api/v2/assets/1/state-store/watermark", json={"value": "2026-02-01"})
    command = ["pull", "--from", peer.url, "--with-journal", *options]
    assert run(*command, **ADMIN).exit_code == 10
    query = {"asset": "orders", "op": "set"}
    assert here.call("GET", "/_stateroom/journal", params=query).json()["events"] == []
