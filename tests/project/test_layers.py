"""Imports point down only, without a circle, and each library is imported where it belongs."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LAYERS = (  # each may import what stands below it, and its own modules
    ("app",),
    ("pytest_stateroom",),
    ("web.server",),
    ("web.pages",),
    ("web.api",),
    ("web.faults",),
    ("web.error_handlers",),
    ("web.startup",),
    ("web.request",),
    ("web",),  # service, settings, errors, operation: shared by all
    ("schemas",),
    ("state.__main__",),
    ("state.cli",),
    ("state.testing",),
    ("state.conformance",),
    ("state.client", "state.gateway"),
    ("state.store", "state.worker"),
    ("state",),  # the package's public names
    ("state.backends",),
    ("state.process", "state.terminal"),
    ("state.model",),
    ("state.errors",),
    ("state.masking",),
)
ONLY_IN = {
    "flask": ("web/", "app.py"),
    "marshmallow": ("web/", "schemas/"),
    "waitress": ("web/server/",),
    "sqlite3": ("state/store/",),
    "sqlite_utils": ("state/store/",),
    "requests": ("state/client/http.py",),
    "jwt": ("state/model/tokens.py",),
    "apispec": ("web/api/openapi.py",),
}
READ_THE_ENVIRONMENT = (
    "pytest_stateroom.py",
    "state/cli/",
    "state/worker/backends.py",
    "web/server/serve.py",
)


def sources():
    for part in ("state", "schemas", "web"):
        yield from sorted((ROOT / part).rglob("*.py"))
    yield ROOT / "app.py"
    yield ROOT / "pytest_stateroom.py"


def name_of(path):
    """Return the dotted name of a module; for ``__init__.py`` that of its package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sources()}
SOURCES = pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)


def imported(path):
    """Return the modules that a file imports, for types and in functions too; names absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{module}.{alias.name}"
                yield submodule if submodule in MODULES else module


def layer_of(module):
    """Return the number of a module's layer, counted from the top."""
    names = [
        (len(name), number)
        for number, layer in enumerate(LAYERS)
        for name in layer
        if module == name or module.startswith(f"{name}.")
    ]
    return max(names)[1]


def part_of(module):
    """Return the name in its layer that a module belongs to."""
    return max(
        (name for name in LAYERS[layer_of(module)] if f"{module}.".startswith(f"{name}.")), key=len
    )


@SOURCES
def test_imports_point_down(path):
    module = name_of(path)
    up = [
        other
        for other in imported(path)
        if other in MODULES
        and part_of(other) != part_of(module)
        and layer_of(other) <= layer_of(module)
    ]
    assert not up, (
        f"{module} imports {', '.join(up)}, which is not below it in LAYERS; "
        "move what it needs down, or hand it over as an argument"
    )


def test_no_imports_go_in_a_circle():
    graph = {
        name: {other for other in imported(path) if other in MODULES and other != name}
        for name, path in MODULES.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(
            f"{' <- '.join(error.args[1])}: move what both need into a third module below them"
        )


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in MODULES.values()} - {ROOT}), ids=str
)
def test_a_folder_has_at_most_16_modules(folder):
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= 16, f"{folder.name}/ has {len(modules)} modules: split it by noun"


@SOURCES
def test_a_library_is_imported_only_where_it_belongs(path):
    name = str(path.relative_to(ROOT))
    roots = {module.split(".")[0] for module in imported(path)}
    wrong = [
        library
        for library, places in ONLY_IN.items()
        if library in roots and not name.startswith(places)
    ]
    assert not wrong, f"{name} imports {wrong}; ONLY_IN says where that belongs"


@SOURCES
def test_only_the_outermost_modules_read_the_environment(path):
    text = path.read_text()
    reads = "os.environ" in text or "getenv" in text
    outermost = str(path.relative_to(ROOT)).startswith(READ_THE_ENVIRONMENT)
    assert outermost or not reads, "take what it needs as an argument"


@pytest.mark.parametrize("library", ["requests", "apispec", "asyncio"])
def test_the_service_starts_without_what_it_does_not_need(library):
    program = f"import sys, app; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
