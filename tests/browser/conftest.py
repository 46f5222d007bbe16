"""A real browser on a served Stateroom; each test has a namespace of its own.

At the end of each test: no request left this machine, and the console holds no error.
"""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest

from state.process import ServerProcess
from tests.support.space import Space

VARIABLE = "STATEROOM_BROWSER"
HOW = (
    "python -m pip install -r requirements-browser.txt, "
    "and a Chromium (Debian: apt-get install chromium), "
    f"or {VARIABLE}=/path/to/chromium"
)
_NAMES = itertools.count(1)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _executable():
    """Path of the browser; if the variable names one it must exist, so that CI never skips."""
    program = os.environ.get(VARIABLE)
    if program:
        assert shutil.which(program), f"{VARIABLE} is {program!r}, which is not a program"
        return shutil.which(program)
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    return path or pytest.skip(f"Chromium is not installed: {HOW}")


@pytest.fixture(scope="session")
def chromium():
    executable = _executable()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        if os.environ.get(VARIABLE):
            raise
        pytest.skip(f"Playwright is not installed: {HOW}")
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium refuses to sandbox root
        browser = playwright.chromium.launch(executable_path=executable, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def objects(tmp_path_factory):
    """The folder where the served backend keeps its objects."""
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="session")
def site(objects):
    """A served Stateroom with a backend."""
    environ = {**os.environ, "STATEROOM_BACKEND_BASE": str(objects)}
    with ServerProcess(["--db", ":memory:", "--backend", "file"], environ) as process:
        yield process.url


@pytest.fixture
def space(site):
    """An empty namespace."""
    space = Space(site, f"browser-{os.getpid()}-{next(_NAMES)}")
    yield space
    space.drop()


class Watched:
    """Collects what no page may do: outside requests and console errors."""

    def __init__(self):
        self.wrong = []

    def watch(self, page, origin):
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("console", lambda message: self._console(message))
        page.on("request", lambda request: self._request(request.url, origin))

    def _console(self, message):
        if (
            message.type in ("error", "warning")
            and "the server responded with a status of 4" not in message.text
        ):
            self.wrong.append(f"console: {message.text}")

    def _request(self, url, origin):
        if not url.startswith((origin, "data:")):
            self.wrong.append(f"request: {url}")


@pytest.fixture
def open_page(chromium, site):
    """Opens pages: ``open_page(url, java_script_enabled=False, viewport=…)``."""
    contexts = []
    watched = Watched()

    def open_page(url, origin=site, **kind):
        context = chromium.new_context(**kind)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        watched.watch(page, origin)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert watched.wrong == []


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def look(request, open_page):
    """Opens a page with scripts, and in a second run of the test without."""

    def look(url, **kind):
        return open_page(url, java_script_enabled=request.param, **kind)

    return look
