"""``/_stateroom/tasks``: task instances by what is known of them."""

import pytest

from tests.support.world import EXTRACT, RUN, TI

TASKS = "/_stateroom/tasks"


def test_a_task_instance_is_listed_with_its_attempt_and_keys(world):
    answer = world.get(TASKS, query_string={"task_id": "extract"})
    assert answer.status_code == 200
    (row,) = answer.json["tasks"]
    assert row == {
        **EXTRACT,
        "map_index": -1,
        "id": TI,
        "try_number": 1,
        "state": "running",
        "keys": 1,
    }


@pytest.mark.parametrize(
    "query",
    [
        {"dag_id": "etl", "task_id": "extract"},
        {"run_id": RUN, "key": "job_id"},
        {"run_id": RUN[:12], "task_id": "extract"},
        {"latest": "1", "task_id": "extract"},
        {"ti_id": TI},
    ],
)
def test_it_is_found_by_any_part_of_what_is_known(world, query):
    assert [row["id"] for row in world.get(TASKS, query_string=query).json["tasks"]] == [TI]


def test_a_superseded_attempt_names_its_task_instance_too(world):
    current = world.post("/_stateroom/task-instances", json=EXTRACT).json["id"]
    (row,) = world.get(TASKS, query_string={"ti_id": TI}).json["tasks"]
    assert row["id"] == current
    assert row["try_number"] == 2


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"dag_id": "etk"}, "no Dag 'etk'; there is 'etl'"),
        ({"dag_id": "etl", "task_id": "extractt"}, "no task 'extractt'; did you mean 'extract'?"),
        ({"ti_id": TI.replace("0", "1")}, f"no attempt has the id {TI.replace('0', '1')}"),
        ({"task_id": "extract", "key": "nope"}, None),
        ({"latest": "1", "task_id": "extractt"}, "no task 'extractt'; did you mean 'extract'?"),
    ],
)
def test_where_none_fits_the_problem_is_named(world, query, problem):
    answer = world.get(TASKS, query_string=query).json
    assert answer == {"tasks": [], "total_entries": 0, "problem": problem}


def test_the_last_run_is_named_where_the_newest_has_none(world):
    later = {**EXTRACT, "run_id": "manual__2100-01-01T00:00:00+00:00", "task_id": "other"}
    world.post("/_stateroom/task-instances", json=later)
    answer = world.get(TASKS, query_string={"latest": "1", "task_id": "extract"}).json
    assert answer["tasks"] == []
    assert answer["problem"] == (
        f"none is in the newest run of its Dag; the last run with one is {RUN!r}"
    )


def test_a_page_has_the_number_of_all(world):
    for task_id in "abc":
        world.post("/_stateroom/task-instances", json={**EXTRACT, "task_id": task_id})
    answer = world.get(TASKS, query_string={"limit": 2, "offset": 1, "run_id": RUN}).json
    assert len(answer["tasks"]) == 2
    assert answer["total_entries"] >= 4


@pytest.mark.parametrize("query", [{"map_index": "-2"}, {"ti_id": "x"}, {"limit": "0"}])
def test_an_invalid_query_is_refused(world, query):
    assert world.get(TASKS, query_string=query).status_code == 422


@pytest.mark.parametrize("name", ["map_index", "offset"])
def test_a_number_beyond_64_bits_is_refused(world, name):
    answer = world.get(TASKS, query_string={name: 2**70})
    assert answer.status_code == 422
