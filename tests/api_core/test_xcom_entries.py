"""XComs in the Core API: one in each of its representations, the list, its filters and its order.

The expected answers are those of Airflow 3.3.2, asked in the same way.
"""

import json
from urllib.parse import quote

import pytest

from state.model import tokens
from tests.support.world import RUN, SECRET, bearer

LATER = "scheduled__2026-01-02T00:00:00+00:00"
TIMESTAMP = "2026-01-05T00:00:00Z"
LIST = f"/api/v2/dags/etl/dagRuns/{quote(RUN)}/taskInstances/mapped/xcomEntries"
EVERYTHING = "/api/v2/dags/~/dagRuns/~/taskInstances/~/xcomEntries"
XCOMS = [  # run, task, map index, key
    (RUN, "mapped", 2, "k"),
    (RUN, "mapped", 0, "k"),
    (RUN, "mapped", 1, "k"),
    (RUN, "mapped", 1, "Other_key"),
    (LATER, "extract", -1, "k"),
]


def place(run_id, task_id, map_index=-1):
    return {"dag_id": "etl", "run_id": run_id, "task_id": task_id, "map_index": map_index}


def fixture():
    places = sorted({xcom[:3] for xcom in XCOMS})
    return {
        "dag_runs": [
            {"dag_id": "etl", "run_id": RUN, "logical_date": "2026-01-01T00:00:00Z"},
            {"dag_id": "etl", "run_id": LATER, "logical_date": "2026-01-02T00:00:00Z"},
        ],
        "task_instances": [
            {"id": f"019b0000-0000-7000-8000-0000000000a{number}", **place(*where)}
            for number, where in enumerate(places)
        ],
        "xcoms": [
            {**place(*where), "key": key, "value": f"v{where[-1]}", "timestamp": TIMESTAMP}
            for *where, key in XCOMS
        ],
    }


@pytest.fixture
def xcoms(empty):
    assert empty.put("/_stateroom/fixture", json=fixture()).status_code == 204
    return empty


ENTRY = {
    "key": "k",
    "timestamp": TIMESTAMP,
    "logical_date": "2026-01-01T00:00:00Z",
    "map_index": 1,
    "task_id": "mapped",
    "dag_id": "etl",
    "run_id": RUN,
    "dag_display_name": "etl",
    "task_display_name": "mapped",
    "run_after": "2026-01-01T00:00:00Z",
}


def test_an_entry_has_its_value(xcoms):
    answer = xcoms.get(f"{LIST}/k?map_index=1")
    assert answer.status_code == 200
    assert answer.json == {**ENTRY, "value": "v1"}


def test_an_entry_of_a_list_has_no_value(xcoms):
    answer = xcoms.get(f"{LIST}?map_index=1&xcom_key=k")
    assert answer.json == {"xcom_entries": [ENTRY], "total_entries": 1}


@pytest.mark.parametrize("path", [f"{LIST}/k", f"{LIST}/", f"{EVERYTHING}/k", f"{LIST}/a/b"])
def test_a_missing_entry_is_not_found(xcoms, path):
    key = path.partition("xcomEntries/")[2]
    answer = xcoms.get(path)
    assert answer.status_code == 404
    assert answer.json == {"detail": f"XCom entry with key: `{key}` not found"}


TUPLE = {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, {"a": None}]}
OBJECT = {"__classname__": "a.b.C", "__version__": 2, "__data__": {"x": 1, "y": "z"}}
OLD_OBJECT = {"__type": "x", "__var": 1}
OF_AIRFLOW = {"__classname__": "airflow.sdk.Asset", "__version__": 1, "__data__": {}}


def shown(client, value, options=""):
    """The answer for an entry whose value is this."""
    row = {**place(RUN, "mapped", 1), "key": "k", "value": value}
    document = json.dumps({"xcoms": [row]})  # the test client would sort the members
    headers = {"Content-Type": "application/json"}
    assert client.put("/_stateroom/fixture", data=document, headers=headers).status_code == 204
    return client.get(f"{LIST}/k?map_index=1&{options}")


@pytest.mark.parametrize("value", ["text", 1, True, None, {"a": [1, None]}, '{"a": 1}', OBJECT])
def test_a_value_is_shown_as_it_is_stored(xcoms, value):
    assert shown(xcoms, value).json["value"] == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (1, "1"),
        (True, "True"),
        (None, None),
        ({"a": [1, None, "é"]}, "{'a': [1, None, 'é']}"),
        ('{"a": 1}', '{"a": 1}'),
        (OLD_OBJECT, "{'__type': 'x', '__var': 1}"),
    ],
)
def test_stringify_shows_a_value_as_text(xcoms, value, text):
    assert shown(xcoms, value, "stringify=true").json["value"] == text


@pytest.mark.parametrize(
    ("value", "readable"),
    [
        ("text", "text"),
        (1, 1),
        (None, None),
        ({"a": [1, None]}, {"a": [1, None]}),
        ('{"a": 1}', {"a": 1}),
        ("null", None),
        (TUPLE, "(1,{'a': None})"),
        ({"in": [TUPLE]}, {"in": ["(1,{'a': None})"]}),
        (OBJECT, "a.b.C@version=2(x=1, y='z')"),
        ({**OBJECT, "__data__": [1, "z"]}, "a.b.C@version=2(1,z)"),
        ({**OBJECT, "__data__": "z"}, "a.b.C@version=2(z)"),
        ({**OBJECT, "__data__": None}, "a.b.C@version=2()"),
        (OLD_OBJECT, "x@version=0(1)"),
        ({"__type": "dict", "__var": {"a": 1}}, {"a": 1}),
        ([OBJECT, OF_AIRFLOW], [OBJECT, OF_AIRFLOW]),
    ],
)
def test_deserialize_shows_objects_as_text(xcoms, value, readable):
    assert shown(xcoms, value, "deserialize=true").json["value"] == readable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('{"a": 1}', "{'a': 1}"),
        ("true", "True"),
        ("null", None),
        ({"in": TUPLE}, "{'in': \"(1,{'a': None})\"}"),
    ],
)
def test_stringify_comes_after_deserialize(xcoms, value, text):
    assert shown(xcoms, value, "deserialize=true&stringify=true").json["value"] == text


@pytest.mark.parametrize(
    "value",
    [
        {"__classname__": 1, "__version__": 1},
        {"__classname__": "", "__version__": 1},
        {"__classname__": "a", "__version__": "1"},
        {"__type": "dict", "__var": 1},
    ],
)
def test_an_object_that_cannot_be_decoded_is_refused(xcoms, value):
    answer = shown(xcoms, value, "deserialize=true")
    assert answer.status_code == 422
    assert "the stored value of key 'k' cannot be sent" in answer.json["detail"]


def test_text_that_is_nested_too_deep_is_left_or_refused(xcoms):
    answer = shown(xcoms, "[" * 100_000, "deserialize=true")
    assert answer.json["value"] == "[" * 100_000
    assert shown(xcoms, "[" * 900 + "]" * 900, "deserialize=true").status_code in (200, 422)


def test_a_number_that_json_cannot_carry_is_null(xcoms):
    assert shown(xcoms, "NaN", "deserialize=true").json["value"] is None
    assert shown(xcoms, "NaN", "deserialize=true&stringify=true").json["value"] == "nan"


# ---------------------------------------------------------------- the list


def listed(client, query, path=LIST):
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200
    return [(entry["key"], entry["map_index"]) for entry in answer.json["xcom_entries"]]


ALL = [("k", 0), ("Other_key", 1), ("k", 1), ("k", 2)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("limit=2&offset=1", ALL[1:3]),
        ("limit=0", []),
        ("offset=50", []),
        ("map_index=1", ALL[1:3]),
        ("map_index_filter=1", ALL[1:3]),
        ("xcom_key=K", []),
        ("xcom_key_pattern=OTHER", ALL[1:2]),
        ("xcom_key_pattern=~", ALL),
        ("xcom_key_prefix_pattern=Oth", ALL[1:2]),
        ("xcom_key_prefix_pattern=oth", []),
        ("task_id_pattern=x", []),
        ("run_id_pattern=manual", ALL),
        ("dag_display_name_prefix_pattern=x", []),
        ("logical_date_gte=2026-01-01T00:00:00Z", ALL),
        ("logical_date_gt=2026-01-01T00:00:00Z", []),
        ("run_after_lt=2026-01-01T00:00:00Z", []),
        ("order_by=-map_index", [("k", 2), ("Other_key", 1), ("k", 1), ("k", 0)]),
        ("order_by=-key", [("k", 0), ("k", 1), ("k", 2), ("Other_key", 1)]),
    ],
)
def test_a_list_is_filtered_and_sorted(xcoms, query, found):
    assert listed(xcoms, query) == found


def test_the_total_does_not_depend_on_the_page(xcoms):
    assert xcoms.get(f"{LIST}?limit=1").json["total_entries"] == 4


def test_a_tilde_stands_for_every_dag_run_and_task(xcoms):
    assert len(listed(xcoms, "", EVERYTHING)) == 5
    assert listed(xcoms, "order_by=-run_after&limit=1", EVERYTHING) == [("k", -1)]


def test_the_page_is_cut_to_the_largest_one(xcoms):
    xcoms.put("/_stateroom/fixture", json={"config": {"maximum_page_limit": 3}})
    assert len(listed(xcoms, "limit=100")) == 3


@pytest.mark.parametrize("column", ["value", ""])
def test_a_list_cannot_be_sorted_by_other_columns(xcoms, column):
    answer = xcoms.get(f"{LIST}?order_by={column}")
    assert answer.status_code == 400
    assert f"Ordering with '{column}' is disallowed" in answer.json["detail"]


@pytest.mark.parametrize(
    "path",
    [
        f"{LIST}?limit=-1",
        f"{LIST}?map_index=-2",
        f"{LIST}?map_index={2**64}",
        f"{LIST}?map_index_filter=x",
        f"{LIST}?offset={2**64}",
        f"{LIST}?logical_date_lt=2026-01-02",
        f"{LIST}/k?map_index=-2",
        f"{LIST}/k?map_index={2**64}",
        f"{LIST}/k?deserialize=maybe",
    ],
)
def test_an_invalid_parameter_is_refused(xcoms, path):
    assert xcoms.get(path).status_code == 422


@pytest.mark.parametrize("path", [LIST, f"{LIST}/k?map_index=1"])
def test_a_viewer_may_read_and_others_need_a_token(xcoms, path):
    xcoms.put("/_stateroom/fixture", json={"config": {"jwt_secret": SECRET}})
    viewer = bearer(tokens.for_role(SECRET, "viewer"))
    assert xcoms.get(path).status_code == 401
    assert xcoms.get(path, headers=viewer).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", LIST), ("PATCH", f"{LIST}/k")])
def test_writing_is_not_emulated(xcoms, method, path):
    answer = xcoms.open(path, method=method, json={})
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "not_emulated"


def test_reads_are_in_the_journal(client):
    client.put("/_stateroom/fixture", json=fixture())
    client.get(f"{LIST}/k?map_index=1")
    client.get(LIST)
    pull = client.get("/_stateroom/journal?op=get_xcom").json["events"][0]
    page = client.get("/_stateroom/journal?op=list_xcoms").json["events"][0]
    assert pull["scope"]["map_index"] == 1
    assert pull["api"] == "core"
    assert page["note"] == "4 of 4 XComs"
