"""The rule of a fault: which calls it fits, when it fires, and what the database counts."""

import json
import re
import threading
from pathlib import Path

import pytest

from schemas.control import faults as schemas
from state.model.faults import Call, Fault
from state.store.store import Store

EXTRACT = {"dag_id": "etl", "run_id": "r1", "task_id": "extract", "map_index": 3}
DOC = (Path(__file__).parents[2] / "docs/faults.md").read_text()
GET = Call("get", EXTRACT, "job_id")


@pytest.mark.parametrize(
    ("members", "call", "fits"),
    [
        ({}, GET, True),
        ({}, Call("list"), True),
        ({"op": "get"}, GET, True),
        ({"op": "set"}, GET, False),
        ({"op": "get"}, Call("list", EXTRACT), False),
        ({"key": "job_*"}, GET, True),
        ({"key": "JOB_*"}, GET, False),
        ({"key": "*"}, Call("clear", EXTRACT), False),
        ({"scope": {"dag_id": "e?l", "map_index": "3"}}, GET, True),
        ({"scope": {"dag_id": "e?l", "map_index": "4"}}, GET, False),
        ({"scope": {"asset": "*"}}, GET, False),
        ({"scope": {"asset": "ord*"}}, Call("get", {"asset": "orders"}, "k"), True),
        ({"scope": {"dag_id": "*"}}, Call("get", {}, "k"), False),
    ],
)
def test_a_fault_fits_calls_by_operation_scope_and_key(members, call, fits):
    assert Fault(status=500, **members).matches(call) is fits


@pytest.mark.parametrize(
    ("when", "fires"),
    [
        ({}, [1, 2, 3, 4]),
        ({"nth": 2}, [2]),
        ({"times": 2}, [1, 2]),
        ({"probability": 0.0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4]),
    ],
)
def test_a_fault_fires_always_or_on_the_calls_that_it_says(when, fires):
    assert [count for count in range(1, 5) if Fault(status=500, **when).fires(count)] == fires


def test_a_probability_is_drawn_the_same_for_the_same_seed():
    drawn = [
        [Fault(status=500, probability=0.3, seed=seed).fires(n) for n in range(1000)]
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert 250 < sum(drawn[0]) < 350


def test_a_delay_is_fixed_or_drawn_from_between():
    assert Fault(latency=1.5).delay(1) == 1.5
    delays = [Fault(latency=(1.0, 3.0)).delay(count) for count in range(200)]
    assert 1 <= min(delays) < 1.2
    assert 2.8 < max(delays) <= 3
    assert len(set(delays)) == 200
    assert Fault(backend="slow").delay(1) == 1.0
    assert Fault(backend="slow", latency=0.2).delay(1) == 0.2


@pytest.mark.parametrize("kind", ["missing", "corrupt"])
def test_an_object_is_missing_or_corrupt_for_reads_only(kind):
    assert [
        op for op in ("get", "set", "delete", "clear") if Fault(backend=kind).matches(Call(op))
    ] == ["get"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "name an effect"),
        ({"status": 500, "close": "after"}, "status and close exclude"),
        ({"status": 500, "backend": "slow"}, "status and backend exclude"),
        ({"close": "before", "truncate": True}, "truncate and close exclude"),
        ({"close": "before", "after": True}, "after needs a status"),
        ({"status": 500, "nth": 1, "times": 2}, "nth and times exclude"),
        ({"latency": (2.0, 1.0)}, "first is greater"),
        ({"backend": "missing", "op": "set"}, "for a get only"),
        ({"backend": "corrupt", "latency": 1.0}, "latency is allowed with"),
        ({"status": 500, "scope": {"asset": "a", "dag_id": "d"}}, "not both"),
    ],
)
def test_contradicting_members_are_refused(members, words):
    with pytest.raises(ValueError, match=words):
        Fault(**members)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, after=True, nth=2),
        Fault("get", {"task_id": "ex*"}, "k", latency=(0.5, 2.0), seed=4),
        Fault(close="before", probability=0.0),
        Fault(latency=0.0, truncate=True, times=3),
        Fault(backend="slow", latency=2.5),
    ],
    ids=str,
)
def test_a_fault_is_the_same_after_it_was_stored(fault):
    assert Fault.from_json(fault.to_json()) == fault


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("get", key="job_*", nth=2, status=503), "call 2 only, on get of job_*: answer 503"),
        (
            Fault(scope={"task_id": "ex"}, times=3, latency=(0.5, 2.0)),
            "the first 3 times, on any call of task_id=ex: wait 0.5 to 2 s",
        ),
        (
            Fault("set", times=1, close="after"),
            "once, on set: close the connection after the call takes effect",
        ),
        (
            Fault(status=500, after=True),
            "always, on any call: answer 500 after the call takes effect",
        ),
    ],
)
def test_a_fault_says_in_a_line_what_it_does(fault, sentence):
    assert str(fault) == sentence


@pytest.mark.parametrize("text", re.findall(r"```json\n(.*?)```", DOC, re.S))
def test_the_documented_faults_are_faults(text):
    document = json.loads(text)
    assert Fault.from_json(schemas.Fault().load(document)).to_json().items() >= document.items()


def test_the_documentation_names_every_member():
    assert [
        name for name in schemas.Fault().fields if f"`{name}`" not in DOC and f'"{name}"' not in DOC
    ] == []


# ---------------------------------------------------------------- counted in the database


@pytest.fixture
def faults(store):
    return store.namespace().faults


def fired(faults, call=GET):
    return [fault.fault_id for fault in faults.take(call)]


def test_without_faults_nothing_is_requested(faults):
    assert not faults.rules
    assert faults.take(GET) == []


def test_two_faults_in_a_row_make_a_sequence(faults):
    first = faults.add(Fault(status=500, times=2))["id"]
    second = faults.add(Fault(close="before", times=1))["id"]
    assert [fired(faults) for _ in range(4)] == [[first], [first], [second], []]
    assert [(row["matched"], row["fired"]) for row in faults.listed()] == [(4, 2), (2, 1)]


def test_a_delay_lets_the_next_fault_be_asked(faults):
    ids = [
        faults.add(fault)["id"]
        for fault in (Fault(latency=1.0), Fault(status=500), Fault(status=501))
    ]
    assert fired(faults) == ids[:2]


def test_faults_of_backends_are_asked_apart(faults):
    backend = faults.add(Fault(backend="missing"))["id"]
    assert faults.of_backend
    assert fired(faults) == []
    assert [fault.fault_id for fault in faults.take(GET, backend=True)] == [backend]


def test_the_nth_call_is_one_call_among_many_at_once(faults):
    faults.add(Fault(nth=50, status=500))
    hits = []

    def call():
        hits.extend(fault_id for _ in range(25) for fault_id in fired(faults))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hits) == 1
    assert faults.listed()[0]["matched"] == 200
    assert faults.listed()[0]["fired"] == 1


def test_a_restart_goes_on_counting(tmp_path):
    path = str(tmp_path / "s.db")
    first = Store(path)
    first.namespace().faults.add(Fault(nth=2, status=500))
    assert fired(first.namespace().faults) == []
    first.close()
    for expected in ([1], [], []):
        store = Store(path)
        assert fired(store.namespace().faults) == expected
        store.close()


def test_a_fault_that_is_removed_fires_no_more(faults):
    one, two = (faults.add(Fault(status=500))["id"] for _ in range(2))
    faults.remove(one)
    assert fired(faults) == [two]
    faults.clear()
    assert not faults.rules
    assert faults.listed() == []
    assert fired(faults) == []


def test_the_faults_of_a_namespace_are_dropped_with_it(store):
    mine = store.create_namespace("mine")
    other = store.namespace()
    mine.faults.add(Fault(status=500))
    assert store.faulty == {"mine"}
    assert not other.faults.rules
    store.drop_namespace("mine")
    assert store.faulty == frozenset()
    assert store.create_namespace("mine").faults.listed() == []
