"""The README's commands run as written, in a clone and an environment without this checkout's."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
INSTALL, TEST = re.findall(r"^    (python3 -m venv .+)$", README, re.MULTILINE)
WITHOUT_INSTALLING = re.search(r"`(pip install -r .+?)` and `(python app\.py)`", README)
EXAMPLE = re.search(r"`(python examples/\w+\.py)`", README)
PATIENCE = 300  # seconds for one command; it may download packages


@pytest.fixture(scope="module")
def environ():
    """The environment variables of a user, without those that find this checkout's code."""
    ours = ("PYTHON", "STATEROOM", "VIRTUAL_ENV")
    variables = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    python = Path(sys.executable).parent  # the version that runs the tests
    free_port = {"STATEROOM_PORT": "0"}
    return {**variables, **free_port, "PATH": f"{python}:{variables['PATH']}"}


@pytest.fixture
def clone(tmp_path):
    """A folder with the files of this checkout that git knows, or would add."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.split("\0"):
        file = ROOT / name
        if file.is_file():  # not deleted since the last commit
            copy = tmp_path / "clone" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    return tmp_path / "clone"


def first_answer(command, folder, environ):
    """Run a command that serves; return the assets that it answers with."""
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = threading.Timer(PATIENCE, os.killpg, [process.pid, signal.SIGKILL])
    end.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("ready "):
                url = line.split()[1]
                return requests.get(f"{url}/api/v2/assets", timeout=10).json()["assets"]
        pytest.fail(f"the service did not start:\n{''.join(lines)}")
    finally:
        end.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.slow
def test_the_first_command_installs_and_serves_the_demo(clone, environ):
    assets = first_answer(INSTALL, clone, environ)
    assert [asset["name"] for asset in assets] == ["orders", "customers"]


@pytest.mark.slow
def test_the_example_runs_once_the_project_is_installed(clone, environ):
    install = INSTALL.rpartition(" && ")[0]
    command = ["bash", "-c", f"{install} && {EXAMPLE[1]}"]
    output = subprocess.check_output(command, cwd=clone, env=environ, text=True, timeout=PATIENCE)
    assert "job_id = 'job-4711' (str)" in output


@pytest.mark.slow
def test_the_service_starts_without_installing_the_project(clone, environ):
    venv = "python3 -m venv .venv && . .venv/bin/activate"
    command = " && ".join([venv, *WITHOUT_INSTALLING.groups()])
    assert first_answer(command, clone, environ) == []
