"""The pytest plugin: a namespace for each test, in a service that the run starts on first use.

Fixtures: ``stateroom``, ``task_state_store``, ``asset_state_store``, ``stateroom_server``. The
report of a failed test shows the timeline of its namespace; the namespace of a passed test is
dropped. docs/testing.md has recipes.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import sysconfig
from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

import stateroom_command

if TYPE_CHECKING:
    from state.client.attempts import Task
    from state.client.stateroom import Stateroom
    from state.process import ServerProcess
    from state.store.store import Store
    from state.testing.memory import Memory
    from state.worker.accessors import AssetStateStoreAccessors

_INVALID = re.compile(r"[^A-Za-z0-9._]+")  # in the name of a namespace
_LONGEST = 80  # characters of a test's name in the name of its namespace


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stateroom")
    group.addoption(
        "--stateroom-url",
        metavar="URL",
        help="Use the Stateroom at this address, in all pytest-xdist workers.  "
        "[env: STATEROOM_URL; default: a service of this run, or of each worker]",
    )
    group.addoption(
        "--stateroom-keep",
        action="store_true",
        help="Keep the namespaces of failed tests in that Stateroom.  [env: STATEROOM_KEEP]",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RUN] = Run(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.close()


def pytest_report_header(config: pytest.Config) -> str | None:
    url = config.stash[_RUN].url
    if not url:
        return None
    return f"stateroom: {url}"


class Run:
    """What the tests of one process share; the service and the store are created on first use."""

    def __init__(self, config: pytest.Config) -> None:
        url = config.getoption("--stateroom-url") or os.environ.get("STATEROOM_URL", "")
        # `stateroom exec` and handles set an address with a namespace
        self.url = re.sub(r"/ns/[^/]+/?$", "", url)
        self.keeps = bool(config.getoption("--stateroom-keep") or os.environ.get("STATEROOM_KEEP"))
        self.kept: list[NamespacesOfTest] = []
        self.wrong_keys: set[tuple[str, str]] = set()  # of the current test, with their scopes
        self.is_in_test = False  # whether the current test has a namespace
        self.problems: list[str] = []
        self._process: ServerProcess | None = None

    @cached_property
    def server(self) -> Stateroom:
        """The handle of the namespace ``default`` of the service."""
        _check_package()
        from state import jwt_secret
        from state.client.stateroom import Stateroom
        from state.process import ServerProcess

        if self.url:
            return Stateroom(self.url, token=os.environ.get("STATEROOM_TOKEN"))
        self._process = ServerProcess(
            ["--db", ":memory:", "--host", "127.0.0.1", "--log-level", "error"],
            jwt_secret.without(os.environ),
        )
        return Stateroom(self._process.url)

    @cached_property
    def store(self) -> Store:
        """A memory database in this process."""
        _check_package()
        from state.store.store import Store

        return Store()

    def drop(self, namespace: Stateroom | Memory) -> None:
        """Drop a namespace; an error is reported at the end of the run."""
        from state.errors import StateError

        try:
            namespace.drop()
        except StateError as error:
            self.problems.append(f"{namespace} was not dropped: {error}")
        namespace.close()

    def close(self) -> None:
        for namespaces in self.kept:
            self._close_namespaces(namespaces)
        if "server" in vars(self):
            self.server.close()
        if self._process is not None:
            self._process.stop()
        if "store" in vars(self):
            self.store.close()

    def _close_namespaces(self, namespaces: NamespacesOfTest) -> None:
        for namespace in namespaces.all:
            if self._process is None and not self.keeps and namespaces.are_ours:
                self.drop(namespace)
            namespace.close()


def _check_package() -> None:
    """Fail the test with one sentence if a file of the project hides Stateroom's package."""
    sentence = stateroom_command.conflict()
    if sentence is not None:
        pytest.fail(sentence, pytrace=False)


class NamespacesOfTest:
    """The namespaces of one test, and whether it has failed."""

    def __init__(self) -> None:
        self.all: list[Stateroom | Memory] = []
        self.failed = False
        self._process_id = os.getpid()

    @property
    def are_ours(self) -> bool:
        """Whether this process created them, and not the one that it was forked from."""
        return self._process_id == os.getpid()


def _timeline(namespace: Stateroom | Memory, keep: set[tuple[str, str]]) -> str:
    """What happened in a namespace, for a report.

    :param keep: the keys whose events are told first.
    """
    from state.errors import StateError

    try:
        text = namespace.timeline(keep=keep) or "(no events)"
    except StateError as error:
        return f"(the timeline is not available: {error})"
    encoding = getattr(sys.__stdout__, "encoding", None) or "ascii"
    if not encoding.lower().startswith("utf"):
        return text.translate(_ASCII)
    return text


_ASCII = str.maketrans({"│": "|", "…": "...", "→": "->"})


_RUN = pytest.StashKey[Run]()
_NAMESPACES = pytest.StashKey[NamespacesOfTest]()


_PACKAGE = Path(stateroom_command.__file__).with_name("state")
_LIBRARIES = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]


def _end_in_the_tests_line(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Leave out of a traceback what is below a call of Stateroom, so that it ends in the test's
    line. All of it stays with ``--full-trace``, and in Stateroom's own checkout.
    """
    if call.excinfo is None or item.config.option.fulltrace:
        return
    if _PACKAGE.parent == item.config.rootpath:
        return
    error = call.excinfo.value
    call.excinfo = pytest.ExceptionInfo.from_exception(
        error.with_traceback(_without_ours(error.__traceback__))
    )


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without Stateroom's frames, and without those of libraries below them."""
    kept = []
    is_below = False
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        if _PACKAGE in path.parents:
            is_below = True
        elif not (is_below and _is_of_a_library(path)):
            kept.append(traceback)
        traceback = traceback.tb_next
    rest = None
    for entry in reversed(kept):
        rest = TracebackType(rest, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return rest


def _is_of_a_library(path: Path) -> bool:
    """Whether a file is Python's or an installed package's, and not the user's."""
    return any(folder in path.parents for folder in _LIBRARIES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what tasks raised and the timelines to a failed test's report, whose traceback ends in
    the test; drop the namespaces of a passed test.
    """
    _end_in_the_tests_line(item, call)
    report = yield
    namespaces = item.stash.get(_NAMESPACES, None)
    run = item.config.stash[_RUN]
    if namespaces is None:
        return report
    if report.failed:
        namespaces.failed = True
        for namespace in namespaces.all:
            for attempt, traceback in namespace.errors:
                report.sections.append((f"Stateroom: what {attempt} raised", traceback))
            title = f"Stateroom: what happened in {namespace.namespace}"
            report.sections.append((title, _timeline(namespace, run.wrong_keys)))
    if report.when == "teardown":
        run.wrong_keys.clear()
        run.is_in_test = False
        if namespaces.failed:
            run.kept.append(namespaces)
        elif namespaces.are_ours:
            for namespace in namespaces.all:
                run.drop(namespace)
        del item.stash[_NAMESPACES]
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for problem in config.stash[_RUN].problems:
        terminalreporter.write_line(f"stateroom: {problem}", yellow=True)


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Show the differences of a namespace's state, key by key; and inside a value, by their paths,
    unless ``-vv`` asks for all of it.
    """
    module = sys.modules.get("state.client.state")
    run = config.stash[_RUN]
    if op != "==" or module is None or not run.is_in_test:
        return None
    for actual, expected in ((left, right), (right, left)):
        if isinstance(actual, module.State) and isinstance(expected, dict):
            run.wrong_keys |= actual.wrong_keys(expected)
            return ["the state is not as expected:", *actual.differences(expected)]
    if config.get_verbosity() > 1:
        return None
    lines = module.differences.of_value(left, right)
    if lines is None:
        return None
    return ["the value is not as expected:", *(f"  {line}" for line in lines)]


def _register(request: pytest.FixtureRequest, namespace: Stateroom | Memory) -> None:
    """Add a namespace to those of this test, which are reported and dropped."""
    request.config.stash[_RUN].is_in_test = True
    stash = request.node.stash
    if _NAMESPACES not in stash:
        stash[_NAMESPACES] = NamespacesOfTest()
    stash[_NAMESPACES].all.append(namespace)


def _name(request: pytest.FixtureRequest) -> str:
    """A unique name for a namespace of this test."""
    readable = _INVALID.sub("-", request.node.name).strip("-._")[:_LONGEST]
    return f"{readable or 'test'}-{secrets.token_hex(5)}"


@pytest.fixture(scope="session")
def stateroom_server(request: pytest.FixtureRequest) -> Stateroom:
    """The handle of the namespace ``default`` of this run's service, which all tests share."""
    return request.config.stash[_RUN].server


@pytest.fixture
def stateroom(request: pytest.FixtureRequest, stateroom_server: Stateroom) -> Stateroom:
    """The handle of a namespace of this test in a running Stateroom."""
    namespace = stateroom_server.create_namespace(_name(request))
    _register(request, namespace)
    return namespace


@pytest.fixture
def _stateroom_memory(request: pytest.FixtureRequest) -> Memory:
    store = request.config.stash[_RUN].store
    from state.testing.memory import Memory

    memory = Memory(store, _name(request))
    _register(request, memory)
    return memory


@pytest.fixture
def task_state_store(_stateroom_memory: Memory) -> Task:
    """A task's ``context["task_state_store"]``, in memory; ``.retry()`` begins the next attempt."""
    return _stateroom_memory.task()


@pytest.fixture
def asset_state_store(
    _stateroom_memory: Memory, task_state_store: Task
) -> Iterator[AssetStateStoreAccessors]:
    """A task's ``context["asset_state_store"]``, in memory, for any assets."""
    from state.testing.memory import Assets

    yield Assets(_stateroom_memory, task_state_store)
