"""The gateway over HTTP: values as the task would see them, and what a slow, broken or hostile
backend can't do.
"""

import json
import threading

import pytest

from state.model import envelope, tokens
from state.model.reference_facts import Facts
from state.store.tables import task_instances
from tests.support.values import SCOPE, Values
from tests.support.waiting import wait_for

SECRET = "s" * 64


@pytest.fixture
def values(app_with):
    return Values(app_with("Folder"))


@pytest.fixture
def hanging(app_with):
    values = Values(app_with("Hanging", backend_timeout=0.2))
    yield values
    values.backend.go_on.set()
    wait_for(lambda: values.service.backend.calls.counts()["running"] == 0)


@pytest.fixture
def raising(app_with):
    return Values(app_with("Raising"))


# ---------------------------------------------------------------- the values


@pytest.mark.parametrize("value", [{"a": [1, None]}, "text", 0, False, 1.5, [], {}, "ü😀\u0000"])
def test_a_value_is_returned_and_the_row_holds_its_reference(values, value):
    assert values.put(value) == (204, None)
    assert values.call("GET") == (200, {"value": value})
    assert envelope.kind(values.task.get("k")) == "reference"


@pytest.mark.parametrize("value", [{"a": [1, None]}, "text", False, []])
def test_json_text_that_a_real_worker_has_enveloped_is_the_value(values, value):
    values.task.set("k", envelope.wrap(json.dumps(value)))
    assert values.call("GET") == (200, {"value": value})


@pytest.mark.parametrize("ref", ["17", "1.5", "null", "{", "NaN", "s3://bucket/key"])
def test_what_may_name_an_object_of_others_is_refused(values, ref):
    values.task.set("k", envelope.wrap(ref))
    status, answer = values.call("GET")
    assert (status, answer["detail"]["reason"]) == (403, "refused")


def test_a_later_attempt_finds_what_the_first_one_stored(values):
    values.put({"job": 1})
    again = task_instances.create_task_instance(values.namespace, SCOPE)["id"]
    assert values.call("GET", f"/_stateroom/values/ti/{again}") == (200, {"value": {"job": 1}})
    assert values.call("GET")[0] == 404


def test_an_asset_is_the_same_by_name_and_by_uri(values):
    name = {"name": "orders"}
    uri = {"uri": "s3://bucket/orders"}
    by_name = "/_stateroom/values/asset/by-name"
    by_uri = "/_stateroom/values/asset/by-uri"
    assert values.call("PUT", by_name, json={"value": 7}, query=name)[0] == 204
    assert values.call("GET", by_uri, query=uri) == (200, {"value": 7})
    assert values.call("DELETE", by_uri, query=uri)[0] == 204
    assert list(values.backend.iter_refs()) == []


def test_delete_removes_row_object_and_ledger_entry(values):
    values.put(1)
    assert values.call("DELETE")[0] == 204
    assert values.call("GET")[0] == 404
    assert list(values.backend.iter_refs()) == []
    assert values.ledger() == {}


def test_deleting_a_missing_key_is_not_an_error(values):
    assert values.call("DELETE")[0] == 204


def test_an_overwritten_object_is_removed(values):
    values.put(1)
    values.put(2)
    ((ref, *_),) = values.backend.iter_refs()
    assert values.task.get("k") == envelope.wrap(ref)
    assert list(values.ledger()) == [ref]


@pytest.mark.parametrize("retention", [60, 0.5, "never"])
def test_retention_sets_the_expiry(values, retention):
    values.put(1, retention=retention)
    expires_at = values.task.entry("k").expires_at
    assert (expires_at is None) == (retention == "never")


def test_without_retention_the_default_applies(values):
    values.namespace.config["default_retention_days"] = 0
    values.put(1)
    assert values.task.entry("k").expires_at is None


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body.value"),
        ({"value": None}, "body.value"),
        ({"value": 1, "retention": -1}, "body.retention"),
        ({"value": 1, "retention": True}, "body.retention"),
        ({"value": 1, "retention": "30"}, "body.retention"),
        ({"value": 1, "retention": 2.6e11}, "body.retention"),
        ({"value": 1, "retention": 1e300}, "body.retention"),
        ({"value": {envelope.MARKER: "s3://x"}}, "body.value"),
        ({"value": {envelope.MARKER: 1, "b": 2}}, "body.value"),
        ({"value": [{"a": float("nan")}]}, "body.value"),
    ],
)
def test_an_invalid_value_is_refused_before_the_backend(values, body, where):
    status, answer = values.call("PUT", data=json.dumps(body), content_type="application/json")
    assert status == 422
    assert answer["detail"]["errors"][0]["where"] == where
    assert list(values.backend.iter_refs()) == []


def test_asset_state_takes_no_retention(values):
    body = {"value": 1, "retention": 60}
    assert (
        values.call("PUT", "/_stateroom/values/asset/by-name", query={"name": "orders"}, json=body)[
            0
        ]
        == 422
    )


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_call_without_a_key_is_refused(values, method):
    values.put(1)
    for query in ("", "?key="):
        assert (
            values.http.open(values.path + query, method=method, json={"value": 2}).status_code
            == 400
        )
    assert values.call("GET") == (200, {"value": 1})


def test_a_parameter_without_a_name_names_no_scope(values):
    """It is one that a fuzzer sends, and was taken for the asset's name."""
    answer = values.http.put(f"{values.path}?=x", json={"value": 1})
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "no_key"


@pytest.mark.parametrize(
    "path", ["ti/01900000-0000-7000-8000-00000000dead", "asset/by-name", "asset/by-uri"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_values_of_an_unknown_scope_are_404(values, path, method):
    query = {"name": "nope", "uri": "nope"}
    status, answer = values.call(
        method, f"/_stateroom/values/{path}", query=query, json={"value": 1}
    )
    assert status == 404
    assert answer["detail"]["reason"] == "not_found"
    assert list(values.backend.iter_refs()) == []


def test_without_a_backend_values_stay_in_the_database(app):
    values = Values(app)
    values.put({"a": 1})
    assert values.task.get("k") == {"a": 1}
    assert values.call("GET") == (200, {"value": {"a": 1}})


# ---------------------------------------------------------------- references are hostile input


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "passwords.json"
    path.write_text('"hunter2"')
    return path


@pytest.mark.parametrize("backend", ["PlainFolder", "Folder"])
@pytest.mark.parametrize("claimed", [False, True])
def test_a_forged_reference_is_refused_with_any_header(app_with, secret_file, backend, claimed):
    values = Values(app_with(backend))
    facts = Facts.of(f"tests.support.backends.small.{backend}", "hunter2") if claimed else None
    headers = {"Stateroom-Ref": facts.to_header()} if facts else {}
    path = f"/execution/store/ti/{values.ti_id}/k"
    values.http.put(path, json={"value": envelope.wrap(str(secret_file))}, headers=headers)
    status, answer = values.call("GET")
    assert status == 403
    assert answer["detail"]["reason"] == "refused"
    assert "hunter2" not in json.dumps(answer)


def test_overwriting_a_forged_reference_removes_nothing(values, secret_file):
    values.task.set(
        "k", envelope.wrap(str(secret_file)), facts=Facts.of(values.service.backend.name, "hunter2")
    )
    assert values.put(1)[0] == 204
    assert secret_file.exists()


def test_the_reference_of_another_key_is_refused(app_with):
    values = Values(app_with("PlainFolder"))
    values.put("mine")
    values.task.set("stolen", values.task.get("k"))
    assert values.call("GET") == (200, {"value": "mine"})
    assert values.call("GET", key="stolen")[0] == 403


def test_overwriting_a_copy_keeps_the_object_of_another_row(values):
    values.put("mine")
    values.task.set("copy", values.task.get("k"))
    values.call("PUT", key="copy", json={"value": 2})
    assert values.call("GET") == (200, {"value": "mine"})


# ---------------------------------------------------------------- backends that raise


def test_an_exception_is_502_and_leaves_the_row_unchanged(raising):
    raising.put(1)
    before = raising.task.entry("k")
    raising.backend.errors["serialize"] = PermissionError("no access to s3://me:secret@bucket/k")
    status, answer = raising.put(2)
    detail = answer["detail"]
    assert status == 502
    assert detail["class"] == "PermissionError"
    assert detail["row"] == "unchanged"
    assert detail["reason"] == "backend_failed"
    assert "no access to s3://***@bucket/k" in detail["message"]
    assert raising.task.entry("k") == before


@pytest.mark.parametrize(
    "error", [ValueError("x"), TypeError("x"), KeyError("k"), SystemExit(1), TimeoutError()]
)
def test_a_backends_exception_is_never_the_callers_error(raising, error):
    raising.backend.errors["serialize"] = error
    status, answer = raising.put(1)
    assert status == 502
    assert answer["detail"]["class"] == type(error).__name__


def test_a_missing_object_is_an_error_not_a_missing_key(values):
    values.put(1)
    for ref, *_ in values.backend.iter_refs():
        values.backend.remove_ref(ref)
    status, answer = values.call("GET")
    assert status == 502
    assert answer["detail"]["reason"] == "missing"
    assert answer["detail"]["class"] == "ObjectMissing"


def test_a_damaged_object_is_an_error(values, tmp_path):
    values.put(1)
    ref = envelope.unwrap(values.task.get("k"))
    with open(ref, "w") as file:
        file.write("2")
    assert values.call("GET")[1]["detail"]["reason"] == "corrupt"


@pytest.mark.parametrize("bad", [None, {1, 2}, b"x", object(), {1: 2}])
def test_a_value_that_is_not_json_is_a_502(values, monkeypatch, bad):
    values.task.set("k", envelope.wrap(str(values.backend.root / "x")))
    hooks = values.service.backend.hooks
    monkeypatch.setattr(hooks, "deserialize", lambda scope, ref: bad)
    status, answer = values.call("GET")
    assert status == 502
    assert answer["detail"]["reason"] == "bad_backend"


def test_a_delete_that_raises_reports_the_row_as_changed(raising):
    raising.put(1)
    raising.backend.errors["remove_ref"] = OSError("disk")
    status, answer = raising.call("DELETE")
    assert status == 502
    assert answer["detail"]["row"] == "changed"
    assert [row["health"] for row in raising.ledger().values()] == ["orphan"]


def test_a_backend_that_cannot_delete_leaves_an_orphan(app_with):
    values = Values(app_with("Keeping"))
    values.put(1)
    assert values.call("DELETE")[0] == 204
    assert [row["health"] for row in values.ledger().values()] == ["orphan"]


def test_a_set_succeeds_if_the_old_object_cannot_be_removed(raising):
    raising.put(1)
    raising.backend.errors["remove_ref"] = OSError("disk")
    assert raising.put(2)[0] == 204
    assert raising.call("GET") == (200, {"value": 2})
    assert sorted(row["health"] for row in raising.ledger().values()) == ["orphan", "unchecked"]


def test_an_object_whose_row_cannot_be_written_is_an_orphan(values, monkeypatch):
    def superseded(**_):
        task_instances.create_task_instance(
            values.namespace, SCOPE
        )  # the attempt ends while the backend is at work
        return original(**_)

    hook = "serialize_task_state_store_to_ref"
    original = getattr(values.backend, hook)
    pair = values.service.backend.hooks._pairs["task"]
    monkeypatch.setitem(values.service.backend.hooks._pairs, "task", (superseded, *pair[1:]))
    assert values.put(1)[0] == 404
    assert [row["health"] for row in values.ledger().values()] == ["orphan"]


# ---------------------------------------------------------------- backends that hang


def test_a_set_after_the_deadline_leaves_only_an_orphan(hanging):
    hanging.put(1)
    before = hanging.task.entry("k")
    hanging.backend.hang_in = "serialize"
    status, answer = hanging.put(2)
    assert status == 504
    assert answer["detail"]["reason"] == "backend_timeout"
    assert answer["detail"]["row"] == "unchanged"
    hanging.backend.go_on.set()
    wait_for(lambda: len(hanging.ledger()) == 2)
    assert hanging.task.entry("k") == before
    assert sorted(row["health"] for row in hanging.ledger().values()) == ["orphan", "unchecked"]


def test_a_late_object_that_the_row_holds_stays_held(hanging):
    hanging.put(1)
    hanging.backend.hang_in = "serialize"
    assert hanging.put(1)[0] == 504
    hanging.backend.go_on.set()
    wait_for(lambda: hanging.service.backend.calls.counts()["running"] == 0)
    assert [row["health"] for row in hanging.ledger().values()] == ["unchecked"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_after_the_deadline_the_row_is_reported_as_changed(hanging, method):
    hanging.put(1)
    hanging.backend.hang_in = "remove_ref"
    status, answer = hanging.call(method, json={"value": 2})
    assert status == 504
    assert answer["detail"]["row"] == "changed"


def test_stuck_calls_show_in_health(hanging):
    hanging.put(1)
    hanging.backend.hang_in = "deserialize"
    assert [hanging.call("GET")[0] for _ in range(2)] == [504, 504]
    health = hanging.http.get("/_stateroom/health").get_json()
    assert health["backend"] == {
        "name": "tests.support.backends.small.Hanging",
        "running": 2,
        "stuck": 2,
        "most": 32,
    }


def test_a_call_without_a_free_thread_gets_retry_after(hanging):
    hanging.put(1)
    hanging.backend.hang_in = "deserialize"
    hanging.service.backend.calls.most = 2
    assert [hanging.call("GET")[0] for _ in range(2)] == [504, 504]
    answer = hanging.http.get(hanging.path, query_string={"key": "k"})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"


def test_a_hanging_backend_holds_no_lock(hanging):
    hanging.put(1)
    hanging.backend.hang_in = "remove_ref"
    hanging.service.backend.calls.most = 32
    caller = threading.Thread(target=lambda: hanging.put(2))
    caller.start()
    assert hanging.backend.entered.acquire(timeout=10)
    hanging.task.set("other", 1)
    assert hanging.task.get("other") == 1
    caller.join()


# ---------------------------------------------------------------- who may


@pytest.fixture
def guarded(app_with):
    return Values(app_with("Folder", jwt_secret=SECRET))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_tasks_own_token_opens_its_values_and_names_the_writer(guarded):
    headers = bearer(tokens.for_task_instance(SECRET, guarded.ti_id))
    assert guarded.call("PUT", json={"value": 1}, headers=headers)[0] == 204
    (row,) = guarded.ledger().values()
    assert row["writer_kind"] == "task"
    assert row["writer_ti_id"] == guarded.ti_id


def test_a_refused_call_is_the_gateways_in_the_journal(guarded):
    assert guarded.call("GET")[0] == 401  # before any view has run
    headers = bearer(tokens.for_role(SECRET, "admin"))
    events = guarded.http.get("/_stateroom/journal", headers=headers).get_json()["events"]
    assert events[-1]["status"] == 401
    assert events[-1]["api"] == "gateway"


@pytest.mark.parametrize(
    ("token", "of_task", "of_asset"),
    [
        (None, 401, 401),
        ("nonsense", 403, 403),
        (tokens.for_task_instance(SECRET, "01900000-0000-7000-8000-00000000beef"), 403, 404),
        (tokens.for_task_instance("x" * 64, "01900000-0000-7000-8000-00000000beef"), 403, 403),
        (tokens.for_role(SECRET, "viewer"), 403, 403),
        (tokens.for_role(SECRET, "op"), 403, 403),
        (tokens.for_role(SECRET, "admin"), 404, 404),
    ],
    ids=["none", "nonsense", "another task", "another secret", "viewer", "op", "admin"],
)
def test_others_need_an_admins_token(guarded, token, of_task, of_asset):
    headers = bearer(token) if token else {}
    assert guarded.call("GET", headers=headers)[0] == of_task
    path = "/_stateroom/values/asset/by-name"
    assert guarded.call("GET", path, query={"name": "orders"}, headers=headers)[0] == of_asset


def test_a_form_of_another_page_cannot_write(values):
    data = {"content_type": "text/plain", "data": json.dumps({"value": 1})}
    assert values.call("PUT", **data)[0] == 415
