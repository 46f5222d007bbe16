"""The kit: a correct backend passes, each broken one fails the check meant for it."""

import json
import time
from xml.etree import ElementTree

import pytest

from state.conformance import report
from state.conformance.runner import run, run_one
from state.conformance.samples import CHECKS
from tests.support.backends.broken import CAUGHT_BY, Broken, Sound, Unique

BY_NAME = {check.name: check for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("backend", [Sound, Unique])
def test_a_sound_backend_passes(check, backend, tmp_path):
    result = run_one(check, lambda: backend(tmp_path), "sound")
    assert result.outcome in ("passed", "not applicable"), result.detail


@pytest.mark.parametrize(
    ("broken", "name"), CAUGHT_BY.items(), ids=lambda item: getattr(item, "__name__", item)
)
def test_a_broken_backend_is_caught_by_the_check_meant_for_it(broken, name, tmp_path):
    result = run_one(BY_NAME[name], lambda: broken(tmp_path), broken.__name__)
    assert result.outcome == "failed"


def test_a_stall_of_the_machine_is_no_fault_of_the_backend(tmp_path):
    stalls = [0.4, 0.4]  # seconds

    class Stalls(Broken):
        async def adelete(self, scope, key, *, session=None):
            if stalls:
                time.sleep(stalls.pop())
            self.delete(scope, key)

    result = run_one(BY_NAME["loop_is_free"], lambda: Stalls(tmp_path), "stalls")
    assert result.outcome == "passed", result.detail
    assert not stalls


def test_a_new_process_has_the_folder_and_modules_of_this_one(tmp_path, monkeypatch):
    (tmp_path / "my_backend.py").write_text("from tests.support.backends.broken import Sound")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    spec = ("my_backend.Sound", {"root": "objects"})
    result = run_one(BY_NAME["same_in_every_process"], lambda: Sound("objects"), "sound", spec)
    assert result.outcome == "passed", result.detail
    assert (tmp_path / "objects").is_dir()


def test_every_check_catches_a_backend_or_is_about_the_frame():
    """The frame's own part (accessors, the database) is proven by the accessors' tests."""
    frame = {"retry_reads", "overwrite", "shrink", "crash_while_deleting", "two_writers"}
    assert set(BY_NAME) - frame == set(CAUGHT_BY.values())


@pytest.fixture
def results(tmp_path):
    broken = next(iter(CAUGHT_BY))
    return run(CHECKS[:4], lambda: broken(tmp_path), "pack.Broken")


def test_the_table_names_the_trap_what_was_seen_and_what_to_do(results):
    text = report.text("pack.Broken", results)
    check = BY_NAME["round_trip"]
    squeezed = " ".join(text.split())
    assert check.trap in squeezed
    assert check.advice in squeezed
    assert "FAIL round_trip" in squeezed


def test_junit_and_json_say_the_same(results):
    suite = ElementTree.fromstring(report.junit("pack.Broken", results))
    rows = json.loads(report.as_json("pack.Broken", results))["checks"]
    assert int(suite.get("failures")) == 1
    assert sum(row["outcome"] == "failed" for row in rows) == 1
