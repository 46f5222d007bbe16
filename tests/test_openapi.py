"""The description is valid, complete, and true: schemathesis finds no answer outside it."""

import json
import subprocess
import sys

import pytest
from openapi_spec_validator import validate

from state.process import ServerProcess
from web.openapi import OPERATIONS

SEED = 8103
UNDESCRIBED = {"core_api.unknown", "openapi.get_openapi"}  # the catch-all for wrong paths, and the description itself


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def test_the_description_is_valid(document):
    validate(document)


def test_every_route_is_described(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    own = {name for name in endpoints if not name.startswith("not_emulated.")}
    assert own - UNDESCRIBED == set(OPERATIONS)


def test_operation_ids_are_unique(document):
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) > 30


@pytest.mark.parametrize("secured", [False, True], ids=["open", "with a secret"])
def test_schemathesis_finds_nothing_outside_it(secured, tmp_path):
    """Many requests, right and wrong, with a fixed seed; with a secret none of them bears a token."""
    options = ["--jwt-secret", "s" * 70] if secured else []
    report = tmp_path / "report.ndjson"
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    with ServerProcess(["--db", ":memory:", "--fixture", "examples/demo.json", *options]) as process:
        call = [sys.executable, "-m", "schemathesis.cli", "run", f"{process.url}/openapi.json"]
        call += [
            "--checks",
            checks,
            "--seed",
            str(SEED),
            "--max-examples",
            "15",
            "--phases",
            "examples,coverage,fuzzing",
        ]
        call += ["--generation-database", "none", "--workers", "2", "--report", "ndjson"]
        call += ["--report-ndjson-path", str(report), "--no-color"]
        done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    assert len(report.read_text().splitlines()) > 100 and json.loads(report.read_text().splitlines()[0])
