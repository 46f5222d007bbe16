"""Replay recorded answers of Airflow 3.4.0b2, to clients of 3.4 and of 3.3 (docs/fidelity.md)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from state.process import ServerProcess
from tests.wire.test_conformance import HERE, listed, missed

pytestmark = pytest.mark.slow

OF_3_3 = "-api-2026-06-30"
# the corpus, what both servers hold before a scenario, and the number of the recorded answers
RECORDED = {
    "expected-3.4.0b2": ("corpus.json", "fixture.json", 1331),
    f"expected-3.4.0b2{OF_3_3}": ("corpus.json", "fixture.json", 1331),
    "expected-run-3.4.0b2": ("run.json", "run_fixture.json", 577),
    f"expected-run-3.4.0b2{OF_3_3}": ("run.json", "run_fixture.json", 554),
    "expected-core-3.4.0b2": ("core.json", "run_fixture.json", 98),
    "expected-gaps34": ("gaps34.json", "fixture_34.json", 568),
}
WITH_PROFILES = ("expected-run-3.4.0b2",)  # the others were recorded with one configuration
DEVIATIONS = {  # scenario: the steps in which Stateroom answers otherwise on purpose
    # a route that is not emulated says so
    "core-routing.task-collection-patch-hits-another-route": "s1 s2",
}


@pytest.fixture(scope="module")
def served_3_4():
    """A served process like Airflow 3.4; its tests reset it."""
    with ServerProcess(["--db", ":memory:", "--compat", "3.4"]) as process:
        yield process


def replay(url, recording, folder):
    """Replay the requests of a recording; returns the report."""
    path = folder / "report.json"
    corpus, fixture, _ = RECORDED[recording]
    program = [sys.executable, HERE / "compare.py", url, "--report", path]
    program += ["--corpus", HERE / corpus, "--expected", HERE / f"{recording}.json"]
    program += ["--fixture", HERE / fixture]
    if recording not in WITH_PROFILES:
        program.append("--skip-profiles")
    subprocess.run(program, check=False, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text())


@pytest.mark.parametrize("recording", RECORDED)
def test_every_answer_agrees_but_for_the_deviations(served_3_4, recording, tmp_path):
    report = replay(served_3_4.url, recording, tmp_path)
    assert report["totals"]["steps"] == RECORDED[recording][2]
    assert report["missing"] == 0
    wrong = {(name, step) for name, step, _ in missed(report)}
    assert wrong == listed(report, DEVIATIONS)


@pytest.mark.parametrize("scenario", DEVIATIONS)
def test_each_deviation_is_documented(scenario):
    text = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text("utf-8")
    assert f"`{scenario}`" in text
