"""Replays what a real Airflow 3.3.2 answered to 1,373 requests (``tests/conformance``)."""

import json
import subprocess
import sys

import pytest

from .conftest import CONFORMANCE


@pytest.fixture(scope="module")
def report(served, tmp_path_factory):
    path = tmp_path_factory.mktemp("conformance") / "report.json"
    files = ["--corpus", CONFORMANCE / "corpus.json", "--expected", CONFORMANCE / "expected.json", "--report", path]
    program = [sys.executable, CONFORMANCE / "compare.py", served.url, *files]
    subprocess.run(program, check=False, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text())


def test_every_recorded_step_was_replayed(report):
    assert (report["totals"]["steps"], report["missing"], report["skipped_profiles"]) == (1373, 0, [])


@pytest.mark.parametrize(
    ("line", "least"),
    [
        ("status", 100),
        ("success bodies", 100),
        ("error bodies, plain", 100),
        ("error bodies, 422 type and loc", 100),
        ("Airflow's 5xx answered with a 4xx", 100),
        ("tagged scenarios, status", 90),
    ],
)
def test_score(report, line, least):
    right, of = report["score"][line]
    wrong = [f"{row['scenario']}/{row['step']}" for row in report["steps"] if row["verdict"] != "OK"]
    assert 100 * right / of >= least, wrong
