"""The documentation names every setting, command and option correctly."""

import re
from itertools import pairwise
from pathlib import Path

import click
import pytest

from state.cli.main import cli
from state.cli.shared.connection import OPTIONS
from web.settings import SETTINGS

ROOT = Path(__file__).parents[2]
SETTINGS_DOC = (ROOT / "docs/settings.md").read_text()
CLI_DOC = (ROOT / "docs/cli.md").read_text()
HEADING = re.compile(r"#+ ")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks/README.md"]


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_a_setting_is_documented(row):
    words = (f"`{row.variable}`", row.help, row.default_text)
    lines = [line for line in SETTINGS_DOC.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1


@pytest.mark.parametrize("row", [row for row in SETTINGS if row.option], ids=lambda row: row.name)
def test_a_setting_is_documented_with_option_and_variable(row):
    rows = [line for line in SETTINGS_DOC.splitlines() if line.startswith("| ")]
    (line,) = [line for line in rows if f"`{row.variable}`" in line]
    assert f"`{row.flag}`" in line


def commands(group=cli, before=""):
    """Every command with its full name, those of groups too."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


def row_of(command):
    """The row of a command in the table of docs/cli.md."""
    (row,) = [line for line in CLI_DOC.splitlines() if re.match(rf"\| `{command}\b", line)]
    return row


@pytest.mark.parametrize(("name", "command"), [pair for pair in commands() if pair[0] != "serve"])
def test_a_command_is_documented_with_its_options(name, command):
    row = row_of(name)
    options = [
        param.opts[-1]
        for param in command.params
        if isinstance(param, click.Option) and param not in OPTIONS
    ]
    assert [option for option in options if f"`{option}`" not in row] == []
    assert " ".join(command.help.split()) in row


def test_serve_is_documented_with_a_link_to_its_settings():
    assert "(settings.md)" in row_of("serve")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_an_option_of_every_command_is_documented_once(option):
    head, _, _ = CLI_DOC.partition("| command |")
    assert f"`{option.opts[0]}" in head


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_that_a_page_names_exist(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    files = re.findall(
        r"`((?:docs|examples|tests|web|state|schemas|benchmarks)/[\w./-]+)`", page.read_text()
    )
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing + [name for name in files if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_blank_line_is_around_headings_and_before_lists(page):
    text = re.sub(r"^```.*?^```$", "```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = text.splitlines()
    joined = [
        (line, after)
        for line, after in pairwise(lines)
        if (HEADING.match(line) and after)
        or (line and HEADING.match(after))
        or (re.match(r"\w", line) and re.match(r"([-*]|1\.) ", after))
    ]
    assert joined == []


def test_the_benchmarks_and_their_commands_are_the_same():
    document = (ROOT / "benchmarks/README.md").read_text()
    documented = set(re.findall(r"^\| `python -m benchmarks\.(\w+)", document, re.MULTILINE))
    assert documented == {path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}
