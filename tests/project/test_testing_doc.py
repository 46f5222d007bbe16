"""Every block of code in docs/testing.md runs, in an environment installed as the page says."""

import pytest

from tests.project.doc_sections import BLOCK, check, play, sections
from tests.run.processes import folder_of_workers

pytestmark = pytest.mark.slow

SECTIONS = sections("testing.md")
WITH_AIRFLOW = ("A real task", "A real worker")


@pytest.mark.parametrize("name", [name for name in SECTIONS if name not in WITH_AIRFLOW])
def test_a_section_runs_as_written(name, tmp_path, environ):
    play(SECTIONS[name], tmp_path, environ)


@pytest.mark.airflow
@pytest.mark.parametrize("name", WITH_AIRFLOW)
def test_a_section_on_real_tasks_runs_as_written(name, tmp_path, environ, airflow):
    with folder_of_workers() as folder:
        play(SECTIONS[name], tmp_path, {**environ, "XDG_RUNTIME_DIR": folder})


def test_output_that_differs_from_the_page_fails():
    with pytest.raises(AssertionError, match="is not as shown"):
        check("1 passed in 2s\n", "2 passed in …\n")


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_something_to_run(name):
    assert BLOCK.findall(SECTIONS[name])
