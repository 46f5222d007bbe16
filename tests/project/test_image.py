"""The image: what goes into it; its pip lines, command and health check, in an environment."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from state.process import READY

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PATTERNS = (ROOT / ".dockerignore").read_text().splitlines()
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
NOT_IN_THE_WHEEL = {"LICENSE", "README.md", "constraints.txt", "pyproject.toml"}
FOREIGN = (
    ".env",
    ".git/config",
    ".venv/bin/python",
    "notes.txt",
    "passwords.json",
    "secrets/jwt",
    "state/.env",
    "state/__pycache__/errors.cpython-311.pyc",
    "state/stateroom.db",
    "state/stateroom.db-wal",
    "stateroom.db",
    "tests/test_it.py",
)


def matches(pattern, path):
    """Whether a pattern of ``.dockerignore`` matches a path or a folder that it is in."""
    names = [path, *map(str, Path(path).parents)][:-1]
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatch(Path(name).name, pattern[3:]) for name in names)
    return any(
        name.count("/") == pattern.count("/") and fnmatch.fnmatch(name, pattern) for name in names
    )


def is_ignored(path):
    """Whether ``COPY . .`` leaves a path out: the last pattern that matches decides."""
    ignored = False
    for pattern in PATTERNS:
        if not pattern.startswith("#") and matches(pattern.removeprefix("!"), path):
            ignored = not pattern.startswith("!")
    return ignored


@pytest.mark.parametrize("path", FOREIGN)
def test_a_file_that_the_build_does_not_need_stays_out(path):
    assert is_ignored(path)


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """A folder with what ``COPY . .`` brings."""
    folder = tmp_path_factory.mktemp("image") / "build"
    for top in ROOT.iterdir():
        if is_ignored(top.name):
            continue
        for path in [top, *top.rglob("*")]:
            name = path.relative_to(ROOT)
            if path.is_file() and not is_ignored(str(name)):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / name)
    return folder


def test_the_image_has_what_the_wheel_has_and_its_build_needs(context):
    pyproject = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = (\[.+\])$", pyproject, re.MULTILINE)[1]
    service = re.findall(r'^"(\S+)" = "state/_service/', pyproject, re.MULTILINE)
    names = {path.name for path in context.iterdir()}
    assert names == {*json.loads(packages), *service} | NOT_IN_THE_WHEEL


def pinned():
    """The version of each package in the image."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", CONSTRAINTS.lower(), re.MULTILINE))


@pytest.mark.parametrize(
    "requirement",
    [
        Requirement(line)
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if not line.startswith(("#", "pytest"))
    ],
    ids=lambda requirement: requirement.name,
)
def test_the_image_has_a_version_that_the_service_allows(requirement):
    assert pinned()[requirement.name.lower()] in requirement.specifier


@pytest.fixture(scope="module")
def image(context):
    """The ``bin`` of an environment in which the image's pip lines have run."""
    home = context.parent
    folder = shutil.copytree(context, home / "srv")
    venv.create(home / "venv", with_pip=True)
    environ = {**os.environ, "PATH": f"{home / 'venv' / 'bin'}:{os.environ['PATH']}"}
    pip_lines = re.findall(r"^RUN (pip .+)$", DOCKERFILE, re.MULTILINE)
    assert len(pip_lines) == 2
    for line in pip_lines:  # in one folder, where the image copies from the first to the second
        subprocess.run(line, shell=True, check=True, cwd=folder, env=environ, timeout=300)
    return home / "venv" / "bin"


def command_after(word):
    """The JSON array after an instruction of the Dockerfile."""
    return json.loads(re.search(rf"^{word}.*?(\[.+\])$", DOCKERFILE, re.MULTILINE)[1])


@pytest.mark.slow
def test_the_wheel_of_the_image_is_that_of_the_checkout(image, wheel):
    (built,) = image.parents[1].glob("srv/wheels/*.whl")
    assert set(zipfile.ZipFile(built).namelist()) == set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
def test_the_image_has_the_pinned_versions_and_no_other_package(image):
    freeze = [image / "python", "-m", "pip", "freeze", "--exclude", "stateroom"]
    installed = subprocess.check_output(freeze, text=True).lower().split()
    assert installed == [f"{name}=={version}" for name, version in pinned().items()]


@pytest.mark.slow
def test_the_command_serves_healthily_and_compiles_nothing(image, tmp_path):
    before = compiled(image.parent)
    assert any(path.name.startswith("app.") for path in before)
    environ = {
        "PATH": f"{image}:{os.environ['PATH']}",
        "STATEROOM_DB": str(tmp_path / "stateroom.db"),
        "STATEROOM_PORT": "0",
    }
    with subprocess.Popen(
        command_after("CMD"), cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    ) as server:
        url = next(line for line in server.stdout if line.startswith(READY)).split()[1]
        check = subprocess.run(
            command_after("HEALTHCHECK"), cwd=tmp_path, env={**environ, "STATEROOM_URL": url}
        )
        server.terminate()
    assert check.returncode == 0
    assert server.returncode == 0
    assert compiled(image.parent) == before


def compiled(folder):
    """The compiled modules of an environment, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.pyc")}
