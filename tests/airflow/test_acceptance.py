"""Real tasks, by the real supervisor: the program in ``tests/airflow/acceptance``."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.airflow_process import HOW

pytestmark = pytest.mark.airflow
DRIVER = Path(__file__).parent / "acceptance/drive.py"


def test_every_scenario_of_the_acceptance_passes(served, tmp_path):
    python = Path(os.environ.get("AIRFLOW_VENV") or pytest.skip(HOW), "bin/python").absolute()
    command = [python, DRIVER, "--base-url", served.url, "--airflow-python", python]
    command += ["--extras", "--out", tmp_path / "out"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert not failures
    assert done.stdout.endswith("37 passed, 0 failed\n")
