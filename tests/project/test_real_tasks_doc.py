"""docs/real-tasks.md runs as written, from its first line to its last one, in one folder."""

import os
import signal
from pathlib import Path

import pytest

from tests.project.doc_sections import BLOCK, play, sections

pytestmark = pytest.mark.slow

SECTIONS = sections("real-tasks.md")


@pytest.fixture
def private_folder(tmp_path):
    """Where the processes that are kept have their sockets; they end with the test."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    yield folder
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended


@pytest.mark.airflow
def test_the_page_runs_as_written(tmp_path, private_folder, environ, airflow):
    folder = tmp_path / "project"
    folder.mkdir()
    for section in SECTIONS.values():
        play(section, folder, {**environ, "XDG_RUNTIME_DIR": str(private_folder)})


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_something_to_run(name):
    assert BLOCK.findall(SECTIONS[name])
