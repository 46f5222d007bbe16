"""A service with the demo's state, and the command line on it."""

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.process import ServerProcess


@pytest.fixture(scope="module")
def service():
    with ServerProcess(["--db", ":memory:", "--fixture", "examples/demo.json"]) as process:
        yield process


@pytest.fixture
def fresh(service):
    """Runs a command on the service, whose state is as at its start."""

    def fresh(*arguments, **kwargs):
        return CliRunner().invoke(cli, ["--url", service.url, *arguments], **kwargs)

    assert fresh("reset", "--yes").exit_code == 0
    return fresh
