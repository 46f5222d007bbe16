"""Resolving a reference for a person: each outcome, and what the ledger records."""

import json
from pathlib import Path

import pytest

from state.gateway.gateway import Gateway
from state.gateway.resolve import Resolution, resolve
from state.model.envelope import MARKER
from state.model.scopes import API_WRITER, TaskScope
from state.store import keyspaces
from state.store.tables import task_instances
from state.store.views import details, keys

VALUE = {"rows": 3}
SCOPE = TaskScope("etl", "manual__1", "extract")
FOREIGN = {MARKER: "/another/backends/object"}


class Desk:
    """A reference under the key ``report`` of a task instance, and the means to resolve it."""

    def __init__(self, app):
        service = app.extensions["stateroom"]
        self.namespace = service.store.namespace()
        self.backend = service.backend
        self.ti_id = task_instances.create_task_instance(self.namespace, SCOPE)["id"]

    def put(self, value=VALUE):
        Gateway.of_task(self.backend, self.namespace, self.ti_id, API_WRITER).put(
            "report", value, None, "caller"
        )

    @property
    def row(self):
        task = details.task(self.namespace, SCOPE)
        return keys.get(self.namespace, task["scope_id"], "report")

    def resolve(self, **kwargs):
        return resolve(self.namespace, self.backend, self.row, **kwargs)


@pytest.fixture
def desk(app_with):
    def desk(backend="Folder", **settings):
        return Desk(app_with(backend, **settings))

    return desk


def test_ok_with_the_value(desk):
    at = desk()
    at.put()
    outcome = at.resolve()
    assert outcome.resolution is Resolution.OK
    assert outcome.text == '{"rows": 3}'
    assert at.row["health"] == "ok"


def test_missing(desk):
    at = desk()
    at.put()
    Path(at.row["ref"]).unlink()
    assert at.resolve().resolution is Resolution.MISSING
    assert at.row["health"] == "missing"


@pytest.mark.parametrize(
    ("immutable", "word", "shown"), [(True, "corrupt", None), (False, "changed", "[1]")]
)
def test_other_checksum_is_damage_only_for_immutable_objects(desk, immutable, word, shown):
    at = desk()
    at.put()
    at.backend.hooks.backend.immutable = immutable
    Path(at.row["ref"]).write_text("[1]")
    outcome = at.resolve()
    assert outcome.resolution.value == word
    assert outcome.text == shown
    assert at.row["health"] == word


def test_an_object_that_is_not_json_is_corrupt(desk):
    at = desk()
    at.put()
    Path(at.row["ref"]).write_text("{")
    assert at.resolve().resolution is Resolution.CORRUPT


@pytest.mark.parametrize(("backend", "word"), [("Folder", "foreign"), ("PlainFolder", "refused")])
def test_a_reference_that_is_not_the_backends_is_not_read(desk, backend, word, monkeypatch):
    at = desk(backend)
    keyspaces.task(at.namespace, SCOPE).set("report", FOREIGN)
    monkeypatch.setattr(at.backend.hooks, "read", lambda *_: pytest.fail("it was read"))
    assert at.resolve().resolution.value == word


@pytest.mark.parametrize(("rows", "health"), [(3, "ok"), ("3" * 10_000, None)])
def test_the_json_text_of_a_value_is_shown_and_no_backend_called(desk, monkeypatch, rows, health):
    """A short text is in the ledger, a long one is not."""
    at = desk("PlainFolder")
    text = json.dumps({"rows": rows})
    keyspaces.task(at.namespace, SCOPE).set("report", {MARKER: text})
    monkeypatch.setattr(at.backend.hooks, "read", lambda *_: pytest.fail("it was read"))
    outcome = at.resolve()
    assert outcome.resolution is Resolution.OK
    assert outcome.text == text
    assert at.row["health"] == health


def test_without_a_backend_nothing_is_resolved(start):
    at = Desk(start())
    keyspaces.task(at.namespace, SCOPE).set("report", FOREIGN)
    assert at.resolve().resolution is Resolution.REFUSED


def test_too_large_is_known_before_it_is_read(desk, monkeypatch):
    at = desk()
    at.put("x" * 100)
    monkeypatch.setattr(at.backend.hooks, "read", lambda *_: pytest.fail("it was read"))
    assert at.resolve(largest=99).resolution is Resolution.TOO_LARGE


def test_too_large_although_the_ledger_has_a_smaller_size(desk):
    at = desk()
    at.put("x")
    Path(at.row["ref"]).write_text('"' + "x" * 500 + '"')
    outcome = at.resolve(largest=99)
    assert outcome.resolution is Resolution.TOO_LARGE
    assert outcome.text is None


def test_a_hanging_backend_times_out(desk):
    at = desk("Hanging", backend_timeout=0.1)
    at.put()
    at.backend.hooks.backend.hang_in = "deserialize"
    outcome = at.resolve()
    at.backend.hooks.backend.go_on.set()
    assert outcome.resolution is Resolution.FAILED
    assert "did not answer within 0.1 s" in outcome.sentence
    assert at.row["health"] == "unchecked"


def test_backend_errors_are_shown_without_credentials(desk):
    at = desk("Raising")
    at.put()
    at.backend.hooks.backend.errors["deserialize"] = OSError("no route to s3://user:hunter2@bucket")
    outcome = at.resolve()
    assert outcome.resolution is Resolution.FAILED
    assert "no route to s3://***@bucket" in outcome.sentence
