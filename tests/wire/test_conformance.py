"""Replay recorded answers of Airflow 3.3.2: state, real tasks, Core reads (docs/fidelity.md)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wire import compare

HERE = Path(__file__).parent
STEPS = {"corpus": 1373, "siblings": 1526, "run": 577, "run_siblings": 2197, "core": 98}
FILES = {  # the recorded answers, and what both servers hold before a scenario
    "corpus": ("expected.json", "fixture.json"),
    "siblings": ("siblings-expected.json", "fixture.json"),
    "run": ("expected-run.json", "run_fixture.json"),
    "run_siblings": ("run_siblings-expected.json", "run_fixture.json"),
    "core": ("expected-core.json", "run_fixture.json"),
}
LINES = (
    "status",
    "success bodies",
    "error bodies, plain",
    "error bodies, 422 type and loc",
    "Airflow's 5xx answered with a 4xx",
)
WITHOUT_5XX = ("core", "Airflow's 5xx answered with a 4xx")  # no recorded answer is one
DEVIATIONS = {  # scenario: the steps in which Stateroom answers otherwise on purpose
    # a route that is not emulated says so
    "core-routing.task-collection-patch-hits-another-route": "s1 s2",
    # the key `k` followed by a line feed would be the key `k`, an overwrite by accident
    "exec-keys.newline-trailing-core": "s2 s3 s4 s5 s6 s7",
    "asset-keys.core-newline": "s2 s3 s4 s7 s8",
    "core-task-crud.newline-ids": "s5 s6 s7",
    "core-routing.paths": "s14",
    # pages of Airflow's own UI, which takes every other path
    "exec-auth.order-404-routes": "s3",
    "login.methods": "s8 s15 s16 s17 s20",
}
# from 3.13 the json module reports another error and position for a comma before a bracket
if sys.version_info >= (3, 13):
    DEVIATIONS["exec-body.bad-json-1"] = "s3 s4"


@pytest.fixture(
    scope="module",
    params=[
        *("corpus", "core"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("run", "siblings", "run_siblings")
        ),
    ],
)
def report(request, served, tmp_path_factory):
    path = tmp_path_factory.mktemp("conformance") / "report.json"
    expected, fixture = FILES[request.param]
    program = [sys.executable, HERE / "compare.py", served.url, "--report", path]
    program += ["--corpus", HERE / f"{request.param}.json", "--expected", HERE / expected]
    program += ["--fixture", HERE / fixture]
    subprocess.run(program, check=False, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text()) | {"corpus": request.param}


def missed(report):
    """Return scenario, step and score line of each answer that differs from Airflow's."""
    return [
        (row["scenario"], row["step"], line)
        for row in report["steps"]
        if "expected" in row
        for line, right in compare.score(
            {}, row["expected"], row["got"], row["status_equal"], row["body_equal"]
        )
        if not right
    ]


def listed(report, deviations):
    """The scenario and the step of each deviation of a table, as far as it was replayed."""
    replayed = {row["scenario"] for row in report["steps"]}
    return {
        (name, step)
        for name, steps in deviations.items()
        for step in steps.split()
        if name in replayed
    }


def test_every_recorded_step_was_replayed(report):
    assert report["totals"]["steps"] == STEPS[report["corpus"]]
    assert report["missing"] == 0
    assert report["skipped_profiles"] == []


@pytest.mark.parametrize("line", LINES)
def test_score_is_100_percent_but_for_the_deviations(report, line):
    assert (line in report["score"]) == ((report["corpus"], line) != WITHOUT_5XX)
    wrong = [
        f"{name}/{step}"
        for name, step, on in missed(report)
        if on == line and name not in DEVIATIONS
    ]
    assert not wrong


def test_deviations_are_those_in_the_table(report):
    deviations = {(name, step) for name, step, _ in missed(report)}
    assert deviations == listed(report, DEVIATIONS)


@pytest.mark.parametrize("scenario", DEVIATIONS)
def test_each_deviation_is_documented(scenario):
    text = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text("utf-8")
    assert f"`{scenario}`" in text
