"""docs/real-tasks.md runs as written, from its first line to its last one, in one folder."""

import pytest

from tests.project.doc_sections import BLOCK, play, sections
from tests.run.processes import folder_of_workers

pytestmark = pytest.mark.slow

SECTIONS = sections("real-tasks.md")


@pytest.fixture
def private_folder():
    """Where the processes that are kept have their sockets; they end with the test."""
    with folder_of_workers() as folder:
        yield folder


@pytest.mark.airflow
def test_the_page_runs_as_written(tmp_path, private_folder, environ, airflow):
    folder = tmp_path / "project"
    folder.mkdir()
    for section in SECTIONS.values():
        play(section, folder, {**environ, "XDG_RUNTIME_DIR": private_folder})


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_something_to_run(name):
    assert BLOCK.findall(SECTIONS[name])
