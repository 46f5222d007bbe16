"""The description is valid, complete, and true: schemathesis finds no answer outside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Blueprint

from schemas.control.faults import Fault
from schemas.control.snapshots import Snapshots
from state.model.compat import DEFAULT
from state.process import ServerProcess
from web.api import openapi
from web.operation import Operation, operation_of

DEMO = Path(__file__).parents[2] / "examples" / "demo.json"
UNDESCRIBED = {
    "core_api.unknown",
    "openapi.get_openapi",
}  # the catch-all for wrong paths, and the description itself
OPTIONS = [
    "--seed=8103",
    "--max-examples=15",
    "--phases=examples,coverage,fuzzing",
    "--generation-database=none",
    "--checks=not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance",
    "--report-har-path=requests.har",
    "--no-color",
]
# of the demo fixture; with them most requests get past "not found"
KNOWN = [
    '"path.dag_id" = "etl"',
    '"path.run_id" = "scheduled__2026-01-02T00:00:00+00:00"',
    '"path.task_id" = "submit"',
    '"path.task_instance_id" = "01920000-0000-7000-8000-000000000002"',
    '"path.asset_id" = 1',
    '"path.key" = "a/b"',
    '"query.key" = "a/b"',
    '"query.name" = "orders"',
    '"query.uri" = "s3://warehouse/orders"',
    '"header.Airflow-API-Version" = "2026-06-30"',
]
NO_WAIT = '"query.wait" = 0'  # else each call of the journal takes up to a minute
STABLE = [
    "--exclude-operation-id=control_api_reset",
    "--exclude-operation-id=control_api_put_fixture",
]
COVERAGE = "--phases=coverage"
CALM = "--exclude-operation-id=faults_api_add_fault"  # which would make other calls end otherwise
SECRET = ["--jwt-secret", "s" * 70]


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


@pytest.fixture
def operations(document):
    return {
        each["operationId"]: each for path in document["paths"].values() for each in path.values()
    }


@pytest.mark.extra
def test_the_description_is_valid(document):
    validator = pytest.importorskip(
        "openapi_spec_validator", reason="needs openapi-spec-validator: requirements-dev.txt"
    )
    validator.validate(document)


def test_every_route_is_described(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    own = {
        name for name in endpoints if not name.startswith(("not_emulated.", "ui"))
    }  # pages are for people
    assert own - UNDESCRIBED == {name for name in own if operation_of(app, name)}


def test_operation_ids_are_unique(document, operations):
    assert len(operations) > 30
    assert len(operations) == sum(len(path) for path in document["paths"].values())


def test_two_schemas_of_one_name_are_two(operations, document):
    answers = [
        operations[f"{api}_get_task_state_store"]["responses"]["200"]["content"][
            "application/json"
        ]["schema"]["$ref"]
        for api in ("execution_api", "core_api")
    ]
    members = [
        set(document["components"]["schemas"][ref.rsplit("/", 1)[1]]["properties"])
        for ref in answers
    ]
    assert members == [{"value"}, {"key", "value", "updated_at", "expires_at"}]


@pytest.mark.parametrize(
    ("operation", "security"),
    [
        ("execution_api_set_task_state_store", [{"worker": []}, {}]),
        ("core_api_get_assets", [{"person": []}, {}]),
        ("control_api_put_fixture", [{"person": []}, {}]),
        ("login_create_token", []),
        ("core_api_get_version", []),
    ],
)
def test_an_operation_documents_who_may_call_it(operations, operation, security):
    assert operations[operation]["security"] == security


def test_apispec_is_loaded_with_the_first_description():
    program = """if True:
        import sys, app
        client = app.create_app({"db": ":memory:"}).test_client()
        assert "apispec" not in sys.modules
        assert client.get("/openapi.json").status_code == 200
        assert "apispec" in sys.modules"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=DEMO.parent.parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("served_with", "known", "asked_with", "answered_with"),
    [
        ([], [], [CALM], {200, 201, 204, 400, 404, 415, 422}),
        (["--backend", "memory"], KNOWN, [*STABLE, CALM], {200, 201, 204, 400, 404, 409, 415, 422}),
        ([], [], ["--include-path-regex=/_stateroom/faults"], {200, 201, 204, 404, 415, 422}),
        (SECRET, KNOWN, [COVERAGE], {200, 400, 401, 403, 415, 422}),
        (
            ["--compat", "3.4"],
            [row for row in KNOWN if "2026-06-30" not in row],
            [*STABLE, CALM],
            {200, 201, 204, 400, 404, 409, 410, 415, 422},
        ),
        (
            SECRET,
            KNOWN,
            [COVERAGE, "--header=Authorization: Bearer nonsense"],
            {200, 400, 403, 415, 422},
        ),
    ],
    ids=["anything", "what is there", "faults", "without a token", "3.4", "with a wrong token"],
)
def test_schemathesis_finds_nothing_outside_it(
    served_with, known, asked_with, answered_with, tmp_path
):
    """One or two thousand requests, right and wrong."""
    pytest.importorskip("schemathesis", reason="needs schemathesis: requirements-dev.txt")
    (tmp_path / "schemathesis.toml").write_text("\n".join(["[parameters]", NO_WAIT, *known]))
    with ServerProcess(["--db", ":memory:", "--fixture", str(DEMO), *served_with]) as process:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{process.url}/openapi.json"]
        result = subprocess.run(
            [*command, *OPTIONS, *asked_with], capture_output=True, text=True, cwd=tmp_path
        )
    assert result.returncode == 0, result.stdout[-6000:]
    entries = json.loads((tmp_path / "requests.har").read_text())["log"]["entries"]
    assert {entry["response"]["status"] for entry in entries} >= answered_with


def test_a_new_endpoint_is_described_by_its_view_alone(start):
    """Its module, its path's variable and its body stand in no list."""
    app = start()
    widgets = Blueprint("widgets_api", __name__, url_prefix="/_stateroom/widgets")

    @widgets.put("/<widget>")
    @Operation((200, Snapshots), body=Fault, also=(409,))
    def put_widget(widget):
        """Keep a widget."""

    app.register_blueprint(widgets)
    with app.test_request_context():
        document = openapi.describe(DEFAULT)
    described = document["paths"]["/_stateroom/widgets/{widget}"]["put"]
    assert described["tags"] == ["Control API"]
    assert described["summary"] == "Keep a widget."
    assert [parameter["name"] for parameter in described["parameters"]] == ["widget"]
    assert set(described["responses"]) > {"200", "401", "403", "404", "409", "415", "422"}


def test_the_wait_for_another_login_is_described(document):
    answer = document["paths"]["/auth/token"]["post"]["responses"]["429"]
    assert "wrong passwords" in answer["description"]
    assert "Retry-After" in answer["headers"]


def test_every_reason_to_refuse_a_heartbeat_is_described(document):
    path = "/execution/task-instances/{task_instance_id}/heartbeat"
    answer = document["paths"][path]["put"]["responses"]["409"]
    schema = answer["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/ErrorsHeartbeatResponse"}
    reason = document["components"]["schemas"]["ErrorsHeartbeatReason"]["properties"]
    assert {"current_state", "current_hostname", "current_pid"} < set(reason)


def test_an_answer_that_may_be_null_is_described_so(document):
    answer = document["paths"]["/execution/dag-runs/previous"]["get"]["responses"]["200"]
    shapes = answer["content"]["application/json"]["schema"]["anyOf"]
    assert shapes == [{"$ref": "#/components/schemas/ExecutionDagRun"}, {"type": "null"}]


def test_the_refusal_of_an_empty_label_is_described(document):
    path = "/execution/task-instances/{task_instance_id}/rendered-map-index"
    answer = document["paths"][path]["patch"]["responses"]["422"]
    shapes = answer["content"]["application/json"]["schema"]["anyOf"]
    assert {"$ref": "#/components/schemas/ErrorsHTTPExceptionResponse"} in shapes
