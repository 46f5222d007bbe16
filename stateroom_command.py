"""The command ``stateroom``; it stands beside the package ``state``, which a user's may hide."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_USAGE = 2  # exit status
_PACKAGE = Path(__file__).resolve().with_name("state")


def conflict() -> str | None:
    """Which file is imported instead of Stateroom's package, in a sentence; None if none is."""
    file = _file_of_state()
    if file is None or Path(file).resolve().parent == _PACKAGE:
        return None
    return (
        f"{file} is imported instead of Stateroom's package `state`: rename it, or remove its "
        "folder from the import path (sys.path, PYTHONPATH)"
    )


def _file_of_state() -> str | None:
    """The file that ``import state`` executes, or has executed; None if it is not known."""
    module = sys.modules.get("state")
    if module is not None:
        return module.__file__
    spec = find_spec("state")
    if spec is None:
        return None
    return spec.origin


def main() -> None:
    """Run the command line, or say which file is in its way."""
    sentence = conflict()
    if sentence is not None:
        print(f"stateroom: {sentence}", file=sys.stderr)
        sys.exit(_USAGE)
    from state.cli import main as run

    run()


if __name__ == "__main__":
    main()
