"""The documentation names every setting, every command and every option, as they are."""

import re
from pathlib import Path

import click
import pytest

from state.cli import cli
from state.settings import SETTINGS

ROOT = Path(__file__).parent.parent
SETTINGS_DOC = (ROOT / "docs/settings.md").read_text()
CLI_DOC = (ROOT / "docs/cli.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_a_setting_is_documented(row):
    lines = [line for line in SETTINGS_DOC.splitlines() if f"`{row.variable}`" in line and row.help in line]
    assert len(lines) == 1 and (not row.option or f"`{row.flag}`" in lines[0])


def commands(group=cli, before=""):
    """Every command with its full name, those of groups too."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_a_command_is_documented_with_its_options(name, command):
    (line,) = [line for line in CLI_DOC.splitlines() if re.match(rf"\| `{name}\b", line)]
    options = [max(option.opts, key=len) for option in command.params if isinstance(option, click.Option)]
    assert name == "serve" or [option for option in options if f"`{option}`" not in line] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_that_a_page_names_are_there(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    files = re.findall(r"`((?:docs|examples|tests|web|state|schemas|benchmarks)/[\w./-]+)`", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing + [name for name in files if not (ROOT / name).exists()] == []


def test_the_readme_shows_what_the_start_prints():
    from app import banner, create_app

    app = create_app({"db": ":memory:", "fixture": str(ROOT / "examples/demo.json")})
    printed = banner(app.extensions["stateroom"], "http://127.0.0.1:8103", existed=False).splitlines()
    shown = (ROOT / "README.md").read_text()
    assert [line for line in printed if "database" not in line and line not in shown] == []
    app.extensions["stateroom"].store.close()
