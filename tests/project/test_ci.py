"""CI's script calls what the README says, and reports how each stage ended."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .test_readme import TEST

SCRIPT = Path(__file__).parents[2] / ".ci" / "run"
PYTHON3 = """#!/bin/sh
mkdir -p .venv/bin
printf '#!/bin/sh\\ncase "$*" in *"$FAILS"*) exit 3; esac\\n' > .venv/bin/python
chmod +x .venv/bin/python
"""


def test_ci_calls_the_test_command_of_the_readme():
    assert TEST in SCRIPT.read_text("utf-8").splitlines()


@pytest.fixture
def run(tmp_path):
    """Runs ``.ci/run tests`` with a Python that does nothing, but fails where it is asked to."""
    (tmp_path / "bin").mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci")
    python3 = tmp_path / "bin" / "python3"
    python3.write_text(PYTHON3)
    python3.chmod(0o755)

    def run(fails):
        environ = {"PATH": f"{python3.parent}:{os.environ['PATH']}", "FAILS": fails}
        call = ["bash", str(tmp_path / ".ci" / "run"), "tests"]
        return subprocess.run(call, env=environ, capture_output=True, text=True, timeout=60)

    return run


def test_the_seconds_of_the_tests_are_reported(run):
    result = run(fails="nothing")
    assert result.returncode == 0, result.stderr
    assert " s  the README's test command\n" in result.stdout


@pytest.mark.parametrize("fails", ["-m pip install", "-m pytest"])
def test_a_failure_ends_ci_and_is_reported_with_its_stage(run, fails):
    result = run(fails)
    assert result.returncode == 3
    assert " s  the README's test command: FAILED\n" in result.stdout
