"""Stateroom for tests: a namespace for each test in a server of the run's own, started when a test
first asks for it.

Fixtures: ``stateroom``, ``task_state_store``, ``asset_state_store``, ``stateroom_server``. A test
that fails says what happened in its namespace; one that passes leaves nothing behind.
docs/testing.md has a recipe for each thing.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Generator, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from state.client.attempts import Task
    from state.client.stateroom import Stateroom
    from state.process import ServerProcess
    from state.store.store import Store
    from state.testing.memory import Memory
    from state.worker.accessors import AssetStateStoreAccessors

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._]+")
_TITLE = "Stateroom: what happened in "
_LONGEST = 80  # characters of a test's name in that of its namespace


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stateroom")
    group.addoption(
        "--stateroom-url",
        metavar="URL",
        help="Use the Stateroom at this address, all workers of pytest-xdist the same one.  "
        "[env: STATEROOM_URL; default: a server of the run's own, or of each worker's]",
    )
    group.addoption(
        "--stateroom-keep",
        action="store_true",
        help="Leave the namespaces of failed tests in that Stateroom.  [env: STATEROOM_KEEP]",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RUN] = Run(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.close()


def pytest_report_header(config: pytest.Config) -> str | None:
    url = config.stash[_RUN].given_url
    return f"stateroom: {url}" if url else None


class Run:
    """What the tests of one process share, each part made when it is first asked for.

    :param given_url: of a service that runs already, if one was named.
    """

    def __init__(self, config: pytest.Config) -> None:
        url = config.getoption("--stateroom-url") or os.environ.get("STATEROOM_URL", "")
        self.given_url = re.sub(
            r"/ns/[^/]+/?$", "", url
        )  # `stateroom exec` and handles name a namespace too
        self.keeps = bool(config.getoption("--stateroom-keep") or os.environ.get("STATEROOM_KEEP"))
        self.kept: list[Stateroom | Memory] = []
        self.problems: list[str] = []
        self._process: ServerProcess | None = None

    @cached_property
    def server(self) -> Stateroom:
        """The namespace ``default`` of the service."""
        from state.client.stateroom import Stateroom
        from state.process import ServerProcess

        if self.given_url:
            return Stateroom(self.given_url, token=os.environ.get("STATEROOM_TOKEN"))
        open_to_us = {
            name: text
            for name, text in os.environ.items()
            if name != "AIRFLOW__API_AUTH__JWT_SECRET"
        }
        self._process = ServerProcess(
            ["--db", ":memory:", "--host", "127.0.0.1", "--log-level", "error"], open_to_us
        )
        return Stateroom(self._process.url)

    @cached_property
    def store(self) -> Store:
        """A memory database in this process."""
        from state.store.store import Store

        return Store()

    def drop(self, bench: Stateroom | Memory) -> None:
        """Drop a namespace; what goes wrong is said at the end of the run."""
        from state.errors import StateError

        try:
            bench.drop()
        except StateError as error:
            self.problems.append(f"{bench} was not dropped: {error}")
        bench.close()

    def close(self) -> None:
        for bench in self.kept:
            if self._process is None and not self.keeps:
                self.drop(bench)
            bench.close()
        if "server" in vars(self):
            self.server.close()
        if self._process is not None:
            self._process.stop()
        if "store" in vars(self):
            self.store.close()


class Benches:
    """The namespaces of one test."""

    def __init__(self) -> None:
        self.all: list[Stateroom | Memory] = []
        self.failed = False


def _timeline(bench: Stateroom | Memory) -> str:
    from state.errors import StateError

    try:
        return bench.timeline() or "(nothing)"
    except StateError as error:
        return f"(it cannot be told: {error})"


_RUN = pytest.StashKey[Run]()
_BENCHES = pytest.StashKey[Benches]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say in a failed test's report what happened; after the last phase of a test that passed,
    forget it.
    """
    report = yield
    benches = item.stash.get(_BENCHES, None)
    if benches is None:
        return report
    if report.failed:
        benches.failed = True
        report.sections += [
            (f"Stateroom: what happened in {bench.namespace}", _timeline(bench))
            for bench in benches.all
        ]
    if report.when == "teardown":
        run = item.config.stash[_RUN]
        if benches.failed:
            run.kept += benches.all
        else:
            for bench in benches.all:
                run.drop(bench)
        del item.stash[_BENCHES]
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for problem in config.stash[_RUN].problems:
        terminalreporter.write_line(f"stateroom: {problem}", yellow=True)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show where a namespace's state is not as expected, key by key."""
    module = sys.modules.get("state.client.state")
    if op != "==" or module is None:
        return None
    for held, expected in ((left, right), (right, left)):
        if isinstance(held, module.State) and isinstance(expected, dict):
            return ["the state is not as expected:", *held.differences(expected)]
    return None


def _bench(request: pytest.FixtureRequest, bench: Any) -> Any:
    """Remember a namespace of this test."""
    stash = request.node.stash
    if _BENCHES not in stash:
        stash[_BENCHES] = Benches()
    stash[_BENCHES].all.append(bench)
    return bench


def _name(request: pytest.FixtureRequest) -> str:
    """The test's name as far as a namespace may have it, and what no other run or worker has."""
    readable = _NOT_IN_A_NAME.sub("-", request.node.name).strip("-._")[:_LONGEST]
    return f"{readable or 'test'}-{secrets.token_hex(5)}"


@pytest.fixture(scope="session")
def stateroom_server(request: pytest.FixtureRequest) -> Stateroom:
    """The service of this run: a handle of the namespace ``default``, which all tests share."""
    return request.config.stash[_RUN].server


@pytest.fixture
def stateroom(request: pytest.FixtureRequest, stateroom_server: Stateroom) -> Stateroom:
    """A namespace of this test's own in a running Stateroom."""
    made: Stateroom = _bench(request, stateroom_server.create_namespace(_name(request)))
    return made


@pytest.fixture
def _stateroom_memory(request: pytest.FixtureRequest) -> Memory:
    from state.testing.memory import Memory

    made: Memory = _bench(request, Memory(request.config.stash[_RUN].store, _name(request)))
    return made


@pytest.fixture
def task_state_store(_stateroom_memory: Memory) -> Task:
    """What a task finds as ``context["task_state_store"]``, on memory; ``.retry()`` gives the next
    attempt's.
    """
    return _stateroom_memory.task()


@pytest.fixture
def asset_state_store(
    _stateroom_memory: Memory, task_state_store: Task
) -> Iterator[AssetStateStoreAccessors]:
    """A task's ``context["asset_state_store"]``, in memory, for any assets."""
    from state.testing.memory import Assets

    yield Assets(_stateroom_memory, task_state_store)
