"""Conversions of a scope."""

import pytest

from state.model.scopes import AssetScope, TaskScope, scope_named

TASK = {"dag_id": "etl", "run_id": "test", "task_id": "extract"}


@pytest.mark.parametrize(
    ("document", "scope"),
    [
        ({}, None),
        ({"asset": None, "map_index": -1}, None),
        ({"asset": "orders"}, AssetScope(name="orders")),
        (TASK, TaskScope("etl", "test", "extract")),
        ({**TASK, "asset": None, "map_index": None}, TaskScope("etl", "test", "extract")),
        ({**TASK, "map_index": 0}, TaskScope("etl", "test", "extract", 0)),
    ],
)
def test_a_query_names_a_scope_or_none(document, scope):
    assert scope_named(document) == scope


@pytest.mark.parametrize(
    "document",
    [
        {"dag_id": "etl"},
        {**TASK, "run_id": None},
        {**TASK, "asset": "orders"},
        {"task_id": "extract", "asset": "orders"},
    ],
)
def test_a_query_names_one_whole_scope(document):
    with pytest.raises(ValueError, match="whole and not both"):
        scope_named(document)
