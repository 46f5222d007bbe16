"""The command line: ``stateroom``, or ``python -m state``."""

from .main import main as main
