"""The commands in docs/cli.md and docs/faults.md print what is shown, with the demo loaded."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.process import ServerProcess

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.+?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ stateroom (.+)\n((?:(?!\$ ).+\n)*)", re.MULTILINE)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def run(arguments, url):
    """Run a command of ``stateroom`` on a service; return what it prints."""
    result = CliRunner().invoke(cli, ["--url", url, *shlex.split(arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def without_moments(text):
    return MOMENT.sub("<moment>", text)


@pytest.mark.parametrize("page", ["cli.md", "faults.md"])
def test_the_commands_of_a_page_print_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((ROOT / "docs" / page).read_text("utf-8"))
    commands = COMMAND.findall("".join(blocks))
    demo = str(ROOT / "examples" / "demo.json")
    with ServerProcess(["--db", ":memory:", "--fixture", demo]) as process:
        printed = {arguments: run(arguments, process.url) for arguments, _ in commands}
    for arguments, shown in commands:
        assert without_moments(printed[arguments]).startswith(without_moments(shown))
