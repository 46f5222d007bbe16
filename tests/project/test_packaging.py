"""The wheel adds three import names and works beside a project's own app, schemas and web."""

import os
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A project folder with modules named like the service's, and the wheel's import path."""
    folder = tmp_path_factory.mktemp("project")
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("app.py", "schemas.py", "web/__init__.py"):
        path = folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("OWNER = 'the project'\n")
    return folder / "project", site


def test_the_wheel_adds_three_import_names(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {
        "state",
        "pytest_stateroom.py",
        "stateroom_command.py",
    }


def test_the_wheel_carries_the_service_and_its_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "state/_service/app.py",
        "state/_service/web/api/not_emulated.txt",
        "state/_service/web/pages/templates/base.html",
        "state/_service/web/pages/static/style.css",
        "state/_service/web/pages/static/page.js",
        "state/_service/schemas/core/store.py",
    } <= names


def test_it_serves_beside_a_project_of_the_same_names(installed):
    project, site = installed
    program = """
import app, schemas, web
from state.process import ServerProcess, service_path
from state.client import StateroomClient
assert "_service" in str(service_path())
with ServerProcess(["--db", ":memory:"]) as process:
    print(StateroomClient(process.url).call("GET", "/_stateroom/health").json()["status"])
print(app.OWNER, schemas.OWNER, web.OWNER)
"""
    environ = {"PYTHONPATH": str(site)}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout.splitlines() == ["healthy", "the project the project the project"], (
        result.stderr
    )


def test_the_installed_command_knows_serve(installed):
    project, site = installed
    call = [sys.executable, "-m", "state", "serve", "--help"]
    result = subprocess.run(
        call, cwd=project, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=60
    )
    assert "--jwt-secret" in result.stdout, result.stderr


@pytest.mark.parametrize(
    "named_too", [[], ["-p", "pytest_stateroom"]], ids=["installed", "installed and named"]
)
def test_installed_plugin_works_in_a_project_with_the_same_names(installed, named_too):
    project, site = installed
    test = project / "test_it.py"
    test.write_text(
        "import app\n"
        "def test_it(stateroom):\n"
        "    assert stateroom.state == {}\n"
        "    assert app.OWNER == 'the project'\n"
    )
    call = [sys.executable, "-m", "pytest", "-q", *named_too, str(test)]
    result = subprocess.run(
        call, cwd=project, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=60
    )
    assert "1 passed" in result.stdout, result.stdout + result.stderr


@pytest.fixture(params=["state.py", "state/__init__.py"])
def conflicting(request, wheel, tmp_path):
    """The path of a module ``state`` of a project's own, in ``project`` beside ``site``, where the
    wheel is installed.
    """
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", tmp_path / "site", wheel], check=True, timeout=60)
    path = tmp_path / "project" / request.param
    path.parent.mkdir(parents=True)
    path.write_text("OWNER = 'the project'\n")
    return path


@pytest.fixture
def run(conflicting, tmp_path):
    """Runs Python in the project's folder, with an import path of folders beside it."""

    def run(*call, import_path=("site",)):
        folders = os.pathsep.join(str(tmp_path / folder) for folder in import_path)
        return subprocess.run(
            [sys.executable, *map(str, call)],
            cwd=tmp_path / "project",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": folders},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def sentence(path):
    return f"{path} is imported instead of Stateroom's package `state`: rename it, or remove its "


def test_the_command_names_the_file_that_hides_it(run, conflicting, tmp_path):
    command = tmp_path / "site" / "bin" / "stateroom"
    result = run(command, "list", import_path=("project", "site"))
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"stateroom: {sentence(conflicting)}")


def test_command_and_service_work_in_a_folder_with_a_state(run, tmp_path):
    command = tmp_path / "site" / "bin" / "stateroom"
    result = run(command, "exec", "--", sys.executable, "-c", "import state; print(state.OWNER)")
    assert result.stdout == "the project\n", result.stderr


@pytest.mark.parametrize("fixture", ["stateroom", "task_state_store", "asset_state_store"])
@pytest.mark.parametrize("imports", ["import state", "import pytest"])
def test_the_plugin_names_the_file_that_hides_it(run, conflicting, tmp_path, fixture, imports):
    test = tmp_path / "project" / "test_it.py"
    test.write_text(f"{imports}\ndef test_it({fixture}):\n    pass\n")
    result = run("-m", "pytest", "-q", test)
    assert "1 error" in result.stdout
    assert sentence(conflicting) in result.stdout
    assert "Traceback" not in result.stdout
    assert "ModuleNotFoundError" not in result.stdout


def test_a_run_that_uses_no_fixture_works_beside_a_state(run, tmp_path):
    test = tmp_path / "project" / "test_it.py"
    test.write_text("import state\ndef test_it():\n    assert state.OWNER == 'the project'\n")
    result = run("-m", "pytest", "-q", test)
    assert "1 passed" in result.stdout, result.stdout
