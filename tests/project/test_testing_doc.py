"""Every block of code in docs/testing.md runs, in an environment installed as the page says.

A section is run as a reader would: files get their names from their first lines, commands run
in order, and the output shown is what they print (``…`` stands for anything). Ready-made
extractors run blocks of Python in one process; this page shows files, commands, and reports of
failing tests.
"""

import os
import re
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 120  # seconds for one command


@pytest.fixture(scope="module")
def environ(wheel, tmp_path_factory):
    """The environment variables of a new virtual environment without network."""
    home = tmp_path_factory.mktemp("reader")
    venv.create(home / "venv", with_pip=True, symlinks=True)
    (site,) = (home / "venv").glob("lib/*/site-packages")
    (site / "ours.pth").write_text(
        sysconfig.get_paths()["purelib"]
    )  # its dependencies are installed already
    ours = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PYTHON", "STATEROOM"))
    }
    path = f"{home / 'venv' / 'bin'}:{os.environ['PATH']}"
    variables = {
        **ours,
        "PATH": path,
        "HOME": str(home),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheel.parent),
    }
    run("python -m pip install --quiet stateroom", home, variables)
    return variables


@pytest.fixture
def airflow(environ):
    """Adds Airflow's packages to the environment."""
    python = Path(
        os.environ.get("AIRFLOW_VENV")
        or pytest.skip("AIRFLOW_VENV is not an environment with Airflow")
    )
    (theirs,) = python.absolute().glob("lib/*/site-packages")
    (ours,) = Path(environ["HOME"]).glob("venv/lib/*/site-packages")
    (ours / "theirs.pth").write_text(str(theirs))
    yield
    (ours / "theirs.pth").unlink()


def run(command, folder, environ, fails=False):
    """Return what a command prints."""
    result = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environ,
        text=True,
        timeout=PATIENCE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert (result.returncode != 0) == fails, result.stdout
    return result.stdout


def play(section, folder, environ):
    """Write the files and run the commands of a section; if no command ran the tests, run them."""
    commands = []
    for kind, text in BLOCK.findall(section):
        if kind in ("python", "sh"):
            (folder / re.match(r"# (\w+\.\w+)\n", text)[1]).write_text(text)
        else:
            assert kind == "console"
            commands += re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    if not any("pytest" in command and "install" not in command for command, _ in commands):
        if list(folder.glob("test_*.py")):
            commands.append(("python -m pytest -q", ""))
    for command, shown in commands:
        check(run(command, folder, environ, fails=" failed" in shown), shown)


def check(printed, shown):
    """Check that the lines shown were printed, in the same order."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r" *\n"
        for line in shown.splitlines()
    )
    match = re.search(rf"^{pattern}", f"{printed}\n", re.MULTILINE)
    assert match, f"{printed}\n--- is not as shown:\n{shown}"


WITH_AIRFLOW = ("A real task", "A real worker")


@pytest.mark.parametrize("name", [name for name in SECTIONS if name not in WITH_AIRFLOW])
def test_a_section_runs_as_written(name, tmp_path, environ):
    play(SECTIONS[name], tmp_path, environ)


@pytest.mark.airflow
@pytest.mark.parametrize("name", WITH_AIRFLOW)
def test_a_section_on_real_tasks_runs_as_written(name, tmp_path, environ, airflow):
    play(SECTIONS[name], tmp_path, {**environ, "XDG_RUNTIME_DIR": str(tmp_path)})


def test_output_that_differs_from_the_page_fails():
    with pytest.raises(AssertionError, match="is not as shown"):
        check("1 passed in 2s\n", "2 passed in …\n")


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_something_to_run(name):
    assert BLOCK.findall(SECTIONS[name])
