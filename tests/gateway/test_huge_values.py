"""A backend that returns something huge neither fills the memory nor holds other calls up."""

import json
import time

import pytest

from app import create_app
from state.backends.files import FileBackend
from state.errors import ObjectTooLarge
from state.model.values import Encoded, is_larger
from tests.support.backends.small import HUGE, Endless, nested
from tests.support.values import SCOPE, Values

LIMIT = 16 * 2**20


@pytest.fixture
def huge(app_with):
    return Values(app_with("Huge", backend_timeout=20))


@pytest.mark.parametrize(
    "name",
    [
        "text",
        pytest.param("list", marks=pytest.mark.slow),
        "names",
        "number",
        pytest.param("endless", marks=pytest.mark.slow),
    ],
)
def test_a_huge_value_is_refused_before_it_is_written_as_json(huge, monkeypatch, name):
    huge.put(name)
    monkeypatch.setattr("state.model.values.dumps", None)  # it holds the lock of the interpreter
    status, answer = huge.call("GET")
    assert status == 502
    assert answer["detail"]["reason"] == "too_large"
    assert "16,777,216 bytes" in answer["detail"]["message"]
    assert "--max-body" in answer["detail"]["message"]


@pytest.mark.parametrize(
    ("name", "cls"), [("nested", "RecursionError"), ("circular", "ValueError")]
)
def test_a_value_without_a_bottom_is_an_error_of_the_backend(huge, name, cls):
    huge.put(name)
    status, answer = huge.call("GET")
    assert status == 502
    assert answer["detail"]["class"] == cls


@pytest.mark.parametrize("depth", range(100, 1100, 100))
def test_no_depth_of_a_value_is_a_bug_of_the_service(huge, monkeypatch, depth):
    monkeypatch.setitem(HUGE, "nested", lambda: nested(depth, "NaN"))
    huge.put("nested")
    assert huge.call("GET")[0] in (200, 502)


@pytest.mark.parametrize("name", ["text", "list"])
def test_a_huge_reference_is_refused_and_not_repeated(app_with, name):
    values = Values(app_with("HugeReference"))
    began = time.monotonic()
    status, answer = values.put(name)
    assert status == 502
    assert len(answer["detail"]["message"]) < 1000
    assert time.monotonic() - began < 5


def test_the_health_of_a_huge_value_is_unchecked(huge):
    huge.put("text")
    answer = huge.http.post("/_stateroom/references/check", json={}).json
    assert answer["health"] == {"unchecked": 1}
    assert "larger than" in answer["errors"][0]["message"]


def test_the_largest_value_that_can_be_set_can_be_read(app_with):
    values = Values(app_with("Folder", max_body=1000))
    text = "é" * 490  # 6 characters each in the stored JSON text
    assert (
        values.call(
            "PUT",
            data=json.dumps({"value": text}, ensure_ascii=False).encode(),
            content_type="application/json",
        )[0]
        == 204
    )
    assert values.call("GET") == (200, {"value": text})


def test_a_huge_object_is_not_read_to_its_end():
    pieces = iter([b"x" * 2**20] * 200)
    with pytest.raises(ObjectTooLarge):
        Encoded.read(pieces, LIMIT)
    assert len(list(pieces)) > 100


def test_a_huge_object_of_a_built_in_backend_is_refused(tmp_path):
    backend = FileBackend(tmp_path)
    ref = backend.write(SCOPE, "k", Encoded.of("x" * 9000))
    backend.largest = 1000
    with pytest.raises(ObjectTooLarge):
        backend.read(ref)


def test_the_service_bounds_what_a_built_in_backend_reads(tmp_path):
    environ = {"STATEROOM_BACKEND_BASE": str(tmp_path)}
    app = create_app({"db": ":memory:", "backend": "file", "max_body": 1000}, environ)
    service = app.extensions["stateroom"]
    assert service.backend.hooks.backend.largest == 1000
    service.store.close()


@pytest.mark.parametrize("value", ["text", 1, 1.5, None, True, [], {}, [1, "ab", {"c": [None]}]])
def test_a_value_is_never_larger_than_its_shortest_json(value):
    text = json.dumps(value, separators=(",", ":"))
    assert not is_larger(value, len(text))


@pytest.mark.parametrize("value", [Endless(), ["x" * 1001], 10**1500, [0] * 1001])
def test_a_value_is_larger_than_a_limit(value):
    assert is_larger(value, 1000)
