"""The README's commands run as written, in a clone and an environment without this checkout's."""

import contextlib
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

from tests.project import doc_sections
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
INSTALL, TEST = re.findall(r"^    (python3 -m venv .+)$", README, re.MULTILINE)
WITHOUT_INSTALLING = re.search(r"`(pip install -r .+?)` and `(python app\.py)`", README)
EXAMPLE = re.search(r"`(python examples/\w+\.py)`", README)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TEST_FILE, REAL_TASK = [text for kind, text in BLOCKS if kind == "python"]
BANNER, SECOND_TERMINAL = [text for kind, text in BLOCKS if kind == "console"]
PATIENCE = 300  # seconds for one command; it may download packages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environ():
    """The environment variables of a user, without those that find this checkout's code."""
    ours = ("PYTHON", "STATEROOM", "VIRTUAL_ENV")
    variables = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    python = Path(sys.executable).parent  # the version that runs the tests
    free_port = {"STATEROOM_PORT": "0"}
    return {**variables, **free_port, "PATH": f"{python}:{variables['PATH']}"}


def clone_into(folder):
    """Copy the files of this checkout that git knows, or would add."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.split("\0"):
        file = ROOT / name
        if file.is_file():  # not deleted since the last commit
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    return folder


@contextlib.contextmanager
def served(command, folder, environ):
    """Run a command that serves; give its address."""
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
    try:
        yield address_in(process.stdout)
    finally:
        end.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)


def is_last(line):
    """Whether a line is the last one that a service prints at its start."""
    return line.startswith(("ready ", "Ctrl-C ends it."))


def address_in(output):
    """Read what a service prints until it is ready; return its address."""
    lines = []
    for line in output:
        lines.append(line)
        if line.startswith(("ready ", "  page   ")):
            url = line.split()[1].rstrip("/")
        if is_last(line):
            return url
    raise AssertionError(f"the service did not start:\n{''.join(lines)}")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone, in which the first command installs the project."""
    return clone_into(tmp_path_factory.mktemp("readme") / "clone")


@pytest.fixture(scope="module")
def demo(clone, environ):
    """The address of the demo that the first command starts."""
    with served(INSTALL, clone, environ) as url:
        yield url


def output_of(command, folder, environ, url):
    """Run a command as in another terminal, in the environment that the first one created."""
    variables = {**environ, "STATEROOM_URL": url}
    call = ["bash", "-c", f". .venv/bin/activate\n{command}"]
    return subprocess.check_output(call, cwd=folder, env=variables, text=True, timeout=PATIENCE)


def test_the_first_command_installs_and_plays_the_demo(demo):
    assert set(assets(demo)) == {"orders", "customers"}


def assets(url):
    answer = requests.get(f"{url}/api/v2/assets", timeout=10)
    return [asset["name"] for asset in answer.json()["assets"]]


def test_the_commands_of_the_second_terminal_print_what_is_shown(demo, clone, environ):
    commands = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", SECOND_TERMINAL, re.MULTILINE)
    for command, shown in commands:
        command = command.replace("http://127.0.0.1:8103", demo)
        doc_sections.check(output_of(command, clone, environ, demo), shown)
    assert len(commands) == 2


def run_the_test(text, folder, clone, environ):
    """Run the test of the first screen in the environment of the clone."""
    (folder / "test_submit.py").write_text(text)
    python = f"{clone}/.venv/bin/python"
    call = f"{python} -m pip install -q pytest && {python} -m pytest -q"
    return subprocess.run(
        ["bash", "-c", call],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_test_of_the_first_screen_passes(demo, tmp_path, clone, environ):
    result = run_the_test(TEST_FILE, tmp_path, clone, environ)
    assert "1 passed" in result.stdout, result.stdout + result.stderr


def test_without_the_line_that_stores_the_id_it_fails(demo, tmp_path, clone, environ):
    stored = 'task_state_store.set("job_id", cluster.submit())'
    forgetful = TEST_FILE.replace(stored, "cluster.submit()")
    result = run_the_test(forgetful, tmp_path, clone, environ)
    assert "Called 2 times" in result.stdout, result.stdout + result.stderr


def test_the_test_of_a_real_task_is_one_that_a_document_runs():
    assert REAL_TASK in (ROOT / "docs/real-tasks.md").read_text("utf-8")


def test_the_example_runs_once_the_project_is_installed(demo, clone, environ):
    assert "job_id = 'job-4711' (str)" in output_of(EXAMPLE[1], clone, environ, demo)


def test_the_start_up_lines_are_those_of_a_new_service(demo, clone, environ, tmp_path):
    command, *shown = BANNER.removeprefix("$ ").splitlines()
    serving = f". {clone}/.venv/bin/activate && {command} | tee lines"
    lines = tmp_path / "lines"
    with served(serving, tmp_path, environ) as url:
        wait_for(lambda: any(map(is_last, lines.read_text().splitlines())))  # tee writes it after
        printed = lines.read_text().replace(url, "http://127.0.0.1:8103")
    doc_sections.check(printed, "\n".join(shown))


def test_the_service_starts_without_installing_the_project(tmp_path, environ):
    venv = "python3 -m venv .venv && . .venv/bin/activate"
    command = " && ".join([venv, *WITHOUT_INSTALLING.groups()])
    with served(command, clone_into(tmp_path), environ) as url:
        assert assets(url) == []
