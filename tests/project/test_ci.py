"""CI's script calls what the README says, and reports how each stage ended."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .test_readme import TEST

SCRIPT = Path(__file__).parents[2] / ".ci" / "run"
# each program of CI does nothing, but fails where its arguments are those in $FAILS
PROGRAM = """#!/bin/sh
case "$0 $*" in *"$FAILS"*) exit 3; esac
"""
ENVIRONMENTS = (".venv", ".venv-lowest", ".venv-airflow")
PROGRAMS = ("python", "uv", "ruff", "codespell", "mypy")


def test_ci_calls_the_test_command_of_the_readme():
    assert TEST in SCRIPT.read_text("utf-8").splitlines()


def add(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PROGRAM)
    path.chmod(0o755)


@pytest.fixture
def run(tmp_path):
    """Runs ``.ci/run`` where all programs do nothing, but fail where they are asked to."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci")
    shutil.copy(SCRIPT.parents[1] / "requirements-dev.txt", tmp_path)
    for environment in ENVIRONMENTS:
        for name in PROGRAMS:
            add(tmp_path / environment / "bin" / name)
    for name in ("python3", "npm", "chromium"):
        add(tmp_path / "bin" / name)

    def run(*arguments, fails):
        environ = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "FAILS": fails}
        call = ["bash", str(tmp_path / ".ci" / "run"), *arguments]
        return subprocess.run(call, env=environ, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize("arguments", [[], ["tests"]])
def test_the_seconds_of_the_tests_are_reported(run, arguments):
    result = run(*arguments, fails="nothing")
    assert result.returncode == 0, result.stderr
    assert " s  the README's test command\n" in result.stdout
    assert "FAILED" not in result.stdout


@pytest.mark.parametrize("fails", ["-m pip install", "-m pytest"])
def test_a_failure_ends_the_tests_and_is_reported(run, fails):
    result = run("tests", fails=fails)
    assert result.returncode == 3
    assert " s  the README's test command: FAILED\n" in result.stdout


LOWEST = "tests with requirements.txt alone, in the lowest versions it allows"
FAILURES = [
    ("install -q -r requirements-test.txt", "the README's test command"),
    (".venv/bin/python -m pytest", "the README's test command"),
    ("--quiet --disable-pip-version-check uv", "environments"),
    ("-r requirements-dev.txt", "environments"),
    ("ruff check", "lint"),
    ("ruff format", "lint"),
    ("codespell", "lint"),
    ("mypy", "types"),
    ("/bin/python .venv-lowest", LOWEST),
    ("lowest-direct", LOWEST),
    (".venv-lowest/bin/python -m pytest", LOWEST),
    ("-m slow or extra", "slow tests, and those that need an extra package"),
    ("/bin/python .venv-airflow", "tests with real Airflow packages"),
    ("-r requirements-airflow.txt", "tests with real Airflow packages"),
    ("-m airflow", "tests with real Airflow packages"),
    ("npm install", "tests with real object stores"),
    ("-m object_store", "tests with real object stores"),
    ("-m browser", "tests in a real browser"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("fails", "stage"), FAILURES)
def test_a_failure_ends_ci_and_is_reported_with_its_stage(run, fails, stage):
    result = run(fails=fails)
    assert result.returncode == 3
    assert f" s  {stage}: FAILED\n" in result.stdout


def test_each_stage_of_ci_has_a_failure_here():
    stages = set(re.findall(r'^stage "(.+?)"', SCRIPT.read_text("utf-8"), re.MULTILINE))
    assert stages == {stage for _, stage in FAILURES}
