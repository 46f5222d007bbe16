"""Imports point down only: app.py → web → schemas → state, and inside state to what stands below."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ONLY_IN = {
    "flask": ("web/", "app.py"),
    "marshmallow": ("web/", "schemas/"),
    "waitress": ("web/server.py",),
    "sqlite3": ("state/store/",),
    "sqlite_utils": ("state/store/",),
    "requests": ("state/client.py",),
    "jwt": ("state/tokens.py",),
    "apispec": ("web/openapi.py",),
}
BELOW = {  # a part may import none of these
    "state/": {"web", "schemas", "app"},
    "schemas/": {"web", "app"},
    "web/": {"app"},
}


def sources():
    for part in ("state", "schemas", "web"):
        yield from sorted((ROOT / part).rglob("*.py"))
    yield ROOT / "app.py"
    yield ROOT / "pytest_stateroom.py"


def imported(path):
    """The modules that a file imports, relative ones resolved."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_where_it_belongs(path):
    name = str(path.relative_to(ROOT))
    roots = {module.split(".")[0] for module in imported(path)}
    wrong = [library for library, places in ONLY_IN.items() if library in roots and not name.startswith(places)]
    assert wrong == []


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    name = str(path.relative_to(ROOT))
    roots = {module.split(".")[0] for module in imported(path)}
    assert [part for folder, parts in BELOW.items() if name.startswith(folder) for part in parts & roots] == []


def test_client_and_store_never_meet():
    assert not [module for module in imported(ROOT / "state/client.py") if module.startswith("state.store")]
    for path in (ROOT / "state/store").glob("*.py"):
        assert "state.client" not in set(imported(path))


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_outermost_modules_read_the_environment(path):
    reads = "os.environ" in path.read_text() or "getenv" in path.read_text()
    outermost = path.name in ("app.py", "worker.py", "pytest_stateroom.py") or path.name.startswith("cli")
    assert not reads or outermost


@pytest.mark.parametrize("library", ["requests", "apispec", "asyncio"])
def test_the_service_starts_without_what_it_does_not_need(library):
    program = f"import sys, app; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
