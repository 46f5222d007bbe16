"""The wheel, built once, and environments of a reader who installs it."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.project.doc_sections import run
from tests.support.airflow_process import airflow_venv

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="package")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    call = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder,
        ROOT,
    ]
    subprocess.run(call, check=True, capture_output=True, text=True)
    (built,) = folder.glob("stateroom-*.whl")
    return built


@pytest.fixture(scope="package")
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
    (theirs,) = airflow_venv().glob("lib/*/site-packages")
    (ours,) = Path(environ["HOME"]).glob("venv/lib/*/site-packages")
    (ours / "theirs.pth").write_text(str(theirs))
    yield
    (ours / "theirs.pth").unlink()
