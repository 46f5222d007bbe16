"""Numbers in the bodies of workers: as pydantic reads them, and none that no row can hold."""

import pytest

from tests.support.shop import TI, USE

RUN = {"state": "running", "hostname": "h", "unixname": "u", "start_date": "2026-02-01T12:40:00Z"}


def run(client, pid):
    return client.patch(f"/execution/task-instances/{USE}/run", json={**RUN, "pid": pid})


def skip(client, map_index):
    tasks = {"tasks": [["pm", map_index]]}
    return client.patch(f"/execution/task-instances/{TI}/skip-downstream", json=tasks)


@pytest.mark.parametrize("pid", [2**63, -(2**63) - 1])
def test_a_process_id_beyond_64_bits_is_refused(shop, pid):
    answer = run(shop, pid)
    assert answer.status_code == 422
    assert "pid" in answer.text


@pytest.mark.parametrize("number", [1e300, 9.3e18, float(2**63), float(-(2**63))])
def test_a_number_with_a_point_beyond_64_bits_is_no_integer(shop, number):
    (problem,) = run(shop, number).json["detail"]
    assert problem["type"] == "int_parsing_size"
    assert problem["loc"] == ["body", "pid"]


@pytest.mark.parametrize("map_index", [0, 0.0, "0", "0.0", False])
def test_the_map_index_of_a_task_to_skip_in_any_spelling(shop, map_index):
    assert skip(shop, map_index).status_code == 204


@pytest.mark.parametrize("map_index", [2**63, -(2**63) - 1])
def test_a_map_index_beyond_64_bits_is_refused(shop, map_index):
    answer = skip(shop, map_index)
    assert answer.status_code == 422
    assert "map_index" in answer.text


@pytest.mark.parametrize("seconds", [86_400_000_000_000, -86_400_000_000_000, 1e300])
def test_a_timeout_of_too_many_days_is_refused(shop, seconds):
    body = {"state": "deferred", "classpath": "m.T", "next_method": "go"}
    body |= {"trigger_timeout": seconds}
    answer = shop.patch(f"/execution/task-instances/{TI}/state", json=body)
    types = [problem["type"] for problem in answer.json["detail"]]
    assert answer.status_code == 422
    assert "time_delta_parsing" in types
