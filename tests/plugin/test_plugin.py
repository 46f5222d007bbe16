"""The pytest plugin, in runs of its own: isolation, reports, one server or many."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from state.client.stateroom import Stateroom
from state.errors import Unreachable
from state.process import ServerProcess
from tests.support.waiting import wait_for

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def shared(served):
    """The handle of a running service."""
    with Stateroom(served.url) as handle:
        yield handle


def namespaces(shared):
    return [row["name"] for row in shared.namespaces() if row["name"] != "default"]


def section(result):
    """Return the lines of the namespace section in the report of the one failed test."""
    text = "\n".join(result.outlines)
    (section,) = re.findall(
        r"-+ Stateroom: what happened in \S+ -+\n(.*?)(?:\n[-=_]{3}|\Z)", text, re.DOTALL
    )
    table, _, notes = section.partition("\n\n")
    return table.splitlines(), notes.splitlines()


class Result:
    """What a run of pytest wrote about one test, and the test's outcomes."""

    def __init__(self, outlines, outcomes):
        self.outlines = outlines
        self.stdout = pytest.LineMatcher(outlines)
        self.outcomes = outcomes


class Reports:
    """One run of pytest over all scenarios without options of their own.

    :param folder: where it ran.
    :param output: what it wrote to its standard output.
    """

    def __init__(self, folder, output):
        self.folder = folder
        heading = re.compile(r"^_+ (?:ERROR at \w+ of )?(test_\w+)\S* _+$", re.MULTILINE)
        _, *parts = heading.split(output)
        self._texts = dict(zip(parts[::2], parts[1::2], strict=True))
        self._outcomes = re.findall(r"^(PASSED|FAILED|ERROR) \S+?::(\w+)", output, re.MULTILINE)

    def __call__(self, name):
        """Return the result of a test; of its cases together, where it has several."""
        outcomes = [outcome for outcome, test in self._outcomes if test == name]
        return Result(self._texts.get(name, "").splitlines(), outcomes)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The results of one run for many scenarios: a run of its own for each takes much longer."""
    folder = tmp_path_factory.mktemp("scenarios")
    for number, source in enumerate(SCENARIOS):
        (folder / f"test_{number}.py").write_text(source, "utf-8")
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    for name in ("STATEROOM_URL", "STATEROOM_KEEP", "PYTEST_ADDOPTS"):
        environ.pop(name, None)
    options = ["-p", "pytest_stateroom", "-W", "error", "-rpfE", f"--basetemp={folder / 'tmp'}"]
    command = [sys.executable, "-m", "pytest", "--rootdir", str(folder), *options]
    run = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, encoding="utf-8", timeout=120
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    return Reports(folder, run.stdout)


ONE_KEY = """
def test_one(stateroom):
    stateroom.task("etl", "submit").set("job_id", 1)
    assert stateroom.state == {"etl/submit": {"job_id": 1}}

def test_other(stateroom):
    assert stateroom.state == {}
"""


def test_each_test_has_a_namespace_of_its_own(report):
    assert report("test_one").outcomes == ["PASSED"]
    assert report("test_other").outcomes == ["PASSED"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_workers_of_xdist_have_a_server_each_or_share_one(run, shared, workers):
    run(ONE_KEY, "-n", workers).assert_outcomes(passed=2)
    run(ONE_KEY, "-n", workers, "--stateroom-url", shared.url).assert_outcomes(passed=2)
    assert namespaces(shared) == []


NAMES = """
import pathlib, pytest

@pytest.mark.parametrize("value", ["a b/c", "ü", "x" * 90])
def test_it(stateroom, value):
    with pathlib.Path("names").open("a") as file:
        print(stateroom.namespace, file=file)
"""


def test_a_namespace_is_named_after_its_test(report):
    assert report("test_it").outcomes == ["PASSED"] * 3
    written = (report.folder / "names").read_text().split()
    names = "\n".join(name.rpartition("-")[0] for name in written)
    assert names == "test_it-a-b-c\ntest_it-xfc\ntest_it-" + "x" * 72


FAILING = """
def test_resumes(stateroom):
    first = stateroom.task("etl", "submit")
    first.set("job_id", "job-42")
    first.retry().get("job_id")
    first.retry().get("nothing")
    assert stateroom.state == {"etl/submit": {"job_id": "job-43", "page": 1}}
"""


def test_a_failed_test_says_what_happened_in_its_namespace(report):
    lines, notes = section(report("test_resumes"))
    assert lines[0] == "etl/submit"
    assert [line[10:].rstrip() for line in lines[1:]] == [
        "1      begins           attempt 1",
        '1      set     job_id   "job-42"   for 30 days',
        "  2    begins           attempt 2",
        '  2    get     job_id   -> "job-42"',
        "    3  begins           attempt 3",
        "    3  get     nothing  -> not found",
    ]
    assert notes[0].startswith("  etl/submit: There is no 'nothing' here.")


def test_a_comparison_that_fails_shows_what_differs(report):
    report("test_resumes").stdout.fnmatch_lines(
        [
            "E*assert the state is not as expected:",
            "E*etl/submit",
            'E *job_id  is "job-42"  expected "job-43"',
            "E *page    is missing   expected 1",
        ]
    )


DEEP = """
def test_deep(stateroom):
    submit = stateroom.task("etl", "submit")
    submit.set("cfg", {"a": 1, "b": [1, 2, 3], "text": "x" * 90 + "yes"})
    submit.set("n", 1)
    expected = {"cfg": {"a": 1, "b": [1, 2, 4], "text": "x" * 90 + "no"}, "n": "1"}
    assert stateroom.state == {"etl/submit": expected}
"""


def test_a_difference_inside_a_value_is_named_by_its_path(report):
    report("test_deep").stdout.fnmatch_lines(
        [
            "E *cfg.b[[]2] *is 3 *expected 4",
            'E *cfg.text *is "…xxx*xyes" *expected "…xxx*xno" (from character 90)',
            'E *n *is 1 *expected "1"',
        ]
    )


VALUE = """
def test_value(stateroom):
    submit = stateroom.task("etl", "submit")
    submit.set("cfg", {"a": 1, "b": [{"c": 1}, {"c": 2}]})
    assert submit.get("cfg") == {"a": 1, "b": [{"c": 1}, {"c": 3}]}


def test_other():
    assert {"a": [{"c": 1}]} == {"a": [{"c": 2}]}
"""


def test_a_difference_inside_a_value_that_was_read_has_its_path(run):
    output = run(VALUE).stdout
    output.fnmatch_lines(
        ["E*assert the value is not as expected:", "E *.b[[]1].c *is 2 *expected 3"]
    )
    output.fnmatch_lines(["E*Differing items:"])


def test_with_vv_a_value_is_compared_as_usual(run):
    run(VALUE, "-vv").stdout.no_fnmatch_line("*the value is not as expected*")


MANY = """
def test_many(stateroom):
    submit = stateroom.task("etl", "submit")
    submit.set("job_id", 1)
    for page in range(100):
        submit.set("page", page)
    assert stateroom.state == {"etl/submit": {"job_id": 2, "page": 99}}
"""


def test_the_events_of_the_key_that_differs_are_kept(report):
    lines, _ = section(report("test_many"))
    texts = [" ".join(line.split()) for line in lines]
    assert texts[2].endswith("attempt 1 set job_id 1 for 30 days")
    assert texts[3] == "(41 lines left out here; stateroom.timeline(most=10_000) has all)"
    assert texts[-1].endswith("set page 99 for 30 days")


ZOMBIE = """
def test_zombie(stateroom):
    first = stateroom.task("etl", "submit")
    first.set("job_id", 1)
    first.retry().get("job_id")
    first.set("job_id", 2)
"""


def test_a_refused_zombie_is_told_as_what_it_is(report):
    result = report("test_zombie")
    sentence = "a zombie: attempt 1 is superseded by attempt 2"
    result.stdout.fnmatch_lines([f"E *NotFound: Task instance * not found ({sentence})"])
    assert section(result)[0][-1].endswith(f"1    set     job_id  -> 404 {sentence}")


def test_a_traceback_ends_in_the_line_of_the_test(report):
    result = report("test_zombie")
    assert not re.search(r"state/client|site-packages", "\n".join(result.outlines))
    result.stdout.fnmatch_lines(['>       first.set("job_id", 2)'])


def test_a_full_trace_has_all_of_it(run):
    run(ZOMBIE, "--full-trace").stdout.fnmatch_lines(["*state/client/http.py*"])


PREDICATE = """
def is_done(value):
    return value["done"]

def test_predicate(stateroom):
    stateroom.task("etl", "submit").set("job", {})
    stateroom.wait_for("job", is_done)
"""


def test_a_predicate_of_the_test_stays_in_the_traceback(report):
    report("test_predicate").stdout.fnmatch_lines(
        ['>       return value["done"]', "E *KeyError: 'done'"]
    )


def test_a_terminal_without_utf_8_gets_ascii(run, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    lines, _ = section(run(ZOMBIE))
    assert "\n".join(lines).isascii()


BROKEN = """
def test_broken(stateroom, tmp_path):
    stateroom.backend("file", base=str(tmp_path))
    task = stateroom.task("etl", "submit")
    task.set("job_id", "job-42")
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    file.unlink()
    task.get("job_id")
"""


def test_the_report_shows_broken_references(report):
    lines, _ = section(report("test_broken"))
    row = r"attempt 1 +get .*"
    outcome = "BROKEN, ObjectMissing: there is no object behind the reference …"
    read, broken, looked_again = lines[-3:]
    assert re.search(row + "-> ref", read)
    assert re.search(row + outcome, broken)
    assert re.search(row + "-> ref", looked_again)  # the row might have changed


PHASES = """
import pytest

@pytest.fixture
def careless(stateroom, request):
    phase = request.node.name.removeprefix("test_")
    stateroom.task("etl", "submit").set(phase, 1)
    assert phase != "setup"
    yield
    assert phase != "teardown"

def test_setup(careless):
    pass

def test_call(careless):
    assert False

def test_teardown(careless):
    pass
"""


@pytest.mark.parametrize(
    ("phase", "outcomes"),
    [("setup", ["ERROR"]), ("call", ["FAILED"]), ("teardown", ["ERROR", "PASSED"])],
)
def test_every_phase_that_fails_has_the_section(report, phase, outcomes):
    result = report(f"test_{phase}")
    assert sorted(result.outcomes) == outcomes
    lines, _ = section(result)
    assert lines[-1].split()[4] == phase


SCENARIOS = [ONE_KEY, NAMES, FAILING, DEEP, MANY, ZOMBIE, PREDICATE, BROKEN, PHASES]


def test_the_memory_fixtures_report_too_and_start_no_server(run):
    result = run("""
def test_it(task_state_store, asset_state_store):
    task_state_store.set("job_id", 1)
    asset_state_store["orders"].set("watermark", 2)
    assert task_state_store.retry().get("job_id") == asset_state_store.get("watermark")

def test_no_server(request):
    stash = request.config.stash._storage.values()
    assert "server" not in vars(next(value for value in stash if hasattr(value, "kept")))
""")
    result.assert_outcomes(failed=1, passed=1)
    assert [line.split()[1:5] for line in section(result)[0] if " set " in line] == [
        ["1", "dag/task", "set", "job_id"],
        ["dag/task", "attempt", "1", "asset"],
    ]


def test_keep_option_keeps_namespaces_of_failed_tests_only(run, shared):
    source = ONE_KEY + FAILING
    run(source, "--stateroom-url", shared.url).assert_outcomes(passed=2, failed=1)
    assert namespaces(shared) == []
    run(source, "--stateroom-url", shared.url, "--stateroom-keep").assert_outcomes(
        passed=2, failed=1
    )
    (kept,) = namespaces(shared)
    with Stateroom(shared.url, kept) as handle:
        assert handle.state == {"etl/submit": {"job_id": "job-42"}}
        handle.drop()


def test_a_test_that_did_not_fail_leaves_nothing(run, shared):
    source = """
import pytest

def test_skipped(stateroom):
    pytest.skip()

def test_expected_to_fail(stateroom):
    pytest.xfail()

def test_passed(stateroom):
    pass
"""
    result = run(source, "--stateroom-url", shared.url, "--stateroom-keep")
    result.assert_outcomes(skipped=1, xfailed=1, passed=1)
    assert namespaces(shared) == []


def test_dead_server_is_an_error_with_a_reason_not_a_crash(run):
    with ServerProcess(["--db", ":memory:"]) as server:
        result = run(
            f"""
import os, signal

def test_it(stateroom):
    os.kill({server.process.pid}, signal.SIGKILL)

def test_next(stateroom):
    pass
""",
            "--stateroom-url",
            server.url,
        )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*Unreachable: * is it *running?", "stateroom: *was not dropped: *running?"]
    )


def test_no_server_is_left_when_a_run_is_interrupted(run, tmp_path):
    result = run(f"""
import pathlib

def test_it(stateroom_server):
    pathlib.Path({str(tmp_path / "url")!r}).write_text(stateroom_server.url)
    raise KeyboardInterrupt
""")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    with (
        Stateroom((tmp_path / "url").read_text()) as handle,
        pytest.raises(Exception, match="service unreachable"),
    ):
        handle.state  # noqa: B018


FORKING = """
import os, sys

import pytest

def test_it(stateroom, task_state_store):
    stateroom.task("etl", "submit").set("job_id", 1)
    task_state_store.set("job_id", 1)
    child = os.fork()
    if child == 0:
        {child}
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == {status}
    assert stateroom.state == {{"etl/submit": {{"job_id": 1}}}}

def test_next(stateroom):
    assert stateroom.state == {{}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("child", "status"),
    [
        ("return  # and so runs the rest of the session", 0),
        ("sys.exit(3)", 1),
        ("pytest.exit('done', 4)", 4),
        ("os._exit(5)", 5),
    ],
    ids=["goes on", "sys.exit", "pytest.exit", "os._exit"],
)
def test_a_forked_child_drops_only_its_own_namespaces(run, shared, child, status):
    source = FORKING.format(child=child, status=status)
    options = ["-W", "ignore:.*use of fork:DeprecationWarning"]
    run(source, *options).assert_outcomes(passed=2)
    run(source, *options, "--stateroom-url", shared.url).assert_outcomes(passed=2)
    assert namespaces(shared) == []


def test_no_server_is_left_when_a_run_is_killed_beside_a_fork(run, tmp_path):
    result = run(
        f"""
import os, pathlib, signal, time

def test_it(stateroom_server):
    child = os.fork()
    if child == 0:
        os.close(1)  # whoever reads the parent's output need not wait for this process
        os.close(2)
        time.sleep(120)
    pathlib.Path({str(tmp_path / "facts")!r}).write_text(f"{{child}} {{stateroom_server.url}}")
    os.kill(os.getpid(), signal.SIGKILL)
""",
        "-W",
        "ignore:.*use of fork:DeprecationWarning",
    )
    assert result.ret == -signal.SIGKILL
    child, url = (tmp_path / "facts").read_text().split()
    try:
        wait_for(lambda: unreachable(url))
    finally:
        os.kill(int(child), signal.SIGKILL)


def unreachable(url):
    with Stateroom(url) as handle:
        try:
            handle.namespaces()
        except Unreachable:
            return True
    return False


def test_the_fixtures_are_documented(run):
    lines = run("", "--fixtures").stdout.str()
    for name in ("stateroom", "task_state_store", "asset_state_store", "stateroom_server"):
        assert re.search(rf"^{name}\b.*\n +\w", lines, re.MULTILINE)


def test_a_run_that_does_not_use_it_imports_nothing_of_ours():
    program = (
        "import sys, pytest_stateroom; "
        "print([name for name in sys.modules if name.split('.')[0] == 'state'])"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.check_output([sys.executable, "-c", program], text=True, env=environ)
    assert output == "[]\n"
