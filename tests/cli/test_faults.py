"""``stateroom faults``: the same faults as over HTTP."""

import json
from dataclasses import fields

import pytest
from click.testing import CliRunner

from schemas.control import faults as schemas
from state.cli.main import cli
from state.cli.nouns.faults import create_fault
from state.client.http import StateroomClient
from state.model.faults import Fault
from state.model.scopes import SCOPE_MEMBERS


@pytest.fixture
def run(served):
    StateroomClient(served.url).call("POST", "/_stateroom/reset")
    return lambda *arguments: CliRunner().invoke(cli, ["--url", served.url, *arguments])


def test_every_member_of_a_fault_can_be_sent_and_typed():
    members = {field.name for field in fields(Fault)}
    options = {parameter.name for parameter in create_fault.params}
    assert set(schemas.Fault().fields) == members
    assert options >= (members - {"scope"}) | set(SCOPE_MEMBERS)


def test_a_fault_is_added_listed_and_removed(run):
    line = (
        "call 2 only, on get of job_* task_id=ex* map_index=3: "
        "wait 0.5 to 2 s, answer 503 after the call takes effect"
    )
    where = ["--op", "get", "--key", "job_*", "--task", "ex*", "--map-index", "3", "--nth", "2"]
    result = run("faults", "create", *where, "--status", "503", "--after", "--latency", "0.5-2")
    assert result.exit_code == 0
    assert line in result.output
    assert result.output.strip() == run("faults", "list").output.strip()
    assert run("faults", "delete", result.output.split()[0]).exit_code == 0
    assert run("faults", "list").output.startswith("no faults are set")


@pytest.mark.parametrize(
    ("options", "members"),
    [
        (["--close", "before"], {"close": "before"}),
        (
            ["--truncate", "--probability", "0.5", "--seed", "3"],
            {"truncate": True, "probability": 0.5, "seed": 3},
        ),
        (["--latency", "1.5", "--times", "2"], {"latency": 1.5, "times": 2}),
        (
            ["--backend", "missing", "--asset", "orders"],
            {"backend": "missing", "scope": {"asset": "orders"}},
        ),
    ],
)
def test_every_option_reaches_the_service(run, options, members):
    fault = json.loads(run("--json", "faults", "create", *options).output)
    assert members.items() <= fault.items()
    assert json.loads(run("--json", "faults", "list").output) == [fault]
    assert run("faults", "delete", "--all").exit_code == 0
    assert json.loads(run("--json", "faults", "list").output) == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["create"], 10, "name an effect"),
        (["create", "--latency", "soon"], 2, "write seconds up to 600"),
        (["create", "--latency", "2-1"], 10, "the first is greater"),
        (["create", "--status", "200"], 2, "400<=x<=599"),
        (["delete", "99999"], 1, "there is no fault 99999"),
    ],
)
def test_an_invalid_fault_is_reported_with_an_exit_status(run, arguments, status, words):
    result = run("faults", *arguments)
    assert result.exit_code == status
    assert words in result.output
