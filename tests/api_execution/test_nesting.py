"""How deep the rendered fields of a task may be nested: as deep as Airflow 3.3.2 takes them."""

import pytest

from tests.support.world import TI

FIELDS = f"/execution/task-instances/{TI}/rtif"


def put_nested(client, levels):
    text = f'{{"a": {"[" * levels}1{"]" * levels}, "b": 1}}'
    return client.put(FIELDS, data=text, content_type="application/json")


@pytest.mark.parametrize("levels", [0, 1, 254])
def test_a_field_has_at_most_254_levels(world, levels):
    assert put_nested(world, levels).status_code == 201


def test_a_field_with_more_levels_is_named(world):
    answer = put_nested(world, 255)
    (problem,) = answer.json["detail"]
    assert answer.status_code == 422
    assert problem["type"] == "recursion_depth_exceeded"
    assert problem["loc"] == ["body", "a", *["list", 0] * 255]
