"""Real tasks, by the real supervisor: the program in ``tests/airflow/acceptance``."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
DRIVER = Path(__file__).parent / "acceptance/drive.py"


def test_every_scenario_of_the_acceptance_passes(served, airflow_python, tmp_path):
    command = [airflow_python, DRIVER, "--base-url", served.url]
    command += ["--airflow-python", airflow_python]
    command += ["--extras", "--out", tmp_path / "out"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert not failures
    assert done.stdout.endswith("37 passed, 0 failed\n")
