"""Imports point down only, without a circle, and each library is imported where it belongs."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.each import in_each

ROOT = Path(__file__).parent.parent.parent
# Each may import what stands below it and its own modules, not what stands beside it.
# A package stands for those of its modules that have no line of their own.
LAYERS = (
    ("app",),
    ("pytest_stateroom",),
    ("stateroom_command",),
    ("web.server",),
    ("web.pages", "web.proxy"),
    ("web.api.control", "web.api.not_emulated", "web.api.openapi"),
    ("web.api.core", "web.api.execution", "web.api.login"),
    ("web.api",),  # asset_filters, entry_json
    ("web.faults",),
    ("web.error_handlers",),
    ("web.startup",),
    ("web.request",),
    ("web",),  # service, settings, errors, operation: shared by all
    ("schemas.control",),
    ("schemas",),
    ("schemas.fields",),
    ("state.__main__",),
    ("state.cli",),
    ("state.demo", "state.transfer"),
    ("state.testing",),
    ("state.airflow", "state.conformance"),
    ("state.gateway", "state.client"),
    ("state.client.report",),
    ("state.client.stateroom",),
    ("state.client.runs",),
    ("state.client.accesses",),
    ("state.client.journal", "state.client.state", "state.client.workers"),
    ("state.client.clock", "state.client.connection", "state.client.faults"),
    ("state.client.differences",),
    ("state.client.timeline",),
    ("state.client.lanes",),
    ("state.client.attempts", "state.client.events", "state.client.http"),
    ("state.run",),
    ("state.run.log", "state.run.outcome"),
    ("state.run.changes",),
    ("state.run.environment", "state.run.register"),
    ("state.run.task", "state.run.workers"),
    ("state.run.airflow_worker", "state.run.connections", "state.run.errors"),
    ("state.store", "state.worker"),  # of the store: store, fixtures, snapshots
    ("state.store.explain", "state.store.views"),
    ("state.store.keyspaces",),
    ("state.store.tables",),
    ("state.store.namespace",),
    ("state.store.faults",),
    ("state.store.journal",),
    ("state.store.database",),
    ("state",),  # the package's public names
    ("state.backends",),
    ("state.picture",),
    ("state.forks", "state.process", "state.terminal", "state.words"),
    ("state.model",),
    ("state.errors",),
    ("state.forks", "state.masking", "state.signals"),
)
# Neither directly nor through other modules.
NEVER = {
    "web": ("state.cli", "state.client", "state.conformance", "state.testing"),
    "schemas": (
        "state.backends",
        "state.cli",
        "state.client",
        "state.gateway",
        "state.store",
        "state.testing",
        "state.worker",
    ),
    "state.conformance": ("state.client",),
    "state.gateway": ("state.client",),
    "state.client": ("state.gateway", "state.store"),
    "state.store": ("state.backends", "state.client", "state.worker"),
    "state.worker": ("state.store",),
}
# The modules in the root of these stand above and below the packages inside, so each counts alone:
# web/service.py is below web/request/ and web/faults.py above it, state/store/namespace.py is below
# state/store/tables/ and state/store/store.py above it.
ROOMS_OF_THEIR_OWN = ("state", "state.store", "web", "web.pages")
ONLY_IN = {
    "flask": ("web/", "app.py"),
    "marshmallow": ("web/", "schemas/"),
    "waitress": ("web/server/",),
    "sqlite3": ("state/store/",),
    "sqlite_utils": ("state/store/",),
    "requests": ("state/client/http.py",),
    "urllib3": ("state/client/http.py", "web/proxy/upstream.py"),
    "rich": ("state/cli/shared/tables.py", "state/cli/shared/progress.py"),
    "jwt": ("state/model/tokens.py",),
    "apispec": ("web/api/openapi.py",),
}
READ_THE_ENVIRONMENT = (
    "pytest_stateroom.py",
    "state/airflow.py",  # of an Airflow process
    "state/cli/",
    "state/run/airflow_worker/",  # a program of its own
    "state/run/environment.py",  # what the task's process inherits
    "state/worker/backends.py",
    "web/server/serve.py",
)


NUMBERED_PLACEHOLDER = re.compile(r"\?[0-9]")
IMPORT_BY_NAME = (
    "state/backends/hooks.py",  # a user's class
    "state/cli/main.py",  # the path of the service's program
    "state/run/airflow_worker/__main__.py",  # a folder that is a program of its own
    "state/run/airflow_worker/sources.py",  # changes how Python compiles what it imports
    "state/run/airflow_worker/serving.py",  # looks at which modules Airflow has imported
    "state/run/airflow_worker/triggers.py",  # a user's class
    "state/run/airflow_worker/preload.py",  # reads the metadata of Airflow's packages
    "pytest_stateroom.py",  # a module, if a failed test has loaded it
    "stateroom_command.py",  # finds a module without importing it
)
_IMPORTERS = {"__import__", "import_module", "imp", "importlib", "pkgutil", "runpy"}
_RUN_TEXT = {"exec", "eval"}
_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}


def sources():
    for part in ("state", "schemas", "web"):
        yield from sorted((ROOT / part).rglob("*.py"))
    yield ROOT / "app.py"
    yield ROOT / "pytest_stateroom.py"
    yield ROOT / "stateroom_command.py"


def name_of(path):
    """Return the dotted name of a module; for ``__init__.py`` that of its package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sources()}
of_each_module = in_each(MODULES.values())


@functools.cache
def nodes_of(path):
    """Return every node of a file's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text())))


def imported(path):
    """Return the modules that a file imports, for types and in functions too; names absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{module}.{alias.name}"
                yield submodule if submodule in MODULES else module


def imports_by_name(node):
    """Return whether a node names a function or module that imports by a string, or runs one."""
    if isinstance(node, ast.Name):
        return node.id in _IMPORTERS | _RUN_TEXT
    if isinstance(node, ast.Attribute):  # builtins.__import__, sys.modules["state.cli"]
        return node.attr in _IMPORTERS or ast.unparse(node) == "sys.modules"
    if isinstance(node, ast.Constant):  # getattr(builtins, "__import__")
        return node.value in ("__import__", "import_module")
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in _IMPORTERS for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and (node.module or "").partition(".")[0] in _IMPORTERS
    return False


def reads_the_environment(node):
    """Return whether a node takes the environment from ``os``, or gives ``os`` another name."""
    if isinstance(node, ast.Import):
        return any(alias.name == "os" and alias.asname for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return any(alias.name in _ENVIRONMENT for alias in node.names)
    if isinstance(node, ast.Constant):  # getattr(os, "environ")
        return node.value in _ENVIRONMENT
    return isinstance(node, ast.Attribute) and ast.unparse(node) in {
        f"os.{name}" for name in _ENVIRONMENT
    }


def layer_of(module):
    """Return the number of a module's layer, counted from the top."""
    names = [
        (len(name), number)
        for number, layer in enumerate(LAYERS)
        for name in layer
        if within(module, name)
    ]
    return max(names)[1]


def part_of(module):
    """Return the name in its layer that a module belongs to."""
    return max((name for name in LAYERS[layer_of(module)] if within(module, name)), key=len)


def room_of(module):
    """Return the package that a module stands in, or the module where it is a room of its own."""
    package = module.rpartition(".")[0]
    if MODULES[module].name == "__init__.py" or package in ("", *ROOMS_OF_THEIR_OWN):
        return module
    return package


def within(module, package):
    return f"{module}.".startswith(f"{package}.")


def chain_into(package, module):
    """Return the imports that lead from a module into a package, or an empty list."""
    chains = [[module]]
    seen = {module}
    for chain in chains:
        if within(chain[-1], package):
            return chain
        following = IMPORTS[chain[-1]] - seen
        seen |= following
        chains += [[*chain, other] for other in sorted(following)]
    return []


def assert_no_circle(graph, advice):
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"{' <- '.join(error.args[1])}: {advice}")


IMPORTS = {
    module: {other for other in imported(path) if other in MODULES} - {module}
    for module, path in MODULES.items()
}


@of_each_module
def test_imports_point_down(path):
    module = name_of(path)
    up = [
        other
        for other in sorted(IMPORTS[module])
        if part_of(other) != part_of(module) and layer_of(other) <= layer_of(module)
    ]
    assert not up, (
        f"{module} imports {', '.join(up)}, which is not below it in LAYERS; move what it needs "
        "down, hand it over as an argument, or give a new module its line in LAYERS"
    )


@pytest.mark.parametrize(
    ("importer", "package"),
    [(importer, package) for importer, packages in NEVER.items() for package in packages],
)
def test_a_package_never_imports_another(importer, package):
    modules = [module for module in MODULES if within(module, importer)]
    chains = [chain for module in modules if (chain := chain_into(package, module))]
    shortest = min(chains, key=len, default=[])
    assert not shortest, (
        f"{' -> '.join(shortest)}: {importer} must not import {package}; move what both need to a "
        "module below both, or hand it over as an argument"
    )


def test_no_modules_import_each_other_in_a_circle():
    assert_no_circle(IMPORTS, "move what both need into a third module below them")


def test_no_packages_import_each_other_in_a_circle():
    rooms = {room_of(module): set() for module in MODULES}
    for module, others in IMPORTS.items():
        rooms[room_of(module)] |= {room_of(other) for other in others} - {room_of(module)}
    assert_no_circle(
        rooms, "move the module that closes the circle into the package that imports it"
    )


PARTS = ("benchmarks", "docs", "examples", "schemas", "state", "tests", "web")
FOLDERS = sorted({path.parent for part in PARTS for path in (ROOT / part).rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_has_at_most_16_modules(folder):
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= 16, f"{folder.name}/ has {len(modules)} modules: split it by noun"


@of_each_module
def test_a_library_is_imported_only_where_it_belongs(path):
    name = str(path.relative_to(ROOT))
    roots = {module.split(".")[0] for module in imported(path)}
    wrong = [
        library
        for library, places in ONLY_IN.items()
        if library in roots and not name.startswith(places)
    ]
    assert not wrong, f"{name} imports {wrong}; ONLY_IN says where that belongs"


@pytest.mark.parametrize(
    "line",
    [
        "__import__('state.cli')",
        "builtins.__import__('state.cli')",
        "getattr(builtins, '__import__')",
        "import importlib as other",
        "from importlib import import_module as load",
        "from runpy import run_module",
        "exec('import state.cli')",
        "sys.modules['state.cli']",
    ],
)
def test_an_import_by_a_string_is_found(line):
    assert any(imports_by_name(node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "os.environ['HOME']",
        "import os as system",
        "from os import environ as variables",
        "getattr(os, 'environ')",
    ],
)
def test_a_read_of_the_environment_is_found(line):
    assert any(reads_the_environment(node) for node in ast.walk(ast.parse(line)))


@of_each_module
def test_only_what_no_statement_can_import_is_imported_by_name(path):
    name = str(path.relative_to(ROOT))
    by_name = any(imports_by_name(node) for node in nodes_of(path))
    assert not by_name or name in IMPORT_BY_NAME, (
        f"{name} imports a module by a string, which these tests do not see; import it with a "
        "statement, or add the file to IMPORT_BY_NAME if it loads what no statement can"
    )


@of_each_module
def test_only_the_outermost_modules_read_the_environment(path):
    reads = any(reads_the_environment(node) for node in nodes_of(path))
    outermost = str(path.relative_to(ROOT)).startswith(READ_THE_ENVIRONMENT)
    assert outermost or not reads, "take what it needs as an argument"


@of_each_module
def test_sql_has_no_numbered_placeholders(path):
    texts = [
        node.value
        for node in nodes_of(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    numbered = [text for text in texts if NUMBERED_PLACEHOLDER.search(text)]
    assert not numbered, (
        "early releases of Python 3.12 warn of a sequence for ?1 (gh-117995), which fails in a "
        "project that makes warnings errors; name the parameters (:ns) and give a dict"
    )


def test_the_service_starts_without_what_it_does_not_need():
    program = "import sys, app; print(*sys.modules)"
    call = [sys.executable, "-c", program]
    modules = subprocess.check_output(call, cwd=ROOT, text=True).split()
    assert "app" in modules
    assert not {"requests", "urllib3", "apispec", "asyncio", "jwt"} & set(modules)
