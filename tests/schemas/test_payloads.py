"""Good and bad payloads of every body that a client may send."""

import pytest
from marshmallow import ValidationError

from schemas.base import unknown_members
from schemas.control import fixtures
from schemas.core import store as core
from schemas.core.login import LoginBody
from schemas.execution import store as execution
from tests.support.world import EXTRACT, TI

MOMENT = "2030-01-01T00:00:00Z"
GOOD = [
    (execution.TaskStateStorePutBody(), {"value": 1}),
    (execution.TaskStateStorePutBody(), {"value": [None, {"a": False}], "expires_at": None}),
    (execution.TaskStateStorePutBody(), {"value": "x" * 100_000, "expires_at": MOMENT}),
    (execution.AssetStateStorePutBody(), {"value": 0}),
    (core.TaskStateStoreBody(limit=10), {"value": "x" * 8, "expires_at": "default"}),
    (core.TaskStateStoreBody(limit=0), {"value": "x" * 100_000}),
    (core.TaskStateStorePatchBody(limit=10), {"value": False}),
    (core.AssetStateStoreBody(limit=10), {"value": {}}),
    (LoginBody(), {"username": "me", "password": "x"}),
    (fixtures.AssetBody(), {"name": "n"}),
    (fixtures.TaskInstanceBody(), {"dag_id": "d", "task_id": "t", "map_index": 0, "try_number": 3}),
    (fixtures.Fixture(), {}),
    (fixtures.Fixture(), {"task_instances": [{"id": TI, **EXTRACT, "state": None}]}),
    (fixtures.Fixture(), {"config": {"default_retention_days": -1, "max_value_storage_bytes": 0}}),
]
BAD = [
    (execution.TaskStateStorePutBody(), {}, "value", "missing"),
    (execution.TaskStateStorePutBody(), {"value": None}, "value", "value_error"),
    (execution.TaskStateStorePutBody(), {"value": float("nan")}, "value", "value_error"),
    (execution.TaskStateStorePutBody(), {"value": 1, "ttl": 5}, "ttl", "extra_forbidden"),
    (
        execution.TaskStateStorePutBody(),
        {"value": 1, "expires_at": "2030-01-01"},
        "expires_at",
        "timezone_aware",
    ),
    (
        execution.TaskStateStorePutBody(),
        {"value": 1, "expires_at": True},
        "expires_at",
        "datetime_type",
    ),
    (
        execution.AssetStateStorePutBody(),
        {"value": 1, "expires_at": MOMENT},
        "expires_at",
        "extra_forbidden",
    ),
    (core.TaskStateStoreBody(limit=10), {"value": "x" * 9}, "value", "value_error"),
    (core.TaskStateStoreBody(limit=10), {"value": [float("inf")]}, "value", "value_error"),
    (
        core.TaskStateStorePatchBody(limit=10),
        {"value": 1, "expires_at": None},
        "expires_at",
        "extra_forbidden",
    ),
    (LoginBody(), {"username": 5, "password": "x"}, "username", "string_type"),
    (fixtures.AssetBody(), {"name": ""}, "name", "string_too_short"),
    (fixtures.AssetBody(), {"name": "\ud800"}, "name", "string_unicode"),
    (
        fixtures.TaskInstanceBody(),
        {"dag_id": "d", "task_id": "t", "map_index": -2},
        "map_index",
        "out_of_range",
    ),
    (
        fixtures.TaskInstanceBody(),
        {"dag_id": "d", "task_id": "t", "map_index": True},
        "map_index",
        "int_type",
    ),
    (
        fixtures.TaskInstanceBody(),
        {"dag_id": "d", "task_id": "t", "try_number": 2**63},
        "try_number",
        "out_of_range",
    ),
    (fixtures.Config(), {"clear_on_success": 1}, "clear_on_success", "bool_type"),
    (fixtures.Asset(), {"id": "1", "name": "n", "uri": "u"}, "id", "int_type"),
]


@pytest.mark.parametrize(("schema", "payload"), GOOD)
def test_a_good_payload_keeps_its_members(schema, payload):
    assert set(payload) <= set(schema.load(payload))


@pytest.mark.parametrize(("schema", "payload", "member", "kind"), BAD)
def test_a_bad_payload_is_named_with_pydantics_type(schema, payload, member, kind):
    with pytest.raises(ValidationError) as caught:
        schema.load(payload)
    assert [problem.type for problem in caught.value.messages[member]] == [kind]


def test_unknown_members_are_found_at_any_depth():
    document = {"x": 1, "config": {"y": 1}, "assets": [{"name": "n"}, {"z": 1}], "dag_runs": 5}
    assert unknown_members(fixtures.Fixture(), document) == ["x", "config.y", "assets[1].z"]


@pytest.mark.parametrize("document", [None, 5, [], {"assets": [5]}, {"config": None}])
def test_a_document_of_the_wrong_form_has_no_unknown_members(document):
    assert unknown_members(fixtures.Fixture(), document) == []
