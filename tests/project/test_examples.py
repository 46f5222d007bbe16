"""Every example program runs and prints what it should; example tests run as tests."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTS = {
    "proposal_story.py": [
        "job_id = 'job-4711' (str)",
        "secret-dict = {'user': 'etl', 'token': 't0p'} (dict)",
        "int_value = 42 (int)",
        ': {"user": "etl", "token": "t0p"}',
        'job_id: {"__airflow_state_ref__": "…/',
    ],
}


def test_every_example_is_run():
    assert {
        path.name for path in EXAMPLES.glob("*.py") if not path.name.startswith("test_")
    } == set(PRINTS)


@pytest.mark.parametrize("path", [EXAMPLES / name for name in PRINTS], ids=lambda path: path.name)
def test_an_example_runs_from_any_folder(path, tmp_path):
    call = [sys.executable, str(path)]
    result = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert [words for words in PRINTS[path.name] if words not in result.stdout] == []
