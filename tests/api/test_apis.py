"""The path of a call decides its API: the name in the journal, the errors, the tokens."""

import pytest
from flask import Blueprint

from state import errors
from state.model.compat import DEFAULT
from web.api import openapi
from web.operation import NO_BODY, Operation

FAULTED = "fault 1 answered 503 on purpose"
INJECTED = {"reason": "injected_fault", "message": FAULTED}
APIS = pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("/execution", "execution"),
        ("/api", "core"),
        ("/_stateroom", "control"),
        ("/_stateroom/values", "gateway"),
    ],
)


@pytest.fixture
def widgets(start):
    """Makes an app with a view on state, in a blueprint whose name stands in no other module."""

    def make(prefix):
        app = start()
        bp = Blueprint("widgets", __name__, url_prefix=f"{prefix}/widgets")

        @bp.put("/<key>")
        @Operation(NO_BODY, state_op="set")
        def put_widget(key):
            """Keep a widget."""
            raise errors.KeyNotFound("Task", key)

        app.register_blueprint(bp)
        return app

    return make


@APIS
def test_the_journal_names_the_api_of_a_refused_call(widgets, prefix, name):
    client = widgets(prefix).test_client()
    assert client.put(f"{prefix}/widgets/k", json={}).status_code == 404
    event = client.get("/_stateroom/journal").json["events"][-1]
    assert event["op"] == "set"
    assert event["status"] == 404
    assert event["api"] == name


@pytest.mark.parametrize(
    ("prefix", "detail"),
    [
        ("/execution", INJECTED),
        ("/api", FAULTED),
        ("/_stateroom", INJECTED),
        ("/_stateroom/values", INJECTED),
    ],
)
def test_a_fault_answers_a_new_view_in_its_apis_shape(widgets, prefix, detail):
    client = widgets(prefix).test_client()
    client.post("/_stateroom/faults", json={"status": 503})
    answer = client.put(f"{prefix}/widgets/k", json={})
    assert answer.status_code == 503
    assert answer.json == {"detail": detail}


@pytest.mark.parametrize(
    ("prefix", "tokens"),
    [
        ("/execution", ["worker"]),
        ("/api", ["person"]),
        ("/_stateroom", ["person"]),
        ("/_stateroom/values", ["worker", "person"]),
    ],
)
def test_the_description_names_the_tokens_of_a_new_view(widgets, prefix, tokens):
    with widgets(prefix).test_request_context():
        document = openapi.describe(DEFAULT)
    described = document["paths"][f"{prefix}/widgets/{{key}}"]["put"]
    assert described["security"] == [*({token: []} for token in tokens), {}]
