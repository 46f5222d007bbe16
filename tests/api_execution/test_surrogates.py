"""Bodies with lone surrogates, which no database can hold, are refused or kept as JSON text."""

import json

import pytest

from tests.support.shop import TI, USE

TASKS = "/execution/task-instances"
BROKEN = "\ud83d"
AT = "2026-02-01T12:45:30.5Z"
RUN = {"state": "running", "hostname": "h", "unixname": "u", "pid": 1, "start_date": AT}
SUCCESS = {"state": "success", "end_date": AT}
FAILED = {"state": "failed", "end_date": AT}
RETRY = {"state": "up_for_retry", "end_date": AT}
DEFERRED = {"state": "deferred", "classpath": "a.B", "next_method": "go"}
INPUT = {"state": "awaiting_input", "next_method": "go"}
OUTLETS = {
    **SUCCESS,
    "task_outlets": [{"name": "orders", "uri": "s3://b/orders", "type": "Asset"}],
}
EVENT = {"dest_asset_key": {"name": "orders", "uri": "s3://b/orders"}, "extra": {}}
REFUSED = [
    (f"{USE}/run", RUN, "hostname"),
    (f"{USE}/run", RUN, "unixname"),
    (f"{TI}/state", SUCCESS, "rendered_map_index"),
    (f"{TI}/state", FAILED, "rendered_map_index"),
    (f"{TI}/state", RETRY, "rendered_map_index"),
    (f"{TI}/state", DEFERRED, "rendered_map_index"),
    (f"{TI}/state", DEFERRED, "next_method"),
    (f"{TI}/state", INPUT, "rendered_map_index"),
    (f"{TI}/state", INPUT, "next_method"),
]
NO_FAILURE = [
    (f"{TI}/state", {**RETRY, "retry_reason": BROKEN}),
    (f"{TI}/state", {**DEFERRED, "classpath": BROKEN}),
    (f"{TI}/state", {**DEFERRED, "queue": BROKEN}),
    (f"{TI}/state", {**DEFERRED, "next_kwargs": {"a": BROKEN}}),
    (f"{TI}/state", {**DEFERRED, "next_kwargs": {BROKEN: 1}}),
    (f"{TI}/state", {**DEFERRED, "trigger_kwargs": {"a": BROKEN}}),
    (f"{TI}/state", {**DEFERRED, "trigger_kwargs": BROKEN}),
    (f"{TI}/state", {**INPUT, "next_kwargs": {"a": BROKEN}}),
    (f"{TI}/state", {**OUTLETS, "outlet_events": [{**EVENT, "extra": {"a": BROKEN}}]}),
    (f"{TI}/state", {**OUTLETS, "outlet_events": [{**EVENT, "source_alias_name": BROKEN}]}),
    (f"{TI}/state", {**SUCCESS, "task_outlets": [{"name": BROKEN, "type": "Asset"}]}),
    (f"{TI}/state", {**SUCCESS, "task_outlets": [{"name": BROKEN, "type": "AssetAlias"}]}),
    (f"{TI}/state", {**SUCCESS, "task_outlets": [{"uri": BROKEN, "type": "AssetUriRef"}]}),
    (f"{TI}/state", {**SUCCESS, "task_outlets": [{"type": BROKEN}]}),
    (f"{TI}/state", {**OUTLETS, "outlet_events": [{**EVENT, "dest_asset_key": {"name": BROKEN}}]}),
    (f"{TI}/state", {**OUTLETS, "outlet_events": [{**EVENT, "partition_key": BROKEN}]}),
    (f"{TI}/skip-downstream", {"tasks": [BROKEN]}),
    (f"{TI}/skip-downstream", {"tasks": [[BROKEN, 0]]}),
]


def send(client, path, body, method="patch"):
    text = json.dumps(body)  # with the surrogate as an escape
    call = getattr(client, method)
    return call(f"{TASKS}/{path}", data=text, content_type="application/json")


@pytest.mark.parametrize(("path", "body", "member"), REFUSED)
def test_a_member_with_a_lone_surrogate_is_refused(shop, path, body, member):
    answer = send(shop, path, {**body, member: BROKEN})
    assert answer.status_code == 422
    problems = {(entry["type"], entry["loc"][-1]) for entry in answer.json["detail"]}
    assert ("string_unicode", member) in problems


def test_a_label_with_a_lone_surrogate_is_refused(shop):
    answer = send(shop, f"{TI}/rendered-map-index", BROKEN)
    assert answer.status_code == 422
    assert answer.json["detail"][0]["type"] == "string_unicode"


def test_a_heartbeat_with_a_lone_surrogate_is_of_another_host(shop):
    answer = send(shop, f"{TI}/heartbeat", {"hostname": BROKEN, "pid": 4}, "put")
    assert answer.status_code == 409


@pytest.mark.parametrize(("path", "body"), NO_FAILURE)
def test_a_lone_surrogate_elsewhere_is_no_failure(shop, path, body):
    assert send(shop, path, body).status_code < 500


@pytest.mark.parametrize("fields", [{"a": BROKEN}, {BROKEN: 1}])
def test_rendered_fields_may_have_lone_surrogates(shop, fields):
    assert send(shop, f"{TI}/rtif", fields, "put").status_code == 201
