"""Runs of pytest with the plugin, each in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs a file of tests in a process of its own, with the plugin as a checkout has it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("STATEROOM_URL", "STATEROOM_KEEP"):
        monkeypatch.delenv(name, raising=False)

    def run(source, *options):
        pytester.makepyfile(source)
        plugins = ["-p", "pytest_stateroom", *(["-p", "xdist"] if "-n" in options else [])]
        return pytester.runpytest_subprocess(*plugins, "-W", "error", *options, timeout=120)

    return run
