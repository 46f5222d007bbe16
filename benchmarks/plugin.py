"""What the pytest plugin costs a run that does not use it, and a run that does.

python -m benchmarks.plugin
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 15
UNUSED = "".join(f"def test_{number}(): pass\n" for number in range(100))
USED = UNUSED.replace("()", "(stateroom)")
MEMORY = UNUSED.replace("()", "(task_state_store)")
GOAL = 20  # ms


def seconds(folder: Path, source: str, *options: str) -> float:
    """How long a run of a file of tests takes."""
    (folder / "test_it.py").write_text(source)
    environ = {
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    start = time.perf_counter()
    subprocess.run(call, check=True, cwd=folder, env=environ, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """The median of the differences to a run without the plugin, in ms; the runs take turns."""
    with_it = ("-p", "pytest_stateroom")
    cases = {"not used": UNUSED, "100 tests, memory": MEMORY, "100 tests, server": USED}
    differences: dict[str, list[float]] = {name: [] for name in cases}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            bare = seconds(Path(folder), UNUSED)
            for name, source in cases.items():
                differences[name].append(seconds(Path(folder), source, *with_it) - bare)
    return {name: statistics.median(each) * 1000 for name, each in differences.items()}


def main() -> None:
    for name, cost in measure().items():
        goal = f" (goal: under {GOAL})" if name == "not used" else f" ({cost / 100:.1f} a test)"
        print(f"plugin, {name:18} {cost:7.1f} ms{goal}")


if __name__ == "__main__":
    main()
