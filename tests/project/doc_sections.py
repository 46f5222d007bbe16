"""Plays a page of documentation as a reader would: files get their names from their first lines,
commands run in order, and the output shown is what they print (``…`` stands for anything).

Ready-made extractors run blocks of Python in one process; these pages show files, commands, and
reports of failing tests.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 120  # seconds for one command


def sections(page):
    """The sections of a page of ``docs``, by their titles."""
    text = (ROOT / "docs" / page).read_text()
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


def run(command, folder, environ, fails=False):
    """Return what a command prints."""
    result = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environ,
        text=True,
        timeout=PATIENCE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert (result.returncode != 0) == fails, result.stdout
    return result.stdout


def play(section, folder, environ):
    """Write the files and run the commands of a section; if no command ran the tests, run them."""
    commands = []
    for kind, text in BLOCK.findall(section):
        if kind in ("python", "sh"):
            (folder / re.match(r"# (\w+\.\w+)\n", text)[1]).write_text(text)
        else:
            assert kind == "console"
            commands += re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    if not any("pytest" in command and "install" not in command for command, _ in commands):
        if list(folder.glob("test_*.py")):
            commands.append(("python -m pytest -q", ""))
    for command, shown in commands:
        check(run(command, folder, environ, fails=" failed" in shown), shown)


def check(printed, shown):
    """Check that the lines shown were printed, in the same order."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r" *\n"
        for line in shown.splitlines()
    )
    match = re.search(rf"^{pattern}", f"{printed}\n", re.MULTILINE)
    assert match, f"{printed}\n--- is not as shown:\n{shown}"
