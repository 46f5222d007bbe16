"""Faults over HTTP: set, listed, removed; what they do to answers, and what the journal says of
them.
"""

import json
from urllib.parse import urlencode

import pytest

from tests.support.world import ASSET_KEY, CORE_ASSET, CORE_TASK, EXTRACT, RUN, TASK_KEY, TI, admin

FAULTS = "/_stateroom/faults"


@pytest.fixture
def fault(world):
    """Sets faults; returns their ids."""
    return lambda **members: world.post(FAULTS, json=members).json["id"]


@pytest.fixture
def journal(world):
    """Reads the events of the calls on state and of faults, as (op, status, note)."""
    after = world.get("/_stateroom/journal?limit=1").json["last"]

    def journal():
        events = world.get(f"/_stateroom/journal?after={after}").json["events"]
        return [
            (event["op"], event["status"], event["note"])
            for event in events
            if "set:" not in (event["note"] or "")
        ]

    return journal


def test_faults_are_set_listed_and_removed(world):
    answer = world.post(FAULTS, json={"op": "get", "key": "job_*", "nth": 2, "status": 503})
    assert answer.status_code == 201
    expected = {"op": "get", "key": "job_*", "nth": 2, "status": 503, "matched": 0, "fired": 0}
    assert answer.json == {"id": answer.json["id"], **expected}
    assert world.get(FAULTS).json == {"faults": [answer.json]}
    assert world.delete(f"{FAULTS}/{answer.json['id']}").status_code == 204
    assert world.get(FAULTS).json == {"faults": []}
    assert world.delete(f"{FAULTS}/{answer.json['id']}").status_code == 404
    assert world.delete(f"{FAULTS}/{2**70}").status_code == 422


def test_all_faults_are_removed_at_once_and_by_a_reset(world, fault):
    for remove in (lambda: world.delete(FAULTS), lambda: world.post("/_stateroom/reset")):
        fault(status=503)
        fault(latency=0.5)
        assert remove().status_code == 204
        assert world.get(FAULTS).json == {"faults": []}
        assert world.get("/api/v2/assets/1/state-store").status_code != 503


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body"),
        ({"state": 503}, "state"),
        ({"status": 200}, "status"),
        ({"status": 600}, "status"),
        ({"status": True}, "status"),
        ({"status": 503, "op": "push"}, "op"),
        ({"status": 503, "nth": 0}, "nth"),
        ({"status": 503, "probability": 1.5}, "probability"),
        ({"status": 503, "scope": {"dag": "etl"}}, "scope.dag"),
        ({"status": 503, "scope": {"map_index": True}}, "scope.map_index"),
        ({"latency": -1}, "latency"),
        ({"latency": [1]}, "latency"),
        ({"latency": [2, 1]}, "body"),
        ({"latency": "1"}, "latency"),
        ({"close": "now"}, "close"),
        ({"backend": "unknown"}, "backend"),
        ([], "body"),
    ],
)
def test_an_invalid_fault_is_refused_and_its_member_named(world, body, where):
    answer = world.post(FAULTS, json=body)
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == where
    assert world.get(FAULTS).json == {"faults": []}


def test_only_admins_set_faults_where_there_is_a_secret(guarded):
    assert guarded.post(FAULTS, json={"status": 503}).status_code == 401
    assert guarded.post(FAULTS, json={"status": 503}, headers=admin()).status_code == 201


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        (
            TASK_KEY,
            lambda detail: (
                set(detail) == {"reason", "message"} and detail["reason"] == "injected_fault"
            ),
        ),
        (ASSET_KEY, lambda detail: set(detail) == {"reason", "message"}),
        (f"{CORE_TASK}/job_id", lambda detail: isinstance(detail, str)),
        (CORE_TASK, lambda detail: isinstance(detail, str)),
        (f"{CORE_ASSET}/watermark", lambda detail: isinstance(detail, str)),
        (
            f"/_stateroom/values/ti/{TI}?key=job_id",
            lambda detail: detail["reason"] == "injected_fault",
        ),
    ],
)
def test_a_status_comes_in_the_shape_of_the_api_that_is_asked(world, fault, path, shape):
    fault(status=418)
    answer = world.get(path)
    assert answer.status_code == 418
    assert answer.content_type == "application/json"
    assert shape(answer.json["detail"])


@pytest.mark.parametrize(("after", "held"), [(False, "job-42"), (True, "new")])
def test_a_status_comes_before_or_after_the_write(world, fault, after, held):
    fault(op="set", status=503, after=after, times=1)
    assert world.put(TASK_KEY, json={"value": "new"}).status_code == 503
    assert world.get(TASK_KEY).json == {"value": held}


@pytest.mark.parametrize(
    ("op", "call"),
    [
        ("get", lambda world: world.get(TASK_KEY)),
        ("set", lambda world: world.put(ASSET_KEY, json={"value": 1})),
        ("set", lambda world: world.patch(f"{CORE_TASK}/job_id", json={"value": 1})),
        ("delete", lambda world: world.delete(f"{CORE_ASSET}/watermark")),
        ("clear", lambda world: world.delete(f"/execution/store/ti/{TI}")),
    ],
)
def test_a_fault_is_for_its_operation_only(world, fault, op, call):
    for other in {"get", "set", "delete", "clear"} - {op}:
        fault(op=other, status=500)
    assert call(world).status_code < 300
    fault(op=op, status=500)
    assert call(world).status_code == 500


@pytest.mark.parametrize(
    ("scope", "hit"),
    [
        ({"task_id": "extract"}, {TASK_KEY, f"{CORE_TASK}/job_id"}),
        ({"run_id": RUN.replace("[", "?"), "map_index": -1}, {TASK_KEY, f"{CORE_TASK}/job_id"}),
        ({"task_id": "other"}, set()),
        ({"asset": "ord*"}, {ASSET_KEY, f"{CORE_ASSET}/watermark"}),
    ],
)
def test_a_fault_of_a_scope_fits_every_way_to_name_it(world, fault, scope, hit):
    fault(status=500, scope=scope)
    paths = [TASK_KEY, f"{CORE_TASK}/job_id", ASSET_KEY, f"{CORE_ASSET}/watermark"]
    assert {path for path in paths if world.get(path).status_code == 500} == hit


@pytest.mark.parametrize(
    "path", ["/_stateroom/health", "/_stateroom/fixture", "/execution/health", "/api/v2/assets"]
)
def test_other_calls_are_not_faulty(world, fault, path):
    fault(status=500)
    assert world.get(path).status_code == 200
    assert world.get(FAULTS).json["faults"][0]["matched"] == 0


@pytest.mark.parametrize(
    "path", [TASK_KEY, ASSET_KEY, CORE_TASK, f"{CORE_TASK}/job_id", CORE_ASSET]
)
def test_a_call_that_is_not_let_in_is_not_counted(guarded, path):
    guarded.post(FAULTS, json={"status": 503, "nth": 1}, headers=admin())
    assert guarded.get(path).status_code == 401
    assert guarded.get(FAULTS, headers=admin()).json["faults"][0]["matched"] == 0


def test_faults_stay_in_their_namespace(world, fault):
    fault(status=503)
    assert world.post("/_stateroom/namespaces", json={"name": "calm"}).status_code == 201
    world.put("/ns/calm/_stateroom/fixture", json=world.get("/_stateroom/fixture").json)
    try:
        assert world.get(f"/ns/calm{TASK_KEY}").status_code == 200
        assert world.get(TASK_KEY).status_code == 503
        world.post(f"/ns/calm{FAULTS}", json={"status": 504})
        assert world.get(f"/ns/calm{TASK_KEY}").status_code == 504
    finally:
        world.delete("/_stateroom/namespaces/calm")


# ---------------------------------------------------------------- the journal


@pytest.mark.parametrize(
    ("members", "status", "effect"),
    [
        ({"status": 503}, 503, "answered 503 instead"),
        ({"status": 503, "after": True}, 503, "answered 503 instead of 204, after the write"),
        ({"close": "before"}, None, "closed before the write"),
        ({"close": "after"}, None, "closed after the write"),
        ({"latency": 0.01}, 204, "delayed 0.01 s"),
        ({"latency": 0.01, "status": 500}, 500, "delayed 0.01 s, answered 500 instead"),
    ],
)
def test_the_journal_says_what_a_fault_did(world, fault, journal, members, status, effect):
    fault_id = fault(**members)
    world.put(TASK_KEY, json={"value": 1})
    assert journal()[-1] == ("fault", status, f"fault {fault_id}: {effect}")


def test_the_journal_says_how_much_of_an_answer_was_sent(world, fault, journal):
    fault_id = fault(truncate=True)
    assert world.get(TASK_KEY).status_code == 200
    assert journal()[-1] == ("fault", 200, f"fault {fault_id}: sent 9 of 19 bytes, then closed")


def test_the_fault_is_an_effect_of_its_call(world, fault):
    fault(op="set", close="after")
    world.put(TASK_KEY, json={"value": 1})
    last = world.get("/_stateroom/journal?limit=1").json["last"]
    query = {"after": last - 2, **EXTRACT}
    call, effect = world.get("/_stateroom/journal", query_string=query).json["events"]
    assert call["op"] == "set"
    assert call["status"] == 204
    assert effect["parent"] == call["seq"]
    assert effect["scope"] == {**EXTRACT, "map_index": -1}
    assert effect["actor"] == {"kind": "stateroom", "ti_id": TI, "try_number": 1}


@pytest.mark.parametrize(
    "members",
    [{"status": 503}, {"close": "before"}, {"close": "after"}, {"status": 500, "after": True}],
)
def test_the_same_call_again_is_recorded_as_a_retry(world, fault, journal, members):
    fault(op="set", times=1, **members)
    world.put(TASK_KEY, json={"value": 1})
    world.put(TASK_KEY, json={"value": 1})
    (again,) = [note for op, _, note in journal() if op == "set" and note and "same call" in note]
    assert again.startswith("same call again after ")
    assert again.endswith(" s, probably a retry")


@pytest.mark.parametrize(
    "call",
    [
        lambda world: world.put(TASK_KEY, json={"value": 2}),
        lambda world: world.put(TASK_KEY + "x", json={"value": 1}),
        lambda world: world.get(TASK_KEY),
        lambda world: world.put(f"{CORE_TASK}/job_id", json={"value": 1}),
    ],
)
def test_another_call_is_not_a_retry(world, fault, journal, call):
    fault(op="set", times=1, close="after")
    world.put(TASK_KEY, json={"value": 1})
    call(world)
    assert "retry" not in json.dumps(journal())


def test_a_poll_after_a_delay_is_not_a_retry(world, fault, journal):
    fault(op="get", times=1, latency=0.01)
    for _ in range(3):
        world.get(TASK_KEY)
    assert "retry" not in json.dumps(journal())


def test_a_retry_is_marked_where_only_the_retry_is_read(world, fault):
    fault(op="set", times=1, close="before")
    world.put(TASK_KEY, json={"value": 1})
    world.put(TASK_KEY, json={"value": 1})
    last = world.get("/_stateroom/journal").json["last"]
    (event,) = world.get(f"/_stateroom/journal?after={last - 1}").json["events"]
    assert "probably a retry" in event["note"]


HISTORY = "/_stateroom/history?" + urlencode({**EXTRACT, "key": "job_id"})


def test_a_set_cut_off_before_it_took_effect_changes_nothing(world, fault):
    before = world.get(HISTORY).json["history"]
    assert before
    fault(op="set", times=1, close="before")
    world.put(TASK_KEY, json={"value": 1})
    assert world.get(HISTORY).json["history"] == before


def test_no_behaviour_depends_on_the_wording_of_a_note(world, fault):
    fault(op="set", times=1, close="after")
    world.put(TASK_KEY, json={"value": 1})
    world.delete(TASK_KEY + "-that-is-not-there")
    store = world.application.extensions["stateroom"].store
    history = world.get(HISTORY).json["history"]
    with store.transaction() as db:
        db.execute("UPDATE journal SET note = 'reworded' WHERE note IS NOT NULL")
    world.put(TASK_KEY, json={"value": 1})
    last = world.get("/_stateroom/journal").json["last"]
    (event,) = world.get(f"/_stateroom/journal?after={last - 1}").json["events"]
    assert "probably a retry" in event["note"]
    deletes = f"{HISTORY}-that-is-not-there"
    assert world.get(deletes).json["history"] == []
    assert len(world.get(HISTORY).json["history"]) == len(history) + 1
