"""XComs in the Execution API: every status, sequences over mapped tasks, what the journal keeps.

The expected answers are those of Airflow 3.3.2 on SQLite, asked in the same way.
"""

import itertools

import pytest

from state.client import timeline
from state.client.events import Event
from state.model import tokens
from tests.support.world import RUN, SECRET, TI, WORLD, bearer

EARLIER = "scheduled__2025-12-31T00:00:00+00:00"
M0, M1, M2, OLD = (f"019b0000-0000-7000-8000-0000000000a{number}" for number in range(4))
XCOMS = f"/execution/xcoms/etl/{RUN}"
KEY = f"{XCOMS}/extract/k"
MAPPED = f"{XCOMS}/mapped/k"
VALUES = ["m0", "m1", "m2"]
NOT_FOUND = f"XCom with key='k' {{}} not found for task 'extract' in DAG run '{RUN}' of 'etl'"
INTEGER = "Input should be a valid integer, unable to parse string as an integer"


def task_instance(ti_id, task_id, map_index=-1, run_id=RUN, **members):
    place = {"dag_id": "etl", "run_id": run_id, "task_id": task_id, "map_index": map_index}
    return {"id": ti_id, **place, "state": "running", **members}


FIXTURE = {
    "dag_runs": [
        {"dag_id": "etl", "run_id": RUN, "logical_date": "2026-01-01T00:00:00Z"},
        {"dag_id": "etl", "run_id": EARLIER, "logical_date": "2025-12-31T00:00:00Z"},
    ],
    "task_instances": [
        task_instance(TI, "extract"),
        task_instance(M0, "mapped", 0),
        task_instance(M1, "mapped", 1),
        task_instance(M2, "mapped", 2),
        task_instance(OLD, "extract", run_id=EARLIER),
    ],
}


@pytest.fixture
def xcoms(empty):
    assert empty.put("/_stateroom/fixture", json=FIXTURE).status_code == 204
    return empty


@pytest.fixture
def mapped(xcoms):
    """A mapped task whose three task instances have pushed, the last one first."""
    push_all(xcoms)
    return xcoms


def push_all(client):
    for index in (2, 0, 1):
        client.post(f"{MAPPED}?map_index={index}", json=f"m{index}")


@pytest.fixture
def journal(xcoms):
    """Returns the events of this test that a query selects."""
    last = xcoms.get("/_stateroom/journal?limit=1").json["last"]
    return lambda query: xcoms.get(f"/_stateroom/journal?after={last}&{query}").json["events"]


def problems(answer):
    return [(item["type"], *item["loc"]) for item in answer.json["detail"]]


# ---------------------------------------------------------------- one value


@pytest.mark.parametrize("value", ["text", 1.0, True, None, [], {"a": [1, None, "é"]}])
def test_a_pushed_value_is_pulled(xcoms, value):
    answer = xcoms.post(KEY, json=value)
    assert answer.status_code == 201
    assert answer.json == {"message": "XCom successfully set"}
    assert xcoms.get(KEY).json == {"key": "k", "value": value}


def test_a_second_push_replaces_the_value(xcoms):
    xcoms.post(KEY, json=1)
    xcoms.post(KEY, json=2)
    assert xcoms.get(KEY).json["value"] == 2


def test_no_body_is_null(xcoms):
    assert xcoms.post(KEY).status_code == 201
    assert xcoms.get(KEY).json == {"key": "k", "value": None}


def test_the_description_says_that_a_body_is_optional(xcoms):
    paths = xcoms.get("/openapi.json").json["paths"]
    calls = paths["/execution/xcoms/{dag_id}/{run_id}/{task_id}/{key}"]
    assert calls["post"]["requestBody"]["required"] is False
    assert set(calls) >= {"get", "head", "post", "delete"}


def test_a_missing_xcom_is_not_found(xcoms):
    answer = xcoms.get(KEY)
    detail = {"reason": "not_found", "message": NOT_FOUND.format("map_index=-1")}
    assert answer.status_code == 404
    assert answer.json == {"detail": detail}


@pytest.mark.parametrize("path", ["nope/r/t/k", f"etl/{RUN}/nope/k", "etl/nope/extract/k"])
def test_an_unknown_task_or_run_has_no_xcom(xcoms, path):
    assert xcoms.get(f"/execution/xcoms/{path}").status_code == 404
    assert xcoms.get(f"/execution/xcoms/{path}/slice").json == []


def test_each_map_index_has_a_value_of_its_own(mapped):
    assert mapped.get(f"{MAPPED}?map_index=1").json["value"] == "m1"
    assert mapped.get(MAPPED).status_code == 404


def test_a_key_may_hold_slashes(xcoms):
    xcoms.post(f"{XCOMS}/extract/a%2Fb", json=1)
    assert xcoms.get(f"{XCOMS}/extract/a/b").json == {"key": "a/b", "value": 1}


def test_a_key_may_be_called_item_or_slice(xcoms):
    xcoms.post(f"{XCOMS}/extract/item/0", json=1)
    xcoms.post(f"{XCOMS}/extract/slice", json=2)
    assert xcoms.get(f"{XCOMS}/extract/item/0").json == {"key": "item/0", "value": 1}
    assert xcoms.get(f"{XCOMS}/extract/slice").json == {"key": "slice", "value": 2}


def test_a_deleted_xcom_is_gone(xcoms):
    xcoms.post(KEY, json=1)
    answer = xcoms.delete(KEY)
    assert answer.status_code == 200
    assert answer.json == {"message": "XCom with key: k successfully deleted."}
    assert xcoms.get(KEY).status_code == 404


@pytest.mark.parametrize("path", [f"etl/{RUN}/extract/k", f"etl/{RUN}/nope/k", "etl/nope/t/k"])
def test_deleting_what_does_not_exist_is_no_error(xcoms, path):
    assert xcoms.delete(f"/execution/xcoms/{path}").status_code == 200


def test_a_delete_is_of_one_map_index(mapped):
    mapped.delete(f"{MAPPED}?map_index=1")
    assert mapped.get(f"{MAPPED}/slice").json == ["m0", "m2"]


# ---------------------------------------------------------------- what cannot be pushed


def test_a_push_to_an_unknown_run_names_it(xcoms):
    answer = xcoms.post("/execution/xcoms/etl/nope/extract/k", json=1)
    assert answer.status_code == 404
    assert answer.json == {"detail": "DAG run not found on DAG 'etl' with ID 'nope'"}


@pytest.mark.parametrize(("task", "index"), [("nope", -1), ("extract", 5), ("mapped", -1)])
def test_a_push_to_an_unknown_task_instance_names_it(xcoms, task, index):
    answer = xcoms.post(f"{XCOMS}/{task}/k?map_index={index}", json=1)
    assert answer.status_code == 404
    assert answer.json["detail"]["reason"] == "not_found"
    assert f"task_id='{task}', map_index={index}" in answer.json["detail"]["message"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_of_another_content_type_is_no_json(xcoms, content_type):
    answer = xcoms.post(KEY, data="1", content_type=content_type)
    message = "input was not a valid JSON value"
    item = {"type": "invalid-json-value", "loc": ["body"], "msg": message, "input": "1"}
    assert answer.status_code == 422
    assert answer.json == {"detail": [item]}


def nested(levels):
    return "[" * levels + "1" + "]" * levels


def test_a_value_is_nested_at_most_254_levels(xcoms):
    assert xcoms.post(KEY, data=nested(254), content_type="application/json").status_code == 201
    answer = xcoms.post(KEY, data=nested(255), content_type="application/json")
    assert problems(answer) == [("recursion_depth_exceeded", "body", *["list", 0] * 255)]


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '"\\ud800"'])
@pytest.mark.parametrize("path", ["", "/item/0", "/slice"])
def test_a_value_that_json_cannot_carry_is_not_sent(xcoms, text, path):
    assert xcoms.post(KEY, data=text, content_type="application/json").status_code == 201
    answer = xcoms.get(KEY + path)
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "unreadable_value"


def test_a_longer_list_than_can_be_mapped_over_is_refused(xcoms):
    answer = xcoms.post(f"{KEY}?mapped_length=1025", json=1)
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "unmappable_return_value_length"
    assert xcoms.get(KEY).status_code == 404


def test_a_negative_length_is_refused_after_all_else(xcoms):
    answer = xcoms.post(f"{KEY}?mapped_length=-1", json=1)
    assert answer.status_code == 422
    assert problems(answer) == [("value_error", "query", "mapped_length")]
    answer = xcoms.post(f"{KEY}?mapped_length=-1&map_index=x", json=1)
    assert problems(answer) == [("int_parsing", "query", "map_index")]


def test_the_longest_list_can_be_mapped_over(xcoms):
    assert xcoms.post(f"{KEY}?mapped_length=1024", json=1).status_code == 201


def test_a_larger_body_than_all_others_is_refused(start):
    client = start(max_body=1000).test_client()
    client.put("/_stateroom/fixture", json={"dag_runs": FIXTURE["dag_runs"][:1]})
    assert client.post(KEY, json="x" * 1000).status_code == 413


# ---------------------------------------------------------------- parameters

INTEGER_ITEM = {"type": "int_parsing", "msg": INTEGER, "input": "x"}


def test_every_invalid_parameter_of_a_read_is_listed(xcoms):
    answer = xcoms.get(f"{KEY}?offset=x&map_index=x&include_prior_dates=maybe")
    assert problems(answer) == [
        ("int_parsing", "query", "map_index"),
        ("bool_parsing", "query", "include_prior_dates"),
        ("int_parsing", "query", "offset"),
    ]
    assert answer.json["detail"][0] == {**INTEGER_ITEM, "loc": ["query", "map_index"]}


def test_every_invalid_parameter_of_a_push_is_listed(xcoms):
    answer = xcoms.post(f"{KEY}?mapped_length=x&dag_result=maybe&map_index=", json=1)
    assert problems(answer) == [
        ("int_parsing", "query", "map_index"),
        ("bool_parsing", "query", "dag_result"),
        ("int_parsing", "query", "mapped_length"),
    ]


def test_every_invalid_bound_of_a_slice_is_listed(xcoms):
    answer = xcoms.get(f"{KEY}/slice?start=x&stop=y&step=z&include_prior_dates=q")
    names = [problem[-1] for problem in problems(answer)]
    assert names == ["start", "stop", "step", "include_prior_dates"]


def test_an_offset_in_the_path_is_a_number(xcoms):
    answer = xcoms.get(f"{KEY}/item/x")
    assert answer.json == {"detail": [{**INTEGER_ITEM, "loc": ["path", "offset"]}]}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_empty_key_is_refused_by_two_checks(xcoms, method):
    answer = xcoms.open(f"{XCOMS}/extract/", method=method, json=1)
    assert problems(answer) == [("string_too_short", "path", "key")] * 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "?map_index={}"),
        ("GET", "?offset=-{}"),
        ("GET", "/item/{}"),
        ("GET", "/slice?start={}"),
        ("POST", "?map_index={}"),
        ("DELETE", "?map_index={}"),
    ],
)
def test_a_number_beyond_64_bits_is_refused(xcoms, method, path):
    answer = xcoms.open(KEY + path.format(2**64), method=method, json=1)
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "out_of_range"


@pytest.mark.parametrize(("path", "allowed"), [("", "HEAD"), ("/item/0", "GET"), ("/slice", "GET")])
def test_a_405_names_the_method_of_the_first_route(xcoms, path, allowed):
    answer = xcoms.put(KEY + path, json=1)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_without_a_key_is_redirected(xcoms, method):
    answer = xcoms.open(f"{XCOMS}/extract?a=b", method=method, json=1)
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"http://localhost{XCOMS}/extract/?a=b"


# ---------------------------------------------------------------- sequences


@pytest.mark.parametrize("offset", [0, 1, 2, -1, -3])
def test_an_item_counts_as_in_a_list(mapped, offset):
    assert mapped.get(f"{MAPPED}/item/{offset}").json == VALUES[offset]
    assert mapped.get(f"{MAPPED}?offset={offset}").json == {"key": "k", "value": VALUES[offset]}


@pytest.mark.parametrize("offset", [3, -4])
def test_an_item_beyond_the_end_is_not_found(mapped, offset):
    answer = mapped.get(f"{MAPPED}/item/{offset}")
    assert answer.status_code == 404
    assert f"offset={offset} not found for task 'mapped'" in answer.json["detail"]["message"]


def test_a_task_that_is_not_mapped_has_one_item(xcoms):
    xcoms.post(KEY, json="only")
    assert xcoms.get(f"{KEY}/item/0").json == "only"
    assert xcoms.get(f"{KEY}/slice").json == ["only"]


def sliced(client, start, stop, step):
    bounds = {"start": start, "stop": stop, "step": step}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return client.get(f"{MAPPED}/slice", query_string=given).json


BOUNDS = (None, 0, 1, 2, 3)


@pytest.mark.parametrize(
    ("start", "stop"),
    [pair for pair in itertools.product(BOUNDS, BOUNDS) if None in pair or pair[0] <= pair[1]],
)
@pytest.mark.parametrize("step", [None, 1, 2])
def test_a_slice_forwards_is_that_of_a_list(mapped, start, stop, step):
    assert sliced(mapped, start, stop, step) == VALUES[start:stop:step]


@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [
        (None, None, -1),
        (None, None, -2),
        (2, 0, -1),
        (1, None, -1),
        (None, 0, -1),
        (-2, None, None),
        (None, -1, None),
        (-3, -1, None),
        (0, -1, 2),
        (-2, 3, None),
        (-1, -3, -2),
        (-1, 0, -1),
    ],
)
def test_a_slice_from_the_end_is_that_of_a_list(mapped, start, stop, step):
    assert sliced(mapped, start, stop, step) == VALUES[start:stop:step]


@pytest.mark.parametrize(
    ("start", "stop", "step", "values"),
    [
        (1, 0, None, ["m1", "m2"]),
        (0, -5, None, ["m0", "m1", "m2"]),
        (0, 1, -1, ["m2"]),
        (1, -5, -1, ["m2", "m1", "m0"]),
        (1, None, 0, ["m1", "m2"]),
    ],
)
def test_a_slice_with_crossed_bounds_is_that_of_airflow(mapped, start, stop, step, values):
    assert sliced(mapped, start, stop, step) == values


EXTREMES = (-(2**63), 2**63 - 1)


@pytest.mark.parametrize("start", EXTREMES)
@pytest.mark.parametrize("stop", EXTREMES)
@pytest.mark.parametrize("step", [*EXTREMES, -1, 2**64])
def test_bounds_of_64_bits_are_no_server_error(mapped, start, stop, step):
    bounds = {"start": start, "stop": stop, "step": step}
    assert mapped.get(f"{MAPPED}/slice", query_string=bounds).status_code == 200


def test_a_head_counts_the_map_indices(mapped):
    answer = mapped.head(MAPPED)
    assert answer.status_code == 200
    assert answer.headers["Content-Range"] == "map_indexes 3"
    assert answer.data == b""


@pytest.mark.parametrize("path", [f"{XCOMS}/nope/k", f"{MAPPED}/item/0", f"{MAPPED}/slice"])
def test_a_head_of_nothing_counts_none(mapped, path):
    assert mapped.head(path).headers["Content-Range"] == "map_indexes 0"


@pytest.mark.parametrize(("index", "status"), [(0, 400), ("x", 422)])
def test_a_head_takes_no_map_index(mapped, index, status):
    assert mapped.head(f"{MAPPED}?map_index={index}").status_code == status


# ---------------------------------------------------------------- earlier runs


@pytest.fixture
def earlier(xcoms):
    xcoms.post(f"/execution/xcoms/etl/{EARLIER}/extract/k", json="old")
    return xcoms


def test_an_earlier_run_counts_only_if_asked(earlier):
    assert earlier.get(KEY).status_code == 404
    assert earlier.get(f"{KEY}?include_prior_dates=true").json["value"] == "old"


def test_of_several_runs_the_latest_counts(earlier):
    earlier.post(KEY, json="new")
    assert earlier.get(f"{KEY}?include_prior_dates=true").json["value"] == "new"


def test_a_later_run_is_no_earlier_one(earlier):
    earlier.post(KEY, json="new")
    path = f"/execution/xcoms/etl/{EARLIER}/extract/k?include_prior_dates=true"
    assert earlier.get(path).json["value"] == "old"


def test_a_slice_may_reach_over_runs(earlier):
    assert earlier.get(f"{KEY}/slice?include_prior_dates=true").json == ["old"]
    earlier.post(KEY, json="new")
    for step in (1, -1):  # they are at the same map index, and follow by run id in either direction
        path = f"{KEY}/slice?include_prior_dates=true&step={step}"
        assert earlier.get(path).json == ["new", "old"]


def test_no_run_is_earlier_than_an_unknown_one(earlier):
    path = "/execution/xcoms/etl/nope/extract/k?include_prior_dates=true"
    assert earlier.get(path).status_code == 404


# ---------------------------------------------------------------- the next attempt

STARTED = {
    "state": "running",
    "hostname": "worker-1",
    "unixname": "airflow",
    "pid": 7,
    "start_date": "2026-01-01T00:00:00Z",
}


def keys_to_clear(client, ti_id, task_id, map_index=-1, **members):
    """The run context's keys of a task instance that begins to run."""
    instance = {**task_instance(ti_id, task_id, map_index), "state": "queued", **members}
    client.put("/_stateroom/fixture", json={"task_instances": [instance]})
    answer = client.patch(f"/execution/task-instances/{ti_id}/run", json=STARTED)
    return answer.json["xcom_keys_to_clear"]


def test_xcoms_outlive_an_attempt(xcoms):
    xcoms.post(KEY, json="of the first")
    retry = {"state": "up_for_retry", "end_date": "2026-01-01T00:00:00Z"}
    assert xcoms.patch(f"/execution/task-instances/{TI}/state", json=retry).status_code == 204
    assert xcoms.get(KEY).json["value"] == "of the first"


def test_a_started_task_is_told_the_keys_to_clear(xcoms):
    xcoms.post(f"{XCOMS}/extract/b", json=1)
    xcoms.post(f"{XCOMS}/extract/a", json=1)
    assert keys_to_clear(xcoms, TI, "extract") == ["b", "a"]


def test_a_mapped_task_clears_those_of_its_own_index(mapped):
    mapped.post(f"{XCOMS}/mapped/own?map_index=1", json=1)
    assert keys_to_clear(mapped, M1, "mapped", 1) == ["k", "own"]
    assert keys_to_clear(mapped, M0, "mapped", 0) == ["k"]


def test_one_that_is_not_mapped_clears_all_of_its_task(mapped):
    unexpanded = "019b0000-0000-7000-8000-0000000000af"
    assert keys_to_clear(mapped, unexpanded, "mapped") == ["k", "k", "k"]


def test_one_that_resumes_clears_nothing(xcoms):
    xcoms.post(KEY, json=1)
    assert keys_to_clear(xcoms, TI, "extract", next_method="resume", next_kwargs={}) == []


# ---------------------------------------------------------------- who may ask


@pytest.fixture
def locked(client):
    config = {"config": {"jwt_secret": SECRET}}
    client.put("/_stateroom/fixture", json={**WORLD, **config})
    return client


def test_a_token_is_needed_where_there_is_a_secret(locked):
    answer = locked.post(KEY, json=1)
    assert answer.status_code == 401
    assert answer.json == {"detail": "Missing auth token"}


def test_any_task_may_push_to_any_other(locked):
    unknown = bearer(tokens.for_task_instance(SECRET, OLD))
    assert locked.post(KEY, json=1, headers=unknown).status_code == 201
    assert locked.get(KEY, headers=unknown).json["value"] == 1


def test_a_first_token_is_for_the_start_alone(locked):
    claims = {"sub": TI, "scope": "workload"}
    token = tokens.make(SECRET, tokens.EXECUTION_AUDIENCE, claims, tokens.EXECUTION_LIFETIME)
    answer = locked.get(KEY, headers=bearer(token))
    assert answer.status_code == 403
    assert "Allowed types: execution" in answer.json["detail"]


# ---------------------------------------------------------------- the journal


def test_a_push_is_in_the_journal_with_its_value(xcoms, journal):
    xcoms.post(f"{KEY}?mapped_length=2", json=[1, 2])
    (event,) = journal("op=set_xcom")
    assert event["key"] == "k"
    assert event["value"] == [1, 2]
    assert event["scope"]["task_id"] == "extract"
    assert event["note"] == "for 2 mapped task instances"


def test_a_pull_names_the_push_that_it_saw(xcoms, journal):
    xcoms.post(KEY, json=1)
    xcoms.get(KEY)
    xcoms.get(f"{KEY}/item/0")
    pulls = journal("op=get_xcom")
    push = journal("op=set_xcom")[0]["seq"]
    assert [pull["saw"] for pull in pulls] == [push, push]


def test_a_pull_of_nothing_is_in_the_journal(xcoms, journal):
    xcoms.get(KEY)
    (event,) = journal("op=get_xcom")
    assert event["status"] == 404
    assert event["note"] == NOT_FOUND.format("map_index=-1")


def test_a_slice_says_how_many_values_it_had(client):
    client.put("/_stateroom/fixture", json=FIXTURE)
    push_all(client)
    client.get(f"{MAPPED}/slice?stop=2")
    client.head(MAPPED)
    pulls = client.get("/_stateroom/journal?op=list_xcoms").json["events"]
    notes = [event["note"] for event in pulls]
    place = f"of task 'mapped' in DAG run '{RUN}' of 'etl'"
    assert notes == [f"2 values {place}", f"3 map indices {place}"]


def test_the_journal_keeps_the_place_of_a_slice_after_a_reset(client, journal):
    client.put("/_stateroom/fixture", json=FIXTURE)
    push_all(client)
    for part in ("", "?stop=1", "?stop=0"):
        client.get(f"{MAPPED}/slice{part}")
    before = journal("op=list_xcoms")
    client.post("/_stateroom/reset?to=empty")
    assert journal("op=list_xcoms") == before


def test_a_slice_of_one_value_names_the_push_that_it_saw(xcoms, journal):
    xcoms.post(KEY, json=1)
    xcoms.get(f"{KEY}/slice")
    (pull,) = journal("op=list_xcoms")
    assert pull["saw"] == journal("op=set_xcom")[0]["seq"]
    assert pull["scope"]["task_id"] == "extract"
    assert pull["note"] is None


def test_a_slice_of_nothing_names_its_task_instance(xcoms, journal):
    xcoms.get(f"{KEY}/slice")
    (pull,) = journal("op=list_xcoms")
    assert pull["scope"]["task_id"] == "extract"
    assert pull["note"] == "0 values"


def test_the_timeline_shows_what_was_pushed_and_pulled(xcoms, journal):
    xcoms.post(KEY, json={"a": 1})
    xcoms.get(KEY)
    xcoms.get(f"{KEY}/slice")
    xcoms.delete(KEY)
    rows = journal("key=k")
    formatter = timeline.EventFormatter([Event.read(row) for row in rows])
    cells = [formatter.line(Event.read(row))[3:] for row in rows]
    assert cells == [
        ("set_xcom", "k", '{"a": 1}'),
        ("get_xcom", "k", '-> {"a": 1}'),
        ("list_xcoms", "k", '-> {"a": 1}'),
        ("delete_xcom", "k", ""),
    ]


def test_a_delete_of_nothing_is_marked(xcoms, journal):
    xcoms.post(KEY, json=1)
    xcoms.delete(KEY)
    xcoms.delete(KEY)
    outcomes = [event["outcome"] for event in journal("op=delete_xcom")]
    assert outcomes == [None, "unchanged"]


def test_xcoms_are_no_changes_of_a_key_of_the_same_name(client):
    client.put("/_stateroom/fixture", json=FIXTURE)
    client.put(f"/execution/store/ti/{TI}/k", json={"value": "state"})
    client.post(KEY, json="xcom")
    client.delete(KEY)
    key = {"dag_id": "etl", "run_id": RUN, "task_id": "extract", "key": "k"}
    history = client.get("/_stateroom/history", query_string=key).json
    assert [event["op"] for event in history["history"]] == ["set"]


# ---------------------------------------------------------------- namespaces and fixtures

ROW = {"dag_id": "etl", "run_id": RUN, "task_id": "extract", "map_index": -1, "key": "k"}


@pytest.mark.parametrize("value", ["text", None, {"a": 1}])
def test_an_exported_fixture_holds_the_xcoms(xcoms, value):
    row = {**ROW, "value": value, "timestamp": "2026-01-01T00:00:00Z"}
    xcoms.put("/_stateroom/fixture", json={"xcoms": [row]})
    assert xcoms.get(KEY).json["value"] == value
    assert xcoms.get("/_stateroom/fixture").json["xcoms"] == [row]


def test_a_fixture_without_xcoms_is_exported_without(xcoms):
    assert "xcoms" not in xcoms.get("/_stateroom/fixture").json


def test_an_xcom_of_an_unknown_task_instance_is_refused(xcoms):
    row = {**ROW, "task_id": "nope", "value": 1}
    answer = xcoms.put("/_stateroom/fixture", json={"xcoms": [row]})
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == "xcoms[0]"
    assert "add it to task_instances" in answer.json["detail"]["message"]


def test_a_reset_removes_the_xcoms(xcoms):
    xcoms.post(KEY, json=1)
    xcoms.post("/_stateroom/reset")
    xcoms.put("/_stateroom/fixture", json=FIXTURE)
    assert xcoms.get(KEY).status_code == 404


def test_each_namespace_has_its_own_xcoms(xcoms):
    xcoms.post("/_stateroom/namespaces", json={"name": "b"})
    xcoms.put("/ns/b/_stateroom/fixture", json=FIXTURE)
    xcoms.post(KEY, json=1)
    assert xcoms.get(f"/ns/b{KEY}").status_code == 404
    assert xcoms.get(f"/ns/b{KEY}?include_prior_dates=true").status_code == 404
