"""The map indices of a mapped task, from XComs that are given or that a real service holds."""

import uuid

import pytest

from state.client.http import StateroomClient
from state.model.scopes import TaskScope
from state.run.errors import RunError
from state.run.mapping import check_map_index
from state.run.task import Task

NUMBERS = {"task_id": "numbers", "is_mapped": False}
DOUBLE = {"task_id": "double", "is_mapped": True}


@pytest.fixture
def client(stateroom):
    return StateroomClient(stateroom.url)


@pytest.fixture
def longest(client):
    """How many task instances are allowed: the first map index that is refused, from 0."""

    def find(*lengths, **xcoms):
        facts = {"is_mapped": True, "length": ["product", *lengths]}
        for index in range(20):
            task = Task("etl.py", "load", map_index=index, xcoms=xcoms)
            scope = TaskScope("etl", "test", "load", index)
            try:
                check_map_index(client, task, scope, {"load": facts})
            except RunError:
                return index
        return None

    return find


def push(client, task_id, *values, map_index=-1):
    for index, value in enumerate(values, map_index):
        place = {"dag_id": "etl", "run_id": "test", "task_id": task_id, "map_index": index}
        rows = {
            "dag_runs": [{"dag_id": "etl", "run_id": "test"}],
            "task_instances": [{**place, "id": str(uuid.uuid4())}],
            "xcoms": [{**place, "key": "return_value", "value": value}],
        }
        client.call("PUT", "/_stateroom/fixture", json=rows)


@pytest.mark.parametrize(
    ("lengths", "xcoms", "expected"),
    [
        ([3], {}, 3),
        ([2, 3], {}, 6),
        ([NUMBERS], {"numbers": [5, 6]}, 2),
        ([NUMBERS], {"numbers": (5, 6)}, 2),
        ([NUMBERS], {"numbers": {"a": 1}}, 1),
        ([NUMBERS], {"numbers": []}, 0),
        ([NUMBERS, 2], {"numbers": [5, 6]}, 4),
        ([DOUBLE], {"double": [2, 4, 6]}, 3),
        ([DOUBLE], {"double": [2, None, 6]}, 2),
        ([["zip", NUMBERS, DOUBLE]], {"numbers": [1], "double": [2, 4]}, 1),
        ([["zip_longest", NUMBERS, DOUBLE]], {"numbers": [1], "double": [2, 4]}, 2),
        ([["concat", NUMBERS, ["zip", DOUBLE]]], {"numbers": [1], "double": [2, 4]}, 3),
    ],
)
def test_given_xcoms_decide(longest, lengths, xcoms, expected):
    assert longest(*lengths, **xcoms) == expected


@pytest.mark.parametrize(
    ("lengths", "xcoms"),
    [
        ([None], {}),
        ([NUMBERS], {}),
        ([DOUBLE], {}),
        ([NUMBERS], {"numbers": 5}),
        ([NUMBERS], {"numbers": "abc"}),
        ([NUMBERS], {"numbers": {"__classname__": "a.B", "__version__": 1, "__data__": [1]}}),
        ([["zip", NUMBERS, DOUBLE]], {"numbers": [1]}),
    ],
)
def test_without_an_xcom_of_many_values_nothing_is_refused(longest, lengths, xcoms):
    assert longest(*lengths, **xcoms) is None


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        {"a": 1, "b": 2},
        {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, 2]},
    ],
)
def test_an_xcom_that_the_service_holds_decides(longest, client, value):
    push(client, "numbers", value)
    assert longest(NUMBERS) == 2


def test_an_xcom_that_is_given_goes_before_one_that_is_held(longest, client):
    push(client, "numbers", [1, 2])
    assert longest(NUMBERS, numbers=[1, 2, 3]) == 3


def test_what_a_mapped_task_has_pushed_decides(longest, client):
    push(client, "double", 2, 4, 6, map_index=0)
    assert longest(DOUBLE) == 3


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], "has no map index 9: it is mapped over no values, and a scheduler skips it"),
        ([1], "has no map index 9: it is mapped over 1 value, whose map index is 0"),
        ([1, 2, 3], "has no map index 9: it is mapped over 3 values, whose map indices are 0 to 2"),
    ],
)
def test_the_refusal_says_which_map_indices_there_are(client, numbers, words):
    task = Task("etl.py", "load", map_index=9, xcoms={"numbers": numbers})
    tasks = {"load": {"is_mapped": True, "length": NUMBERS}}
    with pytest.raises(RunError, match=words):
        check_map_index(client, task, TaskScope("etl", "test", "load", 9), tasks)
