"""Start the program, without letting Dag files see the modules of its folder."""

import importlib
import importlib.util
import os
import sys

NAME = "stateroom_airflow_worker"


def load() -> None:
    """Import this folder as a package, by its path."""
    folder = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == folder:
        del sys.path[0]  # else its modules would shadow those of the same name beside a Dag file
    spec = importlib.util.spec_from_file_location(
        NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load()
    importlib.import_module(f"{NAME}.program").main()
