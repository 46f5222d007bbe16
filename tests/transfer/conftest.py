"""Two served processes: a peer with a secret, and the service that the commands talk to."""

import json

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.process import ServerProcess
from tests.support.world import SECRET, admin
from tests.transfer.service import Service


@pytest.fixture(scope="package")
def guarded_process(tmp_path_factory):
    passwords = tmp_path_factory.mktemp("passwords") / "passwords.json"
    passwords.write_text('{"admin": "sesame"}')
    environ = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords)}
    arguments = ["--db", ":memory:", "--jwt-secret", SECRET]
    with ServerProcess(arguments, environ) as process:
        yield process


@pytest.fixture
def peer(guarded_process):
    """A peer that wants a token."""
    return Service(guarded_process.url, admin())


@pytest.fixture
def here(served):
    """The service of the commands, which holds nothing."""
    service = Service(served.url)
    service.call("POST", "/_stateroom/reset?to=empty")
    return service


@pytest.fixture
def run(here):
    """Runs a command on the service."""

    def run(*arguments, **environ):
        return CliRunner().invoke(cli, ["--url", here.url, *arguments], env=environ)

    return run


@pytest.fixture
def report(run):
    """The report of a command that succeeds."""

    def report(*arguments, **environ):
        result = run("--json", *arguments, **environ)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return report
